package inspector

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// bounded accepts at most most connections at a time, and at most share of them from one
// address. Beyond that, the connection that has waited longest without a request that was
// let in is closed to make room. So connections that are not let in never keep out those
// who may come in: a client is turned away only if all the room is held by connections
// that are let in. (The listener of x/net with such a limit hides that a socket can be
// closed on one side only; without that, a refusal may not be read.)
type bounded struct {
	net.Listener
	most, share int

	mu     sync.Mutex
	guests []*guest
}

// moment is how long a connection has, to say what it wants, before it can be closed to
// make room. A new connection waits that long, instead of pushing out one that came just
// before.
const moment = 50 * time.Millisecond

// guest is a connection that was accepted.
type guest struct {
	*net.TCPConn
	of    *bounded
	from  netip.Addr
	let   bool      // one of its requests was let in and is not answered yet
	since time.Time // since when that is not so
}

// Accept waits for a client for which there is room.
func (b *bounded) Accept() (net.Conn, error) {
	for {
		conn, err := b.Listener.Accept()
		tcp, ok := conn.(*net.TCPConn)
		if err != nil || !ok {
			return conn, err
		}
		g := &guest{TCPConn: tcp, of: b, from: addressOf(tcp.RemoteAddr().String()), since: time.Now()}
		if !b.admit(g) {
			_ = tcp.Close()
			continue
		}
		_ = tcp.SetWriteBuffer(systemBytes) // a small buffer shows sooner that a page does not read
		return g, nil
	}
}

// admit makes room for a guest, if necessary by closing a connection that was not let in.
// It returns false if there is no room.
func (b *bounded) admit(g *guest) bool {
	for {
		wait, admitted := b.tryAdmit(g)
		if wait <= 0 {
			return admitted
		}
		time.Sleep(wait)
	}
}

// tryAdmit is admit without the wait. It returns how long to wait until a connection can
// be closed.
func (b *bounded) tryAdmit(g *guest) (wait time.Duration, admitted bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	its := 0
	for _, other := range b.guests {
		if other.from == g.from {
			its++
		}
	}
	if its >= b.share || len(b.guests) >= b.most {
		leaves := b.longest(func(other *guest) bool { return its < b.share || other.from == g.from })
		if leaves == nil {
			return 0, false
		}
		if wait = moment - time.Since(leaves.since); wait > 0 {
			return wait, false
		}
		b.forget(leaves)
		_ = leaves.TCPConn.Close()
	}
	g.since = time.Now()
	b.guests = append(b.guests, g)
	return 0, true
}

// longest is the guest for whom fits is true and that has waited longest without being
// let in; or nil.
func (b *bounded) longest(fits func(*guest) bool) (found *guest) {
	for _, g := range b.guests {
		if !g.let && fits(g) && (found == nil || g.since.Before(found.since)) {
			found = g
		}
	}
	return found
}

// forget removes a guest. Called with mu held.
func (b *bounded) forget(g *guest) {
	if i := slices.Index(b.guests, g); i >= 0 {
		b.guests = slices.Delete(b.guests, i, i+1)
	}
}

type guestKey struct{}

// with stores in a request's context which connection it came on.
func with(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, guestKey{}, conn)
}

// let notes whether a request on this connection is let in. While it is, the connection
// is not closed to make room.
func let(r *http.Request, in bool) {
	g, ok := r.Context().Value(guestKey{}).(*guest)
	if !ok {
		return
	}
	g.of.mu.Lock()
	defer g.of.mu.Unlock()
	if g.let && !in {
		g.since = time.Now()
	}
	g.let = in
}

// Close gives back the guest's room and closes the connection.
func (g *guest) Close() error {
	g.of.mu.Lock()
	g.of.forget(g)
	g.of.mu.Unlock()
	return g.TCPConn.Close()
}
