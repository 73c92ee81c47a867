package inspector

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// bounded accepts so many connections at a time, and a share of them from one address.
// Beyond that one that waits for a request makes room; who finds none is turned away.
// (That of x/net hides that a socket can be closed on one side, without which a refusal
// may not be read.)
type bounded struct {
	net.Listener
	most, share int

	mu     sync.Mutex
	guests []*guest // the oldest first
}

// guest is a connection that has taken room.
type guest struct {
	*net.TCPConn
	of    *bounded
	from  netip.Addr
	state http.ConnState
}

// Accept waits for a client for whom there is room.
func (b *bounded) Accept() (net.Conn, error) {
	for {
		conn, err := b.Listener.Accept()
		tcp, ok := conn.(*net.TCPConn)
		if err != nil || !ok {
			return conn, err
		}
		g := &guest{TCPConn: tcp, of: b, from: addressOf(tcp.RemoteAddr().String())}
		if !b.admit(g) {
			_ = tcp.Close()
			continue
		}
		_ = tcp.SetWriteBuffer(systemBytes) // otherwise it is seen later that a page does not read
		return g, nil
	}
}

// admit takes room for a guest, if need be that of one who is asking nothing.
func (b *bounded) admit(g *guest) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	its := 0
	for _, other := range b.guests {
		if other.from == g.from {
			its++
		}
	}
	if its >= b.share && !b.end(func(other *guest) bool { return other.from == g.from }) {
		return false
	}
	if len(b.guests) >= b.most && !b.end(func(*guest) bool { return true }) {
		return false
	}
	b.guests = append(b.guests, g)
	return true
}

// end ends the oldest that fits and is idle, or else has asked nothing yet.
func (b *bounded) end(fits func(*guest) bool) bool {
	for _, state := range []http.ConnState{http.StateIdle, http.StateNew} {
		for i, g := range b.guests {
			if g.state == state && fits(g) {
				b.guests = append(b.guests[:i], b.guests[i+1:]...)
				_ = g.TCPConn.Close()
				return true
			}
		}
	}
	return false
}

// note is told by the http.Server what a connection is about.
func (b *bounded) note(conn net.Conn, state http.ConnState) {
	if g, ok := conn.(*guest); ok {
		b.mu.Lock()
		g.state = state
		b.mu.Unlock()
	}
}

// Close makes room.
func (g *guest) Close() error {
	g.of.mu.Lock()
	for i, other := range g.of.guests {
		if other == g {
			g.of.guests = append(g.of.guests[:i], g.of.guests[i+1:]...)
			break
		}
	}
	g.of.mu.Unlock()
	return g.TCPConn.Close()
}
