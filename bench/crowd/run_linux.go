package crowd

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

const (
	patience   = 60 * time.Second       // how long a server may owe replies without sending any
	lookAround = 100 * time.Millisecond // how soon the end of the context is noticed
)

// run is a load that is under way.
type run struct {
	Load
	*Crowd
	Result
	senders  []*member
	sent     int       // number of requests
	under    int       // requests without an answer
	begun    time.Time // a paced load counts from here
	now      time.Time
	heard    time.Time // when the last reply came
	read     time.Time // when the replies that are being counted were read; only set with OnPush
	ending   bool      // no more requests are sent
	held     []*member // members that wait for the window
	turn     int       // number of requests of a paced load so far
	expected int       // number of pushes
}

// Run makes the load, and waits until every request has its answer and its pushes. It
// fails if an answer is wrong, a connection is lost, or nothing comes for a minute while
// replies are owed. After that the crowd can only be closed.
func (c *Crowd) Run(ctx context.Context, load Load) (Result, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r := &run{Load: load, Crowd: c, senders: c.members}
	if load.Senders > 0 {
		r.senders = c.members[:load.Senders]
	}
	r.Depth = max(r.Depth, 1)
	r.begun = time.Now()
	r.now, r.heard = r.begun, r.begun
	if err := r.start(); err != nil {
		return r.Result, err
	}
	for !r.done() {
		if err := context.Cause(ctx); err != nil {
			return r.Result, err
		}
		if err := r.wake(); err != nil {
			return r.Result, err
		}
	}
	r.Took = r.heard.Sub(r.begun)
	return r.Result, r.setPace(0)
}

func (r *run) start() error {
	for _, m := range r.members {
		m.over, m.held = false, false
	}
	if r.Every > 0 {
		return r.setPace(r.Every)
	}
	for _, m := range r.senders {
		if err := r.fill(m); err != nil {
			return err
		}
	}
	return nil
}

// done tells whether nothing is owed and nothing more will be sent.
func (r *run) done() bool {
	return r.under == 0 && r.Pushes >= r.expected && len(r.held) == 0 && (r.Every == 0 || r.ending)
}

// wake waits for events and handles them.
func (r *run) wake() error {
	n, err := unix.EpollWait(r.epoll, r.events, int(lookAround.Milliseconds()))
	if err != nil && err != unix.EINTR {
		return fmt.Errorf("epoll: %w", err)
	}
	r.now = time.Now()
	if r.For > 0 && r.sent > 0 && r.now.Sub(r.begun) >= r.For {
		r.end()
	}
	for _, e := range r.events[:max(n, 0)] {
		if err := r.handle(e); err != nil {
			return err
		}
	}
	if r.now.Sub(r.heard) > patience && (r.under > 0 || r.Pushes < r.expected) {
		return fmt.Errorf("nothing for %v, %d answers and %d pushes are owed", patience, r.under, r.expected-r.Pushes)
	}
	return r.release()
}

func (r *run) end() { r.ending, r.held = true, nil }

func (r *run) handle(e unix.EpollEvent) error {
	if e.Fd == timerIndex {
		return r.tick()
	}
	m := r.members[e.Fd]
	if e.Events&unix.EPOLLOUT != 0 {
		if err := r.write(m, nil); err != nil {
			return err
		}
	}
	if e.Events&^unix.EPOLLOUT == 0 {
		return nil
	}
	if err := r.receive(m); err != nil || r.Every > 0 {
		return err
	}
	return r.fill(m)
}

// fill sends a member's next requests in one write: as many as may be under way.
func (r *run) fill(m *member) error {
	if m.index >= len(r.senders) {
		return nil
	}
	r.request = r.request[:0]
	for m.under < r.Depth && !m.over && !r.ending {
		if r.Window > 0 && r.expected-r.Pushes >= r.Window*r.Fan {
			r.hold(m)
			break
		}
		r.add(m, r.now)
	}
	return r.write(m, r.request)
}

// hold makes a member wait for pushes before it sends more.
func (r *run) hold(m *member) {
	if !m.held {
		m.held = true
		r.held = append(r.held, m)
	}
}

