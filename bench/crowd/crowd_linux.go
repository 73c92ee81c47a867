package crowd

import (
	"context"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Crowd is a number of connections to one server. Only one goroutine at a time may use
// it.
type Crowd struct {
	scan    Scanner
	server  unix.SockaddrInet4
	epoll   int
	timer   int // wakes a paced run
	members []*member
	events  []unix.EpollEvent
	text    []byte // what was read last
	request []byte // what is written next
	closed  bool
}

// member is one connection of a crowd.
type member struct {
	index, fd int
	under     int    // requests without an answer
	over      bool   // it has no more requests in this run
	held      bool   // it is among those that wait for pushes
	partial   []byte // the beginning of a reply that has not come whole
	unsent    []byte // what the socket had no room for
}

const (
	readAtOnce   = 256 << 10
	eventsAtOnce = 512
	timerIndex   = -1
)

// New makes a crowd without members, for a server at an IPv4 address.
func New(address string, scan Scanner) (*Crowd, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().Is4() {
		return nil, fmt.Errorf("%s is no IPv4 address with a port", address)
	}
	c := &Crowd{
		scan: scan, server: unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()},
		events: make([]unix.EpollEvent, eventsAtOnce), text: make([]byte, readAtOnce),
	}
	if c.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	if c.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC); err == nil {
		err = c.watch(unix.EPOLL_CTL_ADD, c.timer, timerIndex, unix.EPOLLIN)
	}
	if err != nil {
		_ = unix.Close(c.epoll) // nothing is in it yet
		return nil, fmt.Errorf("timer: %w", err)
	}
	return c, nil
}

// Size is how many members there are.
func (c *Crowd) Size() int { return len(c.members) }

// Join adds members. The connections are not logged in.
func (c *Crowd) Join(ctx context.Context, more int) error {
	for range more {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		fd, err := connect(&c.server)
		if err != nil {
			return fmt.Errorf("member %d cannot connect: %w", len(c.members), err)
		}
		m := &member{index: len(c.members), fd: fd}
		c.members = append(c.members, m)
		if err := c.watch(unix.EPOLL_CTL_ADD, fd, m.index, unix.EPOLLIN); err != nil {
			return fmt.Errorf("epoll: %w", err)
		}
	}
	return nil
}

func connect(server unix.Sockaddr) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	for err = unix.Connect(fd, server); err == unix.EINTR; {
		err = unix.Connect(fd, server)
	}
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if err == nil {
		// Closing leaves no trace in the system. Otherwise tens of thousands of ports
		// would be held for a minute.
		err = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		_ = unix.Close(fd) // it cannot be used
	}
	return fd, err
}

// watch says for which events of a socket to wait. The index comes back with each event.
func (c *Crowd) watch(operation, fd, index int, events uint32) error {
	return unix.EpollCtl(c.epoll, operation, fd, &unix.EpollEvent{Events: events, Fd: int32(index)}) //nolint:gosec // there are no more of them than open files
}

// Close closes all connections. It may be called again.
func (c *Crowd) Close() {
	if c.closed {
		return
	}
	c.closed = true
	for _, m := range c.members {
		_ = unix.Close(m.fd) // nothing in it matters any more
	}
	_ = unix.Close(c.timer)
	_ = unix.Close(c.epoll)
}
