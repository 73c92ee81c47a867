package transport

import (
	"crypto/tls"
	"errors"
	"io"
	"math"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"elemental/actors"
	"elemental/protocol"
)

// session is what a connection needs of its session actor.
type session interface {
	Send(*actors.Request)
	SendRead(r *actors.Request, read time.Time)
	Close()
}

// conn is one connection. It implements actors.Outbox. A goroutine of its own reads it, or
// the poller while its client sends whole requests (poll.go).
type conn struct {
	shared   *Listener
	socket   stream
	ready    readiness // what the poller knows of it
	name     string    // address and port, for the request log
	log      *requestLog
	session  session
	seen     *seen // what the inspector shows; nil without Config.Inspect
	requests *protocol.Decoder
	values   values
	out      outbox

	arrived  time.Duration // when the first bytes of the next request came, since the listener began; 0 unless somebody follows requests
	opened   int64         // when the connection began; this and the next five on the listener's clock
	begun    atomic.Int64  // when the unfinished request began; 0 for none, unhurried while it waits for others
	large    atomic.Int64  // when it took its turn as a large one; 0 for none
	active   atomic.Int64  // when the last request came, or an answer was made or written; only with IdleTime
	told     atomic.Int64  // when the reader was told to stop; 0 before that
	closing  atomic.Int64  // when the reader stopped; 0 before
	loggedIn atomic.Bool
	greeted  atomic.Bool // somebody has logged in once
	end      atomic.Uint32
	from     netip.Addr // the client's address as limits count it
}

// Why a connection is ended from outside its reader. The first cause counts.
const (
	endNone     uint32 = iota
	endTime            // a time limit
	endSlow            // the client left too much unread, and has been told
	endSession         // the session wants it
	endShutdown        // the provider stops
)

var (
	errTime  = errors.New("time limit")
	errEnded = errors.New("connection ended by the provider")
	errIdle  = errors.New("nothing to read")
)

// How long a client may take to close after it was told that the connection ends, and how much
// it may send meanwhile.
const (
	lingerTime  = 5 * time.Second
	lingerBytes = 1 << 20
)

func newConn(shared *Listener, socket stream) *conn {
	c := &conn{shared: shared, socket: socket, from: remote(socket), log: shared.requestLog, opened: shared.now.Load()}
	c.out.changed.L = &c.out.mu
	c.seen = newSeen(c)
	c.values.imageBytes = shared.cfg.ImageBytes
	if c.log != nil {
		c.name = socket.RemoteAddr().String()
	}
	c.requests = protocol.NewDecoder(c, protocol.DecoderConfig{
		Codec: shared.codec, Depth: shared.cfg.Depth, Limit: c.limit,
		Begun: func() { c.begun.Store(shared.now.Load()) },
	})
	return c
}

// serve runs the connection to its end, or until the poller may have it.
func (c *conn) serve() (ended bool) {
	ended = true // also after a panic
	defer func() { c.survive(recover(), ended) }()
	if c.session == nil {
		c.session = c.shared.connect(c, c.from)
		c.seen.began(c.session)
	}
	err := c.readRequests()
	if err == errIdle {
		return false
	}
	defer c.leave()
	c.closing.Store(c.shared.now.Load())
	code, lost := farewell(err)
	if !lost {
		c.waitAnswered()
		c.finish(code)
		c.leave()
		c.linger(err == io.EOF)
	}
	return true
}

// leave tells the session, once, that its connection has ended.
func (c *conn) leave() {
	if c.session != nil {
		c.session.Close()
		c.session = nil
	}
}

// survive closes the socket if the connection has ended, perhaps by a panic. So a bug of ours
// ends one connection and never the provider.
func (c *conn) survive(fault any, ended bool) {
	if fault != nil {
		c.crashed(fault)
	}
	if ended {
		c.leave()
		c.kill()
		c.giveBack()
	}
}

// crashed ends a connection whose reader or writer has panicked.
func (c *conn) crashed(fault any) {
	c.shared.log.Error("connection crashed", "fault", actors.PlainReason(fault), "stack", string(debug.Stack()))
	c.kill()
}

// readRequests sends requests to the session until there are no more. What reading needs is free
// afterwards: it may take long until a connection has ended.
func (c *conn) readRequests() error {
	defer c.endLarge()
	defer c.requests.Close()
	for {
		r, err := c.requests.Next()
		if c.begun.Load() != 0 {
			c.noteActive()
			c.begun.Store(0)
		}
		if err != nil {
			return err
		}
		req := c.values.translate(r)
		if r.Bytes > c.shared.cfg.LoginRequestBytes && isHashed(req.Command) {
			return protocol.ErrTooLarge // while it waits to be hashed, others' requests would have no room
		}
		if !c.admit(c.shared.weightOf(req.Command), req.Bytes) {
			return errEnded
		}
		c.accept(r, req)
		c.endLarge()
	}
}

// accept sends an admitted request to the session.
func (c *conn) accept(r *protocol.Request, req *actors.Request) {
	c.noteActive()
	c.log.received(c.name, r)
	c.seen.sends()
	if c.arrived == 0 {
		c.session.Send(req)
		return
	}
	c.session.SendRead(req, c.shared.began.Add(c.arrived))
	c.arrives() // what is read already
}

// noteActive begins the idle time anew.
func (c *conn) noteActive() {
	if c.shared.cfg.IdleTime > 0 {
		c.active.Store(c.shared.now.Load())
	}
}

