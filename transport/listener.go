package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"elemental/actors"
	"elemental/protocol"
)

// Listener accepts connections and contains what they share.
type Listener struct {
	cfg        Config
	codec      *protocol.Codec
	tls        *tls.Config                             // nil for plain TCP
	connect    func(actors.Outbox, netip.Addr) session // set by Serve
	provider   *actors.Provider                        // likewise; nil in tests of this package
	icon       bool                                    // likewise: the answer to getprovidername has an icon
	log        *slog.Logger
	requestLog *requestLog
	writers    *writers
	pollers    []*poller // none on systems without
	commons    *commons
	socket     net.Listener
	began      time.Time
	now        atomic.Int64 // the listener's clock: nanoseconds since the start, and one; set by the watcher in each round
	slow       atomic.Int64
	sentBytes  atomic.Int64 // with Config.Inspect
	serving    atomic.Bool

	mu      sync.Mutex // guards what follows; taken at a connection's start and end and by the watcher
	conns   map[*conn]netip.Addr
	from    map[netip.Addr]int
	closing bool

	accepted, refused int64
	leaving           int // connections that are turned away and still being told

	running  sync.WaitGroup // connections
	quit     chan struct{}
	watching sync.WaitGroup
	polling  sync.WaitGroup
	stopOnce sync.Once
}

// Network is the network to listen in for a host. With "tcp", Go takes 0.0.0.0 for the addresses
// of IPv6 too, to which whoever names it may not want to open a port.
func Network(host string) string {
	if host == "0.0.0.0" {
		return "tcp4"
	}
	return "tcp"
}

// Listen opens the port. It is called before anything else is started or changed. Connections
// wait in the system's queue until Serve is called.
func Listen(cfg Config, log *slog.Logger) (*Listener, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	codec, err := protocol.FindCodec(cfg.Encoding)
	if err != nil {
		return nil, err
	}
	secure, err := tlsConfig(&cfg, log)
	if err != nil {
		return nil, err
	}
	socket, err := net.Listen(Network(cfg.Host), net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port)))
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	l := &Listener{
		cfg: cfg, codec: codec, tls: secure, log: log, socket: socket,
		requestLog: newRequestLog(cfg.RequestLog, cfg.ConsoleName),
		writers:    newWriters(), quit: make(chan struct{}),
		conns: map[*conn]netip.Addr{}, from: map[netip.Addr]int{},
	}
	l.commons, l.began = l.newCommons(), time.Now()
	l.now.Store(1)
	l.watching.Go(l.watch)
	l.startPollers()
	return l, nil
}

// Addr is the address that the listener listens on.
func (l *Listener) Addr() net.Addr { return l.socket.Addr() }

// Serve accepts connections for the provider until Shutdown, and then returns nil. When
// accepting fails, for example because there are no file descriptors left, it pauses and tries
// again; it never gives up.
func (l *Listener) Serve(provider *actors.Provider) error {
	for _, p := range l.pollers {
		p.flusher.given.Store(provider.Turns(l.write, p.set.wake))
	}
	l.provider, l.icon = provider, provider.HasIcon()
	return l.serve(func(out actors.Outbox, from netip.Addr) session { return provider.Connect(out, from) })
}

// write writes some of what was handed to the flushers, and reports whether there is more.
func (l *Listener) write(busy bool) (more bool) {
	for _, p := range l.pollers {
		more = p.flusher.some(busy) || more
	}
	return more
}

func (l *Listener) serve(connect func(actors.Outbox, netip.Addr) session) error {
	l.connect = connect
	l.serving.Store(true)
	pause := time.Duration(0)
	for {
		socket, err := l.socket.Accept()
		switch {
		case err == nil:
			pause = 0
			l.start(socket)
			runtime.Gosched() // thousands may come at once, and the others' requests must not wait for them
		case errors.Is(err, net.ErrClosed):
			return nil
		default:
			if pause == 0 {
				l.log.Warn("accepting connections fails, trying again", "error", err)
			}
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			if !l.wait(pause) {
				return nil
			}
		}
	}
}

// wait reports false if the listener stops meanwhile.
func (l *Listener) wait(pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.quit:
		return false
	}
}

// start runs a connection, or turns it away.
func (l *Listener) start(socket net.Conn) {
	from := remote(socket)
	l.boundBuffer(socket)
	if l.tls != nil {
		socket = tls.Server(socket, l.tls)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch full := len(l.conns) >= l.cfg.Connections || l.cfg.PerAddress > 0 && l.from[from] >= l.cfg.PerAddress; {
	case l.closing:
		l.closeNow(socket)
	case full:
		l.refused++
		l.turnAway(socket)
	default:
		c := newConn(l, socket)
		l.conns[c] = from
		l.from[from]++
		l.commons.connections.Add(1)
		l.accepted++
		l.poll(c)
		l.running.Add(1)
		go l.run(c)
	}
}

// kernelBuffer is how much the system may keep for a client that does not read, in addition to
// the outbox. By itself it would let that grow to megabytes.
const kernelBuffer = 128 << 10

func (l *Listener) boundBuffer(socket net.Conn) {
	if tcp, ok := socket.(*net.TCPConn); ok {
		if err := tcp.SetWriteBuffer(kernelBuffer); err != nil {
			l.log.Debug("buffer of a connection", "error", err)
		}
	}
}

// turnAway tells a client that there are too many connections, and closes its connection. With
// TLS it only closes it, since telling would need a handshake. Only a few such clients at a time
// get time to read it, so that a flood of them costs nothing.
func (l *Listener) turnAway(socket net.Conn) {
	const patience = 64
	if l.tls != nil || l.leaving >= patience {
		l.closeNow(socket)
		return
	}
	l.leaving++
	l.running.Go(func() {
		l.sayFull(socket)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.leaving--
	})
}

func (l *Listener) sayFull(socket net.Conn) {
	text := slices.Clone(l.codec.Mark())
	start := len(text)
	text = l.codec.Finish(appendRefusal(text, actors.Refused{Code: actors.TooManyConns}, nil), start)
	if _, err := socket.Write(text); err == nil { // a new socket has room for a line
		drain(socket, lingerTime/5)
	}
	l.closeNow(socket)
}

// run is the goroutine of a connection, as long as the connection needs one.
func (l *Listener) run(c *conn) {
	for !c.serve() {
		if c.release() {
			return
		}
	}
	defer l.running.Done()
	c.unpoll()
	l.mu.Lock()
	defer l.mu.Unlock()
	from := l.conns[c]
	delete(l.conns, c)
	l.commons.connections.Add(-1)
	if l.from[from]--; l.from[from] == 0 {
		delete(l.from, from)
	}
}

// Shutdown stops accepting, lets requests under way be answered, and closes the connections. If
// ctx ends first, they are cut off and its error is returned. When it returns, all goroutines
// have ended.
func (l *Listener) Shutdown(ctx context.Context) error {
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
	l.serving.Store(false)
	err := l.socket.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	l.commons.look(true)
	l.each(func(c *conn) { c.cut(endShutdown) })
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.running.Wait()
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		err = ctx.Err()
		l.log.Warn("clients are cut off that have not got or not read all their answers", "connections", l.Counters().Open)
		l.each((*conn).kill)
		<-ended
	}
	l.stopOnce.Do(func() {
		close(l.quit)
		l.watching.Wait()
		l.writers.stop()
		l.stopPollers()
	})
	return err
}

// each calls f for every connection that exists now.
func (l *Listener) each(f func(*conn)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		f(c)
	}
}
