package transport

import (
	"io"
	"net"
	"sync/atomic"
	"syscall"

	"elemental/protocol"
)

// This file reads connections without a goroutine for each. A poller waits for
// all its sockets at once, takes what has come in, and sends the session what
// is a whole request of the usual kind. Everything else (half a request, an odd
// one, one that has to wait, the end) begins a goroutine that reads as if there
// were no poller, and gives the connection back when there is nothing to read.
//
// The runtime could wait for the sockets as well, but it looks at them only when
// it has nothing else to do, or every 10 ms: on a machine that one client keeps
// busy all others would wait that long. So the poller waits in a system call, and
// whoever runs the provider allows the runtime a goroutine more for each (Pollers).

// readiness is what the poller knows of a connection.
type readiness struct {
	by       *poller // nil when a goroutine reads it all its life
	raw      syscall.RawConn
	bell     chan struct{} // has room for one; made by the first who waits
	slot     int32
	life     int32 // of the slot, which others have before and after
	state    atomic.Uint32
	writable atomic.Bool // has become so since the last write was begun
	blocked  atomic.Bool // there is something to write, and no room for it
	next     *conn       // in the flusher's queue
	over     bool        // the client sends no more after this; the poller's alone
	ended    error       // of reading, found by the poller
}

// Who has the reading of a connection.
const (
	held    uint32 = iota // a goroutine or the poller, one of them
	idle                  // nobody
	missed                // as held, and something has come in meanwhile
	waiting               // a goroutine, which waits for the bell
)

// claim takes the reading, if nobody has it; otherwise whoever has it looks again.
func (c *conn) claim() bool {
	for {
		switch s := &c.ready.state; {
		case s.CompareAndSwap(idle, held):
			return true
		case s.CompareAndSwap(waiting, held):
			c.ready.bell <- struct{}{}
			return false
		case s.CompareAndSwap(held, missed), s.Load() == missed:
			return false
		}
	}
}

// release gives the reading up, unless there is something to read.
func (c *conn) release() bool {
	if c.ready.state.CompareAndSwap(held, idle) {
		return true
	}
	c.ready.state.Store(held)
	return false
}

// rouse has somebody look at a connection that was cut or closed.
func (c *conn) rouse() {
	if c.ready.by != nil && c.claim() {
		go c.shared.run(c)
	}
}

// poller reads many connections, in one goroutine.
type poller struct {
	all func(busy bool) bool // Listener.write: turns make others' connections due as well

	set     pollSet
	flusher *flusher
	again   []*conn // held by the poller, to be read once more
	in      []byte
	scanner protocol.Scanner

	n       int // of the last receive
	err     error
	receive func(fd uintptr) bool
}

// newPoller returns nil where there is no such thing.
func newPoller() *poller {
	p := &poller{in: make([]byte, protocol.ResumeBytes), flusher: newFlusher()}
	if !p.set.open() {
		return nil
	}
	p.receive = func(fd uintptr) bool {
		p.n, p.err = syscall.Read(int(fd), p.in)
		return true
	}
	return p
}

// run polls until the set is closed, and does what it makes others do: their turns and
// the writing.
func (p *poller) run() {
	for more := false; p.set.wait(!more); {
		turns := p.flusher.given.Load()
		if turns == nil {
			more = p.round()
			continue
		}
		turns.Begin()
		more = p.round()
		due := turns.Give()
		if (!more && !due && p.flusher.empty() || turns.Late()) && turns.Quiet() {
			due = turns.Give()
		}
		if p.flusher.crowded() {
			turns.Call()
		}
		more = p.all(due) || due || more
		more = more || !turns.End() || p.all(false)
	}
	if turns := p.flusher.given.Load(); turns != nil {
		turns.Leave()
	}
}

// round reads what there is.
func (p *poller) round() (more bool) {
	again := p.again
	p.again = nil
	for _, c := range again {
		p.read(c)
	}
	return p.set.each(p.event) || len(p.again) > 0
}

