// Package originaltest is a stand-in for the original Python provider, for
// tests of clients. It speaks that provider's wire, its oddities included:
//
//   - One read of at most 16384 bytes is one request. Whatever in it is not
//     exactly one JSON object, in ASCII, is met with silence.
//   - Answers end without a newline, and look like Python's.
//   - A request that Python failed on gets no answer; where the failure was of
//     the file system (a name that is not there), the connection is closed too.
//   - A call that it does not know is answered with the request itself.
//   - No ids, no pushes, no nonces; a login belongs to its connection.
//
// What the original did with names that are paths is left out, and so is its
// experimental push.
package originaltest

import (
	"errors"
	"net"
	"sync"
	"time"
)

// Interval is the time that has to pass between two counts of messages at the original provider.
const Interval = 750 * time.Millisecond

// Provider is a running stand-in. Its methods may be called from any goroutine.
type Provider struct {
	Addr string // host:port; it stays the same after a Restart

	interval time.Duration
	data     *data

	mu       sync.Mutex
	listener net.Listener // nil while it is closed
	open     map[net.Conn]struct{}
	running  sync.WaitGroup
}

// Start starts a provider without users on a free port of this machine.
func Start() (*Provider, error) { return StartWith(Interval) }

// StartWith does what Start does with another interval between two counts of messages.
func StartWith(interval time.Duration) (*Provider, error) {
	p := &Provider{
		Addr: "127.0.0.1:0", interval: interval,
		data: &data{users: map[string]*user{}, servers: map[string]*server{}},
		open: map[net.Conn]struct{}{},
	}
	if err := p.Restart(); err != nil {
		return nil, err
	}
	return p, nil
}

// Restart starts a closed provider again, with its address and its data.
func (p *Provider) Restart() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		return errors.New("the provider runs")
	}
	listener, err := net.Listen("tcp", p.Addr)
	if err != nil {
		return err
	}
	p.listener, p.Addr = listener, listener.Addr().String()
	started := time.Now()
	p.running.Go(func() { p.accept(listener, started) })
	return nil
}

func (p *Provider) accept(listener net.Listener, started time.Time) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return // closed
		}
		p.mu.Lock()
		if p.listener == listener {
			p.open[conn] = struct{}{}
			p.running.Go(func() { p.serve(conn, started) })
		} else {
			_ = conn.Close()
		}
		p.mu.Unlock()
	}
}

// serve serves one connection from its first request to its end.
func (p *Provider) serve(conn net.Conn, started time.Time) {
	s := &session{data: p.data, interval: p.interval, counted: started}
	segment := make([]byte, 16384)
	for {
		n, err := conn.Read(segment)
		if err != nil {
			break
		}
		answer, err := s.answer(segment[:n])
		if errors.Is(err, errSilence) {
			continue
		}
		if err != nil {
			break
		}
		if _, err := conn.Write([]byte(answer)); err != nil {
			break
		}
	}
	p.mu.Lock()
	delete(p.open, conn)
	p.mu.Unlock()
	_ = conn.Close()
}

// Drop cuts all connections.
func (p *Provider) Drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.open {
		_ = conn.Close()
	}
}

// Close cuts all connections and accepts no more. The data is kept for a Restart.
func (p *Provider) Close() {
	p.mu.Lock()
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
	p.mu.Unlock()
	p.Drop()
	p.running.Wait()
}
