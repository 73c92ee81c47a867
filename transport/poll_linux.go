package transport

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pollSet is Linux's epoll, told of changes only (EPOLLET): a socket that was
// read up to its end costs no further call.
type pollSet struct {
	fd   int
	file *os.File // of fd, so that the runtime waits when there is nothing to do
	raw  syscall.RawConn

	events [128]unix.EpollEvent
	n      int
	failed error
	look   func(fd uintptr) bool
	parked atomic.Bool // it waits
	now    []*conn     // of the events

	mu    sync.Mutex // guards what follows; taken at a connection's start and end, and once for each round
	conns []*conn    // by slot
	free  []int32
}

func (s *pollSet) open() bool {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return false
	}
	s.fd = fd
	if err = unix.SetNonblock(fd, true); err == nil {
		s.file = os.NewFile(uintptr(fd), "epoll")
		s.raw, err = s.file.SyscallConn()
	}
	s.look = func(fd uintptr) bool {
		s.n, s.failed = unix.EpollWait(int(fd), s.events[:], 0)
		return s.n > 0 || s.failed != nil
	}
	return err == nil
}

// wait looks for events, and waits for one, or a kick, if it may. It reports
// false when the set is closed.
func (s *pollSet) wait(may bool) bool {
	s.n = 0
	err := s.raw.Read(s.once)
	if err == nil && s.n == 0 && may {
		s.parked.Store(true)
		err = s.raw.Read(s.look)
		s.parked.Store(false)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		s.n = 0
		err = s.file.SetReadDeadline(time.Time{})
	}
	s.n = max(s.n, 0) // -1 when a signal came in between
	return err == nil
}

// once looks and does not wait.
func (s *pollSet) once(fd uintptr) bool {
	s.look(fd)
	return true
}

// kick ends a wait.
func (s *pollSet) kick() {
	if s.parked.CompareAndSwap(true, false) {
		_ = s.file.SetReadDeadline(time.Now()) // it fails when the set is closed: nobody waits then
	}
}

// each calls f for the events of the last wait. An event may be meant for a
// connection that had the slot before: f has to bear that.
func (s *pollSet) each(f func(c *conn, in, out, over bool)) {
	s.mu.Lock()
	s.now = s.now[:0]
	for _, e := range s.events[:s.n] {
		s.now = append(s.now, s.conns[e.Fd])
	}
	s.mu.Unlock()
	for i, c := range s.now {
		if c != nil {
			flags := s.events[i].Events
			f(c, flags&^unix.EPOLLOUT != 0, flags&unix.EPOLLOUT != 0, flags&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0)
		}
	}
	clear(s.now)
}

// add reports false where the system has no room for one more.
func (s *pollSet) add(c *conn) bool {
	s.mu.Lock()
	if n := len(s.free); n > 0 {
		c.ready.slot = s.free[n-1]
		s.free = s.free[:n-1]
	} else {
		c.ready.slot = int32(len(s.conns)) //nolint:gosec // there are fewer connections than file descriptors
		s.conns = append(s.conns, nil)
	}
	s.conns[c.ready.slot] = c
	s.mu.Unlock()
	var err error
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: c.ready.slot}
	if closed := c.ready.raw.Control(func(fd uintptr) {
		err = unix.EpollCtl(s.fd, unix.EPOLL_CTL_ADD, int(fd), &event)
	}); closed != nil || err != nil {
		s.remove(c)
		return false
	}
	return true
}

func (s *pollSet) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[c.ready.slot] = nil
	s.free = append(s.free, c.ready.slot)
}

// close ends the waiting.
func (s *pollSet) close() error { return s.file.Close() }