// event is what the system tells of a socket.
func (p *poller) event(c *conn, in, out, over bool) {
	c.ready.over = c.ready.over || over
	if out {
		c.ready.writable.Store(true)
		if c.ready.blocked.CompareAndSwap(true, false) {
			p.flusher.hand(c, much)
		}
	}
	if in && c.claim() {
		p.read(c)
	}
}

// read takes in once what there is. The poller has the reading.
func (p *poller) read(c *conn) {
	defer func() {
		if fault := recover(); fault != nil {
			c.crashed(fault)
			go c.shared.run(c)
		}
	}()
	if c.end.Load() != endNone { // its own goroutine has to know
		go c.shared.run(c)
		return
	}
	err := c.ready.raw.Read(p.receive)
	if err == nil {
		err = p.err
	}
	switch {
	case err == syscall.EAGAIN, err == syscall.EINTR:
		p.leave(c)
	case err == nil && p.n > 0:
		p.take(c, p.in[:p.n])
	default:
		if c.ready.ended = err; err == nil {
			c.ready.ended = io.EOF
		}
		go c.shared.run(c)
	}
}

// take sends the requests of b.
func (p *poller) take(c *conn, b []byte) {
	c.arrives()
	whole := len(b) == len(p.in)
	switch rest := p.requests(c, b); {
	case len(rest) > 0:
		c.requests.Resume(rest)
		go c.shared.run(c)
	case whole:
		p.again = append(p.again, c)
	default:
		p.leave(c)
	}
}

// leave gives the reading up where all is read: the end would not be told again.
func (p *poller) leave(c *conn) {
	if c.ready.over || !c.release() {
		p.again = append(p.again, c)
	}
}

// requests sends what needs no goroutine, and returns what is left of b.
func (p *poller) requests(c *conn, b []byte) (rest []byte) {
	for b = protocol.Blank(b); len(b) > 0; b = protocol.Blank(b) {
		r, n := p.scanner.Scan(c.requests, b)
		if r == nil || r.Bytes > c.limit(false) {
			return b
		}
		req := c.values.translate(r)
		if !c.tryAdmit(weightOf(req.Command)) {
			return b
		}
		c.accept(r, req)
		b = b[n:]
	}
	return nil
}

// Pollers is how many wait for sockets: one for every two processors.
func Pollers(processors int) int { return max(1, processors/2) }

func (l *Listener) startPollers() {
	for range Pollers(l.cfg.processors()) {
		p := newPoller()
		if p == nil {
			break
		}
		p.all = l.write
		l.pollers = append(l.pollers, p)
	}
	for _, p := range l.pollers {
		l.polling.Go(p.run)
		l.polling.Go(p.flusher.run)
	}
}

// stopPollers is called when the connections have ended.
func (l *Listener) stopPollers() {
	for _, p := range l.pollers {
		p.flusher.stop()
		if err := p.set.close(); err != nil {
			l.log.Debug("closing a poller", "error", err)
		}
	}
	l.polling.Wait()
}

// poll has a connection read by a poller from its first idle moment on, where that can be.
func (l *Listener) poll(c *conn) {
	plain, ok := c.socket.(*net.TCPConn)
	if !ok || len(l.pollers) == 0 || !l.codec.Direct() {
		return
	}
	socket, err := newPolled(plain, &c.ready)
	if err != nil {
		l.log.Debug("a connection without a poller", "error", err)
		return // reading will tell what is wrong
	}
	by := l.pollers[l.accepted%int64(len(l.pollers))]
	c.ready.raw = socket.raw
	if !by.set.add(c) {
		l.closeNow(socket)
		return
	}
	c.socket, c.ready.by = socket, by
	l.closeNow(plain)
}

// unpoll forgets a connection whose socket is closed.
func (c *conn) unpoll() {
	if c.ready.by != nil {
		c.ready.by.set.remove(c)
	}
}
