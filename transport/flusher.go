package transport

import (
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"elemental/actors/dispatch"
)

// flusher writes the connections of a poller. Any goroutine that has time calls some. It never
// waits for a socket: what a socket has no room for stays until the poller hears that there is.
type flusher struct {
	handed  [classes]queue        // connections to be written, by class
	waiting [classes]atomic.Int32 // how many are handed over and not taken yet
	began   time.Time
	pushed  atomic.Int64                   // when something else than an answer was written last, since began
	given   atomic.Pointer[dispatch.Turns] // tells whether somebody is awake who will write anyway

	mu    sync.Mutex     // held for a moment
	ahead [classes]*conn // taken from handed, next to be written
	turns int

	asleep atomic.Bool // the flusher's own goroutine sleeps; it writes when nobody else does
	wake   chan struct{}
	ended  atomic.Bool
}

// pen is what a goroutine needs to write.
type pen struct {
	b    []byte // to be sent
	n    int    // of the last send
	err  error
	send func(fd uintptr) bool
}

var pens = sync.Pool{New: func() any {
	p := &pen{}
	p.send = func(fd uintptr) bool {
		p.n, p.err = syscall.Write(int(fd), p.b)
		return true
	}
	return p
}}

func newFlusher() *flusher { return &flusher{wake: make(chan struct{}, 1), began: time.Now()} }

// queue is a queue of connections. Many goroutines put, one takes.
type queue struct {
	last atomic.Pointer[conn] // the one before it is its next, and so on
}

func (q *queue) put(c *conn) {
	for {
		c.ready.next = q.last.Load()
		if q.last.CompareAndSwap(c.ready.next, c) {
			return
		}
	}
}

// take takes all connections, in the order in which they were put.
func (q *queue) take() (first *conn) {
	for c := q.last.Swap(nil); c != nil; {
		next := c.ready.next
		c.ready.next = first
		first, c = c, next
	}
	return first
}

// class is how soon a connection is written. Little output is written before much, so that
// clients with much do not delay the others.
type class int

const (
	answered class = iota // an answer that somebody waits for
	little                // a little: pushes, or answers to a client that sends ahead of them
	much                  // more than that
	classes               // the number of classes; also: nothing to write
)

// hand makes somebody write a connection soon. It does not wait. Only whoever has set writing in
// the connection's outbox, or has found it blocked, hands it over, so it is in a queue only once.
func (f *flusher) hand(c *conn, how class) {
	f.handed[how].put(c)
	f.waiting[how].Add(1)
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
		if f.some(false) {
			runtime.Gosched()
		} else {
			f.sleep()
		}
	}
}

// crowded tells whether so many answers wait that a second goroutine should write.
func (f *flusher) crowded() bool { return f.waiting[answered].Load() > 24 }

// some writes a few connections, and reports whether there are more that it would write. busy
// means that actors have turns due; then mostly answers are written that somebody waits for.
func (f *flusher) some(busy bool) (more bool) {
	most := f.due(busy)
	if most == 0 {
		return false
	}
	p := pens.Get().(*pen)
	for _, c := range f.take(most) {
		if c != nil {
			c.flushNow(f, p)
		}
	}
	p.b = nil
	pens.Put(p)
	return f.due(busy) > 0
}

// inTurn is how many connections some writes.
const inTurn = 16

// take takes the connections that are to be written next.
func (f *flusher) take(most class) (all [inTurn]*conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	how := f.next(most)
	if how == classes {
		return all
	}
	if how != answered {
		f.pushed.Store(int64(time.Since(f.began)))
	}
	n := 0
	for c := f.ahead[how]; c != nil && n < inTurn; n++ {
		all[n] = c
		f.ahead[how] = c.ready.next // read now: c may be handed over again as soon as it is written
		c.ready.next = nil          // c must not keep another connection in memory
		c = f.ahead[how]
	}
	f.waiting[how].Add(-int32(n)) //nolint:gosec // a few
	return all
}

// next is the first class with something to write. Now and then it is the second or the last one,
// so that none waits forever. It is classes if there is nothing to write below most.
func (f *flusher) next(most class) class {
	f.turns++
	found := classes
	for how := range most {
		if f.ahead[how] == nil {
			f.ahead[how] = f.handed[how].take()
		}
		if f.ahead[how] != nil && (found == classes || f.turns%8 == 0 || f.turns%8 == 4 && how == little) {
			found = how
		}
	}
	return found
}

// sleep waits until a connection is handed over, unless one was just now.
func (f *flusher) sleep() {
	f.asleep.Store(true)
	if f.empty() && !f.ended.Load() || !f.asleep.CompareAndSwap(true, false) {
		<-f.wake
	}
}

func (f *flusher) empty() bool { return f.due(false) == 0 }

// patience is how long pushes wait for more while actors have turns due. What comes for the same
// connection meanwhile is written together with them.
const patience = 1 * time.Millisecond

// due tells which classes are to be written now: those below most.
func (f *flusher) due(busy bool) (most class) {
	pushes := f.waiting[little].Load()+f.waiting[much].Load() > 0
	switch {
	case pushes && (!busy || int64(time.Since(f.began))-f.pushed.Load() > int64(patience)):
		return classes
	case f.waiting[answered].Load() > 0:
		return answered + 1
	}
	return 0
}

// stop ends the flusher's goroutine. It is called when no connection is left.
func (f *flusher) stop() {
	f.ended.Store(true)
	f.rouse()
}

// flushNow writes what the socket has room for, up to a limit, so that others have their turn.
func (c *conn) flushNow(f *flusher, p *pen) {
	defer c.endFlush()
	o := &c.out
	for range 4 {
		if o.left == nil {
			due := c.takeDue()
			if due == nil {
				return // from here on somebody else may write it
			}
			o.left, o.from = due.joined(), 0
		}
		c.ready.writable.Store(false)
		p.b = o.left.b[o.from:min(len(o.left.b), o.from+piece)]
		err := c.send(p)
		switch {
		case err == nil:
			c.sent(p.n)
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

// send writes what the socket has room for.
func (c *conn) send(p *pen) error {
	if c.seen.isStalled() {
		return syscall.EAGAIN
	}
	if err := c.ready.raw.Write(p.send); err != nil {
		return err
	}
	return p.err
}

// sent notes that n bytes were written.
func (c *conn) sent(n int) {
	o := &c.out
	c.shared.wroteBytes(n)
	if o.from += n; o.from == len(o.left.b) {
		o.left, o.from = o.left.recycle().joined(), 0
		o.wrote.Store(0)
	} else if o.wrote.Load() != 0 {
		o.wrote.Store(c.shared.now.Load())
	}
}

// stuck notes that the socket has no room, and reports whether that is still so.
func (c *conn) stuck() bool {
	now := c.shared.now.Load()
	c.out.wrote.CompareAndSwap(0, now)
	c.out.behind.CompareAndSwap(0, now)
	c.ready.blocked.Store(true)
	return !c.ready.writable.Load() || !c.ready.blocked.CompareAndSwap(true, false)
}
