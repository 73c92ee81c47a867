package transport

import (
	"runtime"
	"sync/atomic"
	"syscall"
)

// flusher writes the connections of a poller, in one goroutine that never waits
// for a socket: what a socket has no room for stays until the poller hears of room.
type flusher struct {
	handed atomic.Pointer[conn] // the last that was handed over; the others by next
	asleep atomic.Bool
	wake   chan struct{}
	ended  atomic.Bool

	b    []byte // to be sent
	n    int    // of the last send
	err  error
	send func(fd uintptr) bool
}

func newFlusher() *flusher {
	f := &flusher{wake: make(chan struct{}, 1)}
	f.send = func(fd uintptr) bool {
		f.n, f.err = syscall.Write(int(fd), f.b)
		return true
	}
	return f
}

// hand has a connection written, soon. It does not wait. A connection is handed
// over by whoever set its outbox's writing, or found it blocked: by one at a time.
func (f *flusher) hand(c *conn) {
	for {
		c.ready.next = f.handed.Load()
		if f.handed.CompareAndSwap(c.ready.next, c) {
			break
		}
	}
	f.rouse()
}

func (f *flusher) rouse() {
	if f.asleep.CompareAndSwap(true, false) {
		f.wake <- struct{}{}
	}
}

// inTurn is how many connections are written before others have the processor.
const inTurn = 16

func (f *flusher) run() {
	for !f.ended.Load() {
		c := f.taken()
		if c == nil {
			f.asleep.Store(true)
			if f.handed.Load() == nil && !f.ended.Load() || !f.asleep.CompareAndSwap(true, false) {
				<-f.wake
			}
			continue
		}
		for n := 1; c != nil; n++ {
			next := c.ready.next // it may be handed over again at once
			c.flushNow(f)
			if c = next; n%inTurn == 0 {
				runtime.Gosched()
			}
		}
	}
}

// taken takes all that was handed over, the first of it first.
func (f *flusher) taken() (first *conn) {
	for c := f.handed.Swap(nil); c != nil; {
		next := c.ready.next
		c.ready.next = first
		first, c = c, next
	}
	return first
}

// stop ends the goroutine; no connection is left that could need it.
func (f *flusher) stop() {
	f.ended.Store(true)
	f.rouse()
}

// flushNow writes what the socket has room for, up to a bound: then others have their turn.
func (c *conn) flushNow(f *flusher) {
	defer c.endFlush()
	o := &c.out
	for range 4 {
		if o.left == nil {
			if o.left, o.from = c.takeDue(), 0; o.left == nil {
				return
			}
		}
		c.ready.writable.Store(false)
		f.b = o.left.b[o.from:min(len(o.left.b), o.from+piece)]
		err := c.ready.raw.Write(f.send)
		if err == nil {
			err = f.err
		}
		switch {
		case err == nil:
			c.sent(f.n)
		case err == syscall.EAGAIN:
			if c.stuck() {
				return
			}
		case err != syscall.EINTR:
			o.left = nil
			c.kill()
		}
	}
	f.hand(c)
}

// sent notes progress.
func (c *conn) sent(n int) {
	o := &c.out
	if o.from += n; o.from == len(o.left.b) {
		o.left.recycle()
		o.left = nil
		o.wrote.Store(0)
	} else if o.wrote.Load() != 0 {
		o.wrote.Store(c.shared.now.Load())
	}
}

// stuck notes that there is no room, and reports whether there still is none.
func (c *conn) stuck() bool {
	c.out.wrote.CompareAndSwap(0, c.shared.now.Load())
	c.ready.blocked.Store(true)
	return !c.ready.writable.Load() || !c.ready.blocked.CompareAndSwap(true, false)
}
