package transport_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors"
	"elemental/persistence"
	"elemental/transport"
)

// house is a whole provider in this process: real folder, real sockets.
type house struct {
	t     *testing.T
	addr  string
	fault atomic.Pointer[fault]
	ended chan actors.Kind // each durable actor that has left memory
	stop  func()
}

// settings is what a test wants other than usual.
type settings struct {
	passivate, snapshots time.Duration
	segment              int64
}

// fault makes the next message of an actor kind panic, once.
type fault struct {
	kind  actors.Kind
	fired atomic.Bool
}

func (h *house) strike(kind actors.Kind, msg any) {
	switch msg.(type) {
	case *actor.Stopped:
		select {
		case h.ended <- kind:
		default:
		}
		return
	case *actor.Started, *actor.Stopping, *actor.Restarting:
		return
	}
	if f := h.fault.Load(); f != nil && f.kind == kind && f.fired.CompareAndSwap(false, true) {
		panic("injected")
	}
}

func newHouse(t *testing.T, dir string, set settings) *house {
	t.Helper()
	h := &house{t: t, ended: make(chan actors.Kind, 100)}
	log := slog.New(slog.DiscardHandler)
	store, err := persistence.Open(persistence.Config{
		Dir: dir, Log: log, SnapshotInterval: set.snapshots, SegmentBytes: set.segment,
	})
	if err != nil {
		t.Fatal(err)
	}
	encoder, err := transport.NewEncoder("ascii")
	if err != nil {
		t.Fatal(err)
	}
	cfg := actors.DefaultConfig()
	cfg.HashMemory, cfg.HashTime, cfg.CountInterval, cfg.Deadline = 64, 1, 0, 2*time.Second
	cfg.Fault, cfg.Passivate = h.strike, set.passivate
	provider, err := actors.Start(cfg, store, encoder, log)
	if err != nil {
		t.Fatal(err)
	}
	wire := transport.DefaultConfig()
	wire.Host, wire.Port = "127.0.0.1", 0
	listener, err := transport.Listen(wire, log)
	if err != nil {
		t.Fatal(err)
	}
	h.addr = listener.Addr().String()
	served := make(chan error, 1)
	go func() { served <- listener.Serve(provider) }()
	h.stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := listener.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := provider.Stop(ctx); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(h.stop)
	return h
}

// line is one connection.
type line struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func (h *house) dial() *line {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = conn.Close() })
	return &line{t: h.t, conn: conn, in: bufio.NewReader(conn)}
}

func (h *house) login(name string) *line {
	h.t.Helper()
	l := h.dial()
	l.yes(`{"call":"login","usernm":%q,"passwd":"pw"}`, name)
	return l
}

// founder is alice, logged in, with a server s.
func (h *house) founder() *line {
	h.t.Helper()
	h.dial().yes(`{"call":"register","usernm":"alice","passwd":"pw"}`)
	alice := h.login("alice")
	alice.yes(`{"call":"createserver","servername":"s","serverpasswd":"spw"}`)
	return alice
}

// next reads one answer or event; nil when the connection has ended.
func (l *line) next() map[string]any {
	l.t.Helper()
	if err := l.conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		l.t.Fatal(err)
	}
	text, err := l.in.ReadBytes('\n')
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			l.t.Fatal("no answer")
		}
		return nil
	}
	var answer map[string]any
	if err := json.Unmarshal(text, &answer); err != nil {
		l.t.Fatalf("%q: %v", text, err)
	}
	return answer
}

func (l *line) close() {
	if err := l.conn.Close(); err != nil {
		l.t.Error(err)
	}
}

func (l *line) ask(format string, args ...any) map[string]any {
	l.t.Helper()
	if _, err := fmt.Fprintf(l.conn, format, args...); err != nil {
		return nil
	}
	return l.next()
}

func (l *line) yes(format string, args ...any) map[string]any {
	l.t.Helper()
	answer := l.ask(format, args...)
	if answer == nil || answer["resp"] != true {
		l.t.Fatalf("%s: %v", fmt.Sprintf(format, args...), answer)
	}
	return answer
}

func (l *line) history() []any {
	l.t.Helper()
	n := l.yes(`{"call":"gettotalmessages","servername":"s","channel":"general"}`)["amount"].(float64)
	return l.yes(`{"call":"getmessages","servername":"s","channel":"general","begin":0,"end":%d}`, int(n))["messages"].([]any)
}

// TestAPanicInEachActor crashes each kind of actor in the middle of a
// conversation: the asker hears of it, nothing acknowledged is lost, and
// everything works afterwards.
func TestAPanicInEachActor(t *testing.T) {
	post := `{"call":"message","servername":"s","channel":"general","msg":"during"}`
	requests := map[actors.Kind]string{
		actors.KindSession:     post,
		actors.KindDirectory:   post,
		actors.KindServer:      post,
		actors.KindChannel:     post,
		actors.KindPersistence: post,
		actors.KindRouter:      `{"call":"getservermembers","servername":"s"}`,
		actors.KindUser:        `{"call":"getjoinedservers"}`,
		actors.KindPasswords:   `{"call":"joinserver","servername":"s","serverpasswd":"spw"}`,
	}
	for kind, request := range requests {
		t.Run(string(kind), func(t *testing.T) { crash(t, kind, request) })
	}
}

func crash(t *testing.T, kind actors.Kind, request string) {
	h := newHouse(t, t.TempDir(), settings{})
	alice := h.founder()
	h.dial().yes(`{"call":"register","usernm":"bob","passwd":"pw"}`)
	bob := h.login("bob")
	bob.yes(`{"call":"joinserver","servername":"s","serverpasswd":"spw"}`)
	for i := range 3 {
		alice.yes(`{"call":"message","servername":"s","channel":"general","msg":"m%d"}`, i)
	}
	before := alice.history()

	f := &fault{kind: kind}
	h.fault.Store(f)
	answer := alice.ask("%s", request)
	if !f.fired.Load() {
		t.Fatal("the fault did not fire")
	}
	if kind == actors.KindSession {
		if answer != nil {
			t.Fatalf("the session answered %v after its crash", answer)
		}
		alice = h.login("alice")
	} else if answer == nil {
		t.Fatal("the connection was closed")
	} else if answer["resp"] == false && answer["reason"] == "" {
		t.Fatalf("no reason: %v", answer)
	}

	bob.yes(`{"call":"subscribe","servername":"s","channel":"general"}`)
	posted := alice.yes(`{"call":"message","servername":"s","channel":"general","msg":"after"}`)
	if push := bob.next(); push["message"] != "after" || push["index"] != posted["index"] {
		t.Fatalf("pushed %v, posted %v", push, posted)
	}
	after := alice.history()
	for i, message := range before {
		if fmt.Sprint(message) != fmt.Sprint(after[i]) {
			t.Fatalf("message %d was %v and is %v", i, message, after[i])
		}
	}
	if n := len(after); posted["index"] != float64(n-1) || n > len(before)+2 {
		t.Fatalf("%d messages after %v", n, posted)
	}
	alice.yes(`{"call":"getservermembers","servername":"s"}`)
	if got := alice.yes(`{"call":"getjoinedservers"}`)["servers"]; fmt.Sprint(got) != "[s]" {
		t.Fatalf("joined %v", got)
	}
	carol := h.dial()
	carol.yes(`{"call":"register","usernm":"carol","passwd":"pw"}`)
	carol.yes(`{"call":"login","usernm":"carol","passwd":"pw"}`)
	carol.yes(`{"call":"joinserver","servername":"s","serverpasswd":"spw"}`)
}
