package transport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// pollSet is Linux's epoll, told of changes only (EPOLLET): a socket that was
// read up to its end costs no further call.
type pollSet struct {
	fd     int
	kicks  int // an eventfd in it, which ends a wait; nobody reads it
	closed atomic.Bool

	events [128]unix.EpollEvent
	n      int
	now    []*conn // of the events

	mu    sync.Mutex // guards what follows; taken at a connection's start and end, at a kick, and once for each round
	conns []*conn    // by slot
	free  []int32
	lives int32 // connections so far, which tells those apart that have one slot after the other
	gone  bool  // the files are closed
}

// kicked is the slot of kicks.
const kicked = -1

func (s *pollSet) open() bool {
	var err error
	if s.fd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return false
	}
	if s.kicks, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		_ = unix.Close(s.fd)
		return false
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: kicked}
	if unix.EpollCtl(s.fd, unix.EPOLL_CTL_ADD, s.kicks, &event) != nil {
		s.release()
		return false
	}
	return true
}

// wait looks for events, and waits for one, if it may, in a system call of its
// own. It reports false, and the set is gone, when it was closed.
func (s *pollSet) wait(may bool) bool {
	timeout := 0
	if may {
		timeout = -1
	}
	n, err := unix.EpollWait(s.fd, s.events[:], timeout)
	if s.n = n; err != nil {
		s.n = 0 // a signal came in between: nothing else can be
	}
	if s.closed.Load() {
		s.release()
		return false
	}
	return true
}

// one is what is added to the eventfd.
var one = binary.NativeEndian.AppendUint64(nil, 1)

// wake ends the wait, or the next one.
func (s *pollSet) wake() { _ = s.kick() } // a full counter has ended it already

func (s *pollSet) kick() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return nil
	}
	_, err := unix.Write(s.kicks, one)
	return err
}

// close ends the waiting for good.
func (s *pollSet) close() error {
	s.closed.Store(true)
	return s.kick()
}

func (s *pollSet) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = true
	_ = unix.Close(s.kicks) // nothing that matters is in either
	_ = unix.Close(s.fd)
}

// each calls f for the events of the last wait, and reports whether there were
// any of connections.
func (s *pollSet) each(f func(c *conn, in, out, over bool)) bool {
	if s.n == 0 {
		return false
	}
	some := false
	s.mu.Lock()
	s.now = s.now[:0]
	for _, e := range s.events[:s.n] {
		if e.Fd == kicked {
			s.now = append(s.now, nil)
		} else {
			s.now = append(s.now, s.meant(e))
		}
	}
	s.mu.Unlock()
	for i, c := range s.now {
		if c != nil {
			flags := s.events[i].Events
			some = true
			f(c, flags&^unix.EPOLLOUT != 0, flags&unix.EPOLLOUT != 0, flags&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0)
		}
	}
	clear(s.now)
	return some
}

// meant is whom an event is for, nil when that has ended: who has the slot now must not
// hear of it, and would be taken for ended. Under mu.
func (s *pollSet) meant(e unix.EpollEvent) *conn {
	if c := s.conns[e.Fd]; c != nil && c.ready.life == e.Pad {
		return c
	}
	return nil
}

// add reports false where the system has no room for one more.
func (s *pollSet) add(c *conn) bool {
	s.mu.Lock()
	s.lives++
	c.ready.life = s.lives
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
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: c.ready.slot, Pad: c.ready.life}
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

// unknown returns a plain socket's file, which the runtime does not watch: it leaves
// those alone that block when it is given them.
func unknown(plain *net.TCPConn) (*os.File, error) {
	raw, err := plain.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd int
	var failed error
	err = raw.Control(func(old uintptr) {
		if fd, failed = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0); failed == nil {
			failed = unix.SetNonblock(fd, false)
		}
	})
	if err = errors.Join(err, failed); err != nil {
		return nil, fmt.Errorf("a socket of our own: %w", err)
	}
	return os.NewFile(uintptr(fd), "socket"), unix.SetNonblock(fd, true) //nolint:gosec // a file descriptor is small
}
