package transport

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// stream is what a connection needs of its socket, which is one of package net, one of TLS, or a
// polled one. The former two are also written by it; the flusher writes the latter.
type stream interface {
	io.ReadCloser
	RemoteAddr() net.Addr
	SetReadDeadline(t time.Time) error
}

// polled is the socket of a connection that a poller reads. The runtime does not know of it:
// otherwise its own poller would be told of each request too, and would wake a thread for
// nothing.
type polled struct {
	file  *os.File // closes it when nobody uses it any more
	raw   syscall.RawConn
	from  net.Addr
	until atomic.Pointer[time.Time] // nothing is read after it
	ready *readiness
}

// newPolled makes a second descriptor for the connection of a plain socket. The caller closes
// the plain one.
func newPolled(plain *net.TCPConn, ready *readiness) (*polled, error) {
	file, err := unknown(plain)
	if err != nil {
		return nil, err
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &polled{file: file, raw: raw, from: plain.RemoteAddr(), ready: ready}, nil
}

// RemoteAddr is the client's address.
func (s *polled) RemoteAddr() net.Addr { return s.from }

// Close closes the socket at once, for all who use it.
func (s *polled) Close() error { return s.file.Close() }

// CloseWrite tells the client that nothing more comes.
func (s *polled) CloseWrite() error {
	var failed error
	err := s.raw.Control(func(fd uintptr) { failed = syscall.Shutdown(int(fd), syscall.SHUT_WR) })
	return errors.Join(err, failed)
}

// SetReadDeadline may be called by any goroutine. Whoever waits in Read is woken by conn.rouse.
func (s *polled) SetReadDeadline(t time.Time) error {
	s.until.Store(&t)
	return nil
}

// Read waits for input, of which the poller tells. The caller has the reading.
func (s *polled) Read(p []byte) (int, error) {
	for {
		n, err := s.readNow(p)
		if err != errIdle {
			return n, err
		}
		s.wait()
	}
}

// readNow reads what is there.
func (s *polled) readNow(p []byte) (n int, err error) {
	if until := s.until.Load(); until != nil && !time.Now().Before(*until) {
		return 0, os.ErrDeadlineExceeded
	}
	var failed error
	err = s.raw.Read(func(fd uintptr) bool {
		n, failed = syscall.Read(int(fd), p)
		return true
	})
	switch {
	case err != nil:
		return 0, err
	case failed == syscall.EAGAIN, failed == syscall.EINTR:
		return 0, errIdle
	case failed != nil:
		return 0, failed
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// wait waits until something has come in since the reading was taken, or the deadline.
func (s *polled) wait() {
	r := s.ready
	if r.bell == nil {
		r.bell = make(chan struct{}, 1)
	}
	if !r.state.CompareAndSwap(held, waiting) {
		r.state.Store(held) // it has been missed
		return
	}
	var late <-chan time.Time
	if until := s.until.Load(); until != nil {
		timer := time.NewTimer(time.Until(*until))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-r.bell:
		return
	case <-late:
	}
	if !r.state.CompareAndSwap(waiting, held) {
		<-r.bell
	}
}
