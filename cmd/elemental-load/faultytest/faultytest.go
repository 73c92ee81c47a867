// Package faultytest makes a provider that is at fault: it stands between the
// clients of a test and the real provider and tampers, once, with what that
// says. It is there to show that the load tester's checks see each fault.
//
// It knows plain TCP and encodings in which ASCII is ASCII.
package faultytest

import (
	"net"
	"sync"
	"testing"
)

// Fault is what goes wrong.
type Fault int

// The faults. Each strikes once, at an occasion of its kind; occasions are
// counted over all connections.
const (
	None            Fault = iota // all passes as it is
	DropPush                     // a push is swallowed
	DoublePush                   // a push is sent twice
	SwapPushes                   // a push comes after the next one of its channel
	PushOwn                      // a post is pushed to the connection that made it too, before it is answered
	ChangePush                   // a push has the text of the one before it; an occasion is one that has one before it in its channel, on its connection
	SameIndexTwice               // a post is answered with the index of the post before it; an occasion is one that has one before it in its channel
	RefuseDone                   // a post that was done is refused as "busy, try again"
	Cut                          // the connection ends in the middle of the answer to a post
	DropFromHistory              // a message is missing in the history of a channel
	DoubleInHistory              // a message is there twice
	SwapInHistory                // two messages that follow each other are exchanged
)

// Proxy is a provider at fault. It ends with the test.
type Proxy struct {
	Addr string // where it listens, as host and port

	provider string
	fault    Fault
	at       int
	listener net.Listener
	running  sync.WaitGroup

	mu        sync.Mutex
	closed    bool
	open      map[net.Conn]bool
	occasions int
	struck    bool
	posted    map[place]int64 // the index of the last post
	lies      map[place]*lie  // of what a channel's history is said to be
}

// place is a channel.
type place struct{ server, channel string }

// Start makes a provider that is right but for the fault, which strikes at the
// at-th occasion, counted from 1. The real provider is at the address provider.
func Start(t testing.TB, provider string, fault Fault, at int) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{
		Addr: listener.Addr().String(), provider: provider, fault: fault, at: at, listener: listener,
		open: map[net.Conn]bool{}, posted: map[place]int64{}, lies: map[place]*lie{},
	}
	p.running.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// Struck reports whether the fault has struck: what the client then hears is
// written, or about to be.
func (p *Proxy) Struck() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.struck
}

// strikes counts an occasion of a fault and tells whether it is the one; the
// caller holds the lock.
func (p *Proxy) strikes(fault Fault) bool {
	if p.fault != fault || p.struck {
		return false
	}
	p.occasions++
	p.struck = p.occasions == p.at
	return p.struck
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		provider, err := net.Dial("tcp", p.provider)
		if err != nil {
			_ = client.Close() // the provider is gone, and so are we
			continue
		}
		if p.keep(client, provider) {
			l := &link{p: p, client: client, provider: provider, last: map[place][]byte{}}
			p.running.Go(l.run)
		}
	}
}

// keep notes connections that have to be closed in the end.
func (p *Proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range conns {
		if p.closed {
			_ = conn.Close() // nobody uses it yet
		} else {
			p.open[conn] = true
		}
	}
	return !p.closed
}

// drop closes connections; that unblocks who reads them.
func (p *Proxy) drop(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range conns {
		delete(p.open, conn)
		_ = conn.Close() // it may be closed already
	}
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true
	conns := make([]net.Conn, 0, len(p.open))
	for conn := range p.open {
		conns = append(conns, conn)
	}
	p.mu.Unlock()
	_ = p.listener.Close() // it is closed once
	p.drop(conns...)
	p.running.Wait()
}
