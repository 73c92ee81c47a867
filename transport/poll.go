package transport

import (
	"io"
	"net"
	"sync/atomic"
	"syscall"

	"elemental/protocol"
)

// This file reads connections without a goroutine for each. A poller waits for all its sockets
// at once, reads what has come in, and sends whole requests of the usual form to the session. For
// everything else (half a request, an unusual one, one that has to wait, the end) it starts a
// goroutine, which reads as if there were no poller, and gives the connection back when there is
// nothing to read.
//
// The runtime could wait for the sockets too, but it looks at them only when it has nothing else
// to do, or every 10 ms. On a machine that one client keeps busy, all others would wait that long.
// So the poller waits in a system call, and the command allows the runtime one more thread for
// each poller (Pollers).

// readiness is what the poller knows of a connection.
type readiness struct {
	by       *poller // nil if a goroutine reads the connection all its life
	raw      syscall.RawConn
	bell     chan struct{} // wakes a goroutine that waits for input; has room for one; made by the first who waits
	slot     int32         // in the pollSet
	life     int32         // tells this connection from others that have the slot before or after it
	state    atomic.Uint32 // who reads, see below
	writable atomic.Bool   // the socket has got room since the last write began
	blocked  atomic.Bool   // there is something to write, and the socket has no room
	next     *conn         // in the flusher's queue
	over     bool          // the client will send no more; only the poller uses it
	ended    error         // why reading has ended, found by the poller
}

// Who may read a connection. Only one goroutine at a time may; it "has the reading".
const (
	held    uint32 = iota // a goroutine or the poller has it
	idle                  // nobody has it
	missed                // like held, and something has come in meanwhile
	waiting               // a goroutine has it and waits for the bell
)

// claim takes the reading if nobody has it. Otherwise it makes whoever has it look again.
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

// release gives the reading up, unless something has come in meanwhile.
func (c *conn) release() bool {
	if c.ready.state.CompareAndSwap(held, idle) {
		return true
	}
	c.ready.state.Store(held)
	return false
}

// rouse makes somebody look at a connection that was cut off or closed.
func (c *conn) rouse() {
	if c.ready.by != nil && c.claim() {
		go c.shared.run(c)
	}
}

// poller reads many connections, in one goroutine.
type poller struct {
	write func(busy bool) bool // Listener.write, since actors' turns also fill the outboxes of other pollers' connections

	set     pollSet
	flusher *flusher
	again   []*conn // connections to be read once more; the poller has their reading
	in      []byte
	scanner protocol.Scanner

	n       int   // result of the last receive
	err     error // likewise
	receive func(fd uintptr) bool
}

// newPoller returns nil on systems without one.
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

// run polls until the set is closed. It also does the work that its requests cause: it gives
// the actors their turns, and writes.
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
		more = p.write(due) || due || more
		more = more || !turns.End() || p.write(false)
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

// event handles what the system tells about a socket.
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

// read reads a connection once. The poller has its reading.
func (p *poller) read(c *conn) {
	defer func() {
		if fault := recover(); fault != nil {
			c.crashed(fault)
			go c.shared.run(c)
		}
	}()
	if c.end.Load() != endNone { // the rest is the work of a goroutine of its own
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

// take sends the requests in b to the session.
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

// leave gives the reading up if everything was read. If the client will send no more, the
// connection is read once more, to see the end: the system would not tell of it again.
func (p *poller) leave(c *conn) {
	if c.ready.over || !c.release() {
		p.again = append(p.again, c)
	}
}

// requests sends the requests that need no goroutine, and returns the rest of b.
func (p *poller) requests(c *conn, b []byte) (rest []byte) {
	for b = protocol.Blank(b); len(b) > 0; b = protocol.Blank(b) {
		r, n := p.scanner.Scan(c.requests, b)
		if r == nil || r.Bytes > c.limit(false) {
			return b
		}
		req := c.values.translate(r)
		if !c.tryAdmit(c.shared.weightOf(req.Command), req.Bytes) {
			return b
		}
		c.accept(r, req)
		b = b[n:]
	}
	return nil
}

// Pollers is the number of pollers: one for every two processors, at least one.
func Pollers(processors int) int { return max(1, processors/2) }

func (l *Listener) startPollers() {
	for range Pollers(l.cfg.processors()) {
		p := newPoller()
		if p == nil {
			break
		}
		p.write = l.write
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

// poll makes a poller read a connection from its first idle moment on, if that is possible.
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