// arrives notes when a request comes, if somebody follows requests.
func (c *conn) arrives() {
	c.arrived = 0
	if c.shared.provider.Followed() {
		c.arrived = time.Since(c.shared.began)
	}
}

// farewell is the last refusal for a client whose requests ended with err; "" for none. With
// lost the client is gone.
func farewell(err error) (code actors.Code, lost bool) {
	switch {
	case err == io.EOF || err == errEnded:
		return "", false
	case err == protocol.ErrMalformed || err == io.ErrUnexpectedEOF:
		return actors.MalformedJSON, false
	case err == protocol.ErrTooLarge:
		return actors.TooLarge, false
	case err == protocol.ErrTooDeep:
		return actors.TooDeep, false
	case err == errTime:
		return actors.TimedOut, false
	}
	return "", true
}

// limit tells the decoder how many bytes the next request may have. Beyond those of a stranger it
// waits for the answers before, since one may be to a login and the session may not collect large
// requests behind others, and for a turn, since few large requests may come in at a time.
func (c *conn) limit(reached bool) int {
	cfg := &c.shared.cfg
	if !reached {
		return min(cfg.LoginRequestBytes, cfg.RequestBytes)
	}
	c.untimed(c.waitAnswered)
	if !c.loggedIn.Load() {
		return cfg.LoginRequestBytes
	}
	if cfg.RequestBytes > cfg.LoginRequestBytes {
		c.untimed(c.beginLarge)
	}
	return cfg.RequestBytes
}

// unhurried is a time of begun that is never long ago.
const unhurried = math.MaxInt64

// untimed waits with a request, which does not count as time in which the request has to be
// complete, nor as idle time.
func (c *conn) untimed(wait func()) {
	begun, from := c.begun.Swap(unhurried), c.shared.now.Load()
	wait()
	if begun != 0 {
		begun += c.shared.now.Load() - from
	}
	c.noteActive()
	c.begun.Store(begun)
}

// noteLogin notes whether somebody is logged in, for the limits and the inspector.
func (c *conn) noteLogin(req *actors.Request, reply any) {
	switch r := reply.(type) {
	case actors.LoggedIn:
		c.loggedIn.Store(true)
		c.greeted.Store(true)
		c.seen.noteUser(r.User)
	case actors.Done:
		if _, out := req.Command.(actors.Logout); out {
			c.loggedIn.Store(false)
			c.seen.noteUser("")
		}
	}
}

// Read reads the socket for the decoder. If the connection was cut off, the error says why.
func (c *conn) Read(p []byte) (int, error) {
	first := c.requests.Between()
	n, err := c.readSocket(p)
	if first {
		c.arrives()
	}
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		switch c.end.Load() {
		case endTime:
			err = errTime
		case endSlow, endSession, endShutdown:
			err = errEnded
		}
	}
	return n, err
}

// readSocket waits for input, but not between requests when a poller can.
func (c *conn) readSocket(p []byte) (int, error) {
	switch {
	case c.ready.ended != nil:
		return 0, c.ready.ended
	case c.ready.by != nil && c.requests.Between():
		return c.socket.(*polled).readNow(p)
	}
	return c.socket.Read(p)
}

// cut stops the reader, for good.
func (c *conn) cut(why uint32) {
	if !c.end.CompareAndSwap(endNone, why) {
		return
	}
	c.told.Store(c.shared.now.Load())
	if err := c.socket.SetReadDeadline(time.Unix(1, 0)); err != nil { // it is closed: reading has ended anyway
		c.shared.log.Debug("deadline of a connection", "error", err)
	}
	c.rouse()
}

// linger ends our side of the connection and lets the client read the last answer. Closing a
// socket with unread input would destroy that answer.
func (c *conn) linger(clientLeft bool) {
	wait := lingerTime
	if c.end.Load() == endShutdown {
		wait = lingerTime / 5
	}
	wait = min(wait, c.shared.cfg.StallTime)
	if clientLeft {
		wait = 0
	}
	drain(c.socket, wait)
}

// drain ends the output of a socket, and for a while reads and drops what still comes.
func drain(socket stream, wait time.Duration) {
	half, ok := socket.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil || wait == 0 {
		return
	}
	if socket.SetReadDeadline(time.Now().Add(wait)) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, socket, lingerBytes) // its end, or the time: either way it is over
}

// closeNow closes a socket without the goodbye of TLS, which might have to wait for room.
func (l *Listener) closeNow(socket stream) {
	if secure, ok := socket.(*tls.Conn); ok {
		socket = secure.NetConn()
	}
	if err := socket.Close(); err != nil {
		l.log.Debug("closing a connection", "error", err)
	}
}

// remote is the client's address as limits count it, without the port.
func remote(socket stream) netip.Addr {
	if tcp, ok := socket.RemoteAddr().(*net.TCPAddr); ok {
		return origin(tcp.AddrPort().Addr())
	}
	return netip.Addr{}
}

// origin is what limits count as one address. For IPv6 it is the first 64 bits, since whoever
// has one such address usually has all that begin like it.
func origin(addr netip.Addr) netip.Addr {
	if addr = addr.Unmap(); addr.Is4() {
		return addr
	}
	return netip.PrefixFrom(addr.WithZone(""), 64).Masked().Addr()
}
