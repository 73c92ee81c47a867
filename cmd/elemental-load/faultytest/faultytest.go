// Package faultytest makes a faulty provider for tests: a proxy between the clients and
// the real provider, which changes once what the provider says. Tests use it to show that
// the load tester's checks find each kind of fault.
//
// It works over plain TCP, with encodings that contain ASCII unchanged.
package faultytest

import (
	"net"
	"sync"
	"testing"
)

// Fault is what goes wrong.
type Fault int

// The faults. Each happens once, at the chosen occasion of its kind. Occasions are
// counted over all connections.
const (
	None            Fault = iota // everything passes unchanged
	DropPush                     // a push is not passed on
	DoublePush                   // a push is sent twice
	SwapPushes                   // a push is sent after the next one of its channel
	PushOwn                      // a post is pushed to the connection that posted it too, before its answer
	ChangePush                   // a push has the text of the one before; an occasion is a push that has one before it in its channel, on its connection
	SameIndexTwice               // a post is answered with the index of the post before; an occasion is a post that has one before it in its channel
	RefuseDone                   // a post that was done is answered as refused: "busy, try again"
	Cut                          // the connection ends in the middle of the answer to a post
	DropFromHistory              // a message is missing in the history of a channel
	DoubleInHistory              // a message is twice in the history
	SwapInHistory                // two neighbouring messages of the history are exchanged
)

// Proxy is a faulty provider. It is closed at the end of the test.
type Proxy struct {
	Addr string // the address it listens on, as host and port

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
	posted    map[place]int64 // index of the last post in each channel
	lies      map[place]*lie  // channels whose history is not told as it is
}

// place names a channel.
type place struct{ server, channel string }

// Start starts a proxy to the real provider at the address provider. It passes everything
// unchanged, except that the fault happens at the occasion with number at, counted from
// 1.
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

// Struck reports whether the fault has happened: what the client then gets has been written,
// or is about to be.
func (p *Proxy) Struck() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.struck
}

// strikes counts an occasion of a fault and tells whether the fault happens now. The
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
			return // the listener is closed
		}
		provider, err := net.Dial("tcp", p.provider)
		if err != nil {
			_ = client.Close() // the provider cannot be reached: be as unreachable as it is
			continue
		}
		if p.keep(client, provider) {
			l := &link{p: p, client: client, provider: provider, last: map[place][]byte{}}
			p.running.Go(l.run)
		}
	}
}

// keep remembers connections, to be closed at the end. It closes them at once and returns
// false if the proxy is closed already.
func (p *Proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range conns {
		if p.closed {
			_ = conn.Close() // nobody uses it yet, so there is nobody to tell of an error
		} else {
			p.open[conn] = true
		}
	}
	return !p.closed
}

// drop closes connections, which ends the reads under way on them.
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
	_ = p.listener.Close() // it is closed only once, so the error says nothing
	p.drop(conns...)
	p.running.Wait()
}
