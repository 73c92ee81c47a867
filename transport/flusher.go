package transport

import (
	"runtime"
	"sync/atomic"
	"syscall"

	"elemental/actors"
)

// flusher writes the connections of a poller, in one goroutine that never waits
// for a socket: what a socket has no room for stays until the poller hears of room.
type flusher struct {
	handed [classes]queue // by how soon
	ahead  [classes]*conn // taken from them
	turns  int
	left   atomic.Int32 // of them are not empty
	busy   atomic.Bool  // somebody writes
	asleep atomic.Bool
	wake   chan struct{}
	ended  atomic.Bool
	given  atomic.Pointer[actors.Turns] // tells whether somebody comes to write who is awake anyway

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

// queue is of connections; many put, one takes.
type queue struct {
	last atomic.Pointer[conn] // the others by next
}

func (q *queue) put(c *conn) {
	for {
		c.ready.next = q.last.Load()
		if q.last.CompareAndSwap(c.ready.next, c) {
			return
		}
	}
}

// take takes all that are in it, the first of them first.
func (q *queue) take() (first *conn) {
	for c := q.last.Swap(nil); c != nil; {
		next := c.ready.next
		c.ready.next = first
		first, c = c, next
	}
	return first
}

func (q *queue) empty() bool { return q.last.Load() == nil }

// How soon a connection is written: somebody waits for an answer, and a little (of
// pushes, or of answers to who sends ahead of them) is written before much, so that
// a crowd is in nobody's way.
type class int

const (
	answered class = iota
	little
	much
	classes
)

// hand has a connection written, soon. It does not wait. A connection is handed
// over by whoever set its outbox's writing, or found it blocked: by one at a time.
func (f *flusher) hand(c *conn, how class) {
	f.handed[how].put(c)
	if turns := f.given.Load(); turns == nil || !turns.Given() {
		f.rouse()
	}
}

func (f *flusher) rouse() {
	if f.asleep.CompareAndSwap(true, false) {
		f.wake <- struct{}{}
	}
}

func (f *flusher) run() {
	for !f.ended.Load() {
		if f.some() {
			runtime.Gosched()
		} else {
			f.sleep()
		}
	}
}

// some writes a few connections, unless somebody is at it, and reports whether there
// are more.
func (f *flusher) some() (more bool) {
	if f.empty() || !f.busy.CompareAndSwap(false, true) {
		return false
	}
	if how := f.next(); how < classes {
		f.ahead[how] = f.each(f.ahead[how])
	}
	left := int32(0)
	for _, c := range f.ahead {
		if c != nil {
			left++
		}
	}
	f.left.Store(left)
	f.busy.Store(false)
	return !f.empty()
}

// next is the first class with something to write; now and then the second or the
// last, so that none waits for ever. It is classes when there is nothing.
func (f *flusher) next() class {
	f.turns++
	found := classes
	for how := range classes {
		if f.ahead[how] == nil {
			f.ahead[how] = f.handed[how].take()
		}
		if f.ahead[how] != nil && (found == classes || f.turns%8 == 0 || f.turns%8 == 4 && how == little) {
			found = how
		}
	}
	return found
}

// each writes a few connections, before others and other goroutines have their
// turn, and returns the rest.
func (f *flusher) each(c *conn) *conn {
	const inTurn = 16
	for n := 0; c != nil && n < inTurn; n++ {
		next := c.ready.next // it may be handed over again at once
		c.flushNow(f)
		c = next
	}
	return c
}

// sleep waits for a connection, unless one came in between.
func (f *flusher) sleep() {
	f.asleep.Store(true)
	if f.empty() && !f.ended.Load() || !f.asleep.CompareAndSwap(true, false) {
		<-f.wake
	}
}

func (f *flusher) empty() bool {
	if f.left.Load() > 0 {
		return false
	}
	for how := range classes {
		if !f.handed[how].empty() {
			return false
		}
	}
	return true
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
	f.hand(c, much)
}

// sent notes progress.
func (c *conn) sent(n int) {
	o := &c.out
	if o.from += n; o.from == len(o.left.b) {
		o.left, o.from = o.left.recycle(), 0
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
