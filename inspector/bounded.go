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

// bounded accepts so many connections at a time, and a share of them from one address.
// Beyond that one without a request that was let in makes room, so that who may come in
// always finds some; only among such can one be turned away. (That of x/net hides that a
// socket can be closed on one side, without which a refusal may not be read.)
type bounded struct {
	net.Listener
	most, share int

	mu     sync.Mutex
	guests []*guest
}

// moment is what a connection is given to say what it wants, before it can have to make
// room. The next one waits for that, instead of pushing out who came just before.
const moment = 50 * time.Millisecond

// guest is a connection that has taken room.
type guest struct {
	*net.TCPConn
	of    *bounded
	from  netip.Addr
	let   bool      // in: a request of its was, and is not answered yet
	since time.Time // that it is not
}

// Accept waits for a client for whom there is room.
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
		_ = tcp.SetWriteBuffer(systemBytes) // otherwise it is seen later that a page does not read
		return g, nil
	}
}

// admit takes room for a guest, if need be that of one who was not let in.
func (b *bounded) admit(g *guest) bool {
	for {
		wait, admitted := b.tryAdmit(g)
		if wait <= 0 {
			return admitted
		}
		time.Sleep(wait)
	}
}

// tryAdmit is admit, but for the wait until somebody had his moment.
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

// longest is who fits and has been here the longest without being let in, or nil.
func (b *bounded) longest(fits func(*guest) bool) (found *guest) {
	for _, g := range b.guests {
		if !g.let && fits(g) && (found == nil || g.since.Before(found.since)) {
			found = g
		}
	}
	return found
}

// forget makes room. Under mu.
func (b *bounded) forget(g *guest) {
	if i := slices.Index(b.guests, g); i >= 0 {
		b.guests = slices.Delete(b.guests, i, i+1)
	}
}

type guestKey struct{}

// with tells requests of whose connection they are.
func with(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, guestKey{}, conn)
}

// let notes whether a request is one that was let in: then its connection does not make room.
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

// Close makes room.
func (g *guest) Close() error {
	g.of.mu.Lock()
	g.of.forget(g)
	g.of.mu.Unlock()
	return g.TCPConn.Close()
}