// add appends a member's next request to what is written next.
func (r *run) add(m *member, due time.Time) {
	request := r.Next(m.index, due)
	if request == nil {
		m.over = true
		return
	}
	r.request = append(r.request, request...)
	m.under++
	r.under++
	r.sent++
	r.expected += r.Fan
}

// release lets the members go on that have waited for pushes.
func (r *run) release() error {
	held := r.held
	r.held = nil
	for _, m := range held {
		m.held = false
		if err := r.fill(m); err != nil {
			return err
		}
	}
	return nil
}

// tick sends the requests of a paced load that are due by now.
func (r *run) tick() error {
	var count [8]byte
	_, err := unix.Read(r.timer, count[:])
	if err == unix.EAGAIN || err == unix.EINTR {
		return nil // not yet
	}
	if err != nil {
		return fmt.Errorf("timer: %w", err)
	}
	for range binary.NativeEndian.Uint64(count[:]) {
		if r.ending {
			return nil
		}
		m := r.senders[r.turn%len(r.senders)]
		r.turn++
		r.request = r.request[:0]
		if r.add(m, r.begun.Add(time.Duration(r.turn)*r.Every)); m.over {
			r.end()
		}
		if err := r.write(m, r.request); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) setPace(every time.Duration) error {
	pace := unix.NsecToTimespec(every.Nanoseconds())
	return unix.TimerfdSettime(r.timer, 0, &unix.ItimerSpec{Interval: pace, Value: pace}, nil)
}

// write sends text, after what the member could not send before.
func (r *run) write(m *member, text []byte) error {
	waited := len(m.unsent) > 0
	if waited {
		m.unsent = append(m.unsent, text...)
		text = m.unsent
	}
	if len(text) == 0 {
		return nil
	}
	n, err := unix.Write(m.fd, text)
	if err != nil && err != unix.EAGAIN && err != unix.EINTR {
		return r.lost(m, err)
	}
	m.unsent = append(m.unsent[:0], text[max(n, 0):]...)
	switch waits := len(m.unsent) > 0; {
	case waits && !waited:
		return r.watch(unix.EPOLL_CTL_MOD, m.fd, m.index, unix.EPOLLIN|unix.EPOLLOUT)
	case waited && !waits:
		return r.watch(unix.EPOLL_CTL_MOD, m.fd, m.index, unix.EPOLLIN)
	}
	return nil
}

// receive reads what has come, and counts it.
func (r *run) receive(m *member) error {
	for {
		kept := copy(r.text, m.partial)
		if kept == len(r.text) {
			return fmt.Errorf("member %d was sent a reply of more than %d bytes", m.index, kept)
		}
		n, err := unix.Read(m.fd, r.text[kept:])
		switch {
		case err == unix.EAGAIN || err == unix.EINTR:
			return nil // events are level-triggered, so there will be another one
		case err != nil:
			return r.lost(m, err)
		case n == 0:
			return r.lost(m, errors.New("the server closed it"))
		}
		r.heard = r.now
		if r.OnPush != nil {
			r.read = time.Now() // once for all that was read, since reading the clock for each push would be a load of its own
		}
		rest, err := r.count(m, r.text[:kept+n])
		if err != nil {
			return err
		}
		m.partial = append(m.partial[:0], rest...)
		if kept+n < len(r.text) {
			return nil
		}
	}
}

// count takes the complete replies off text, counts them and returns the rest.
func (r *run) count(m *member, text []byte) (rest []byte, err error) {
	for len(text) > 0 {
		length, kind := r.scan(text)
		switch kind {
		case Part:
			return text, nil
		case Push:
			r.Pushes++
			if r.OnPush != nil {
				r.OnPush(text[:length], r.read)
			}
		case Answer:
			if m.under == 0 {
				return nil, fmt.Errorf("member %d was answered without having asked: %.200q", m.index, text[:length])
			}
			m.under--
			r.under--
			r.Answers++
		case Aside:
		case Ping:
			if err := r.write(m, pong(text[:length])); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("member %d got a wrong answer: %.200q", m.index, text[:length])
		}
		text = text[length:]
	}
	return nil, nil
}

func (r *run) lost(m *member, err error) error {
	return fmt.Errorf("member %d lost its connection with %d answers owed: %w", m.index, m.under, err)
}
