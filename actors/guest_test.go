package actors

import (
	"cmp"
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"elemental/actors/telemetry"
	"elemental/persistence"
)

// This file is a whole provider whose sessions have no socket, so that a test can strike at a
// chosen moment between two actors.

// outbox is a connection that keeps what it is given.
type outbox struct {
	answers chan any
	pushes  chan string
	closed  atomic.Bool
}

func (o *outbox) Answer(_ *Request, reply any) { o.answers <- reply }
func (o *outbox) Push(event *Event) bool       { o.pushes <- string(event.Bytes); return true }
func (o *outbox) Hold()                        {}
func (o *outbox) Close()                       { o.closed.Store(true) }

func (o *outbox) AnswerFollowed(_ *Request, reply any, w *telemetry.Writing) {
	o.answers <- reply
	w.Ended()
}

type plainEncoder struct{}

func (plainEncoder) EncodeNewMessage(m *NewMessage) *Event {
	return &Event{[]byte("new " + m.Message.Text)}
}

func (plainEncoder) EncodeUnsubscribed(m *Unsubscribed) *Event {
	return &Event{[]byte("unsubscribed " + string(m.Reason))}
}

type guest struct {
	t       *testing.T
	name    string
	out     *outbox
	session *Session
}

func startNode(t *testing.T, store persistence.Config, change func(*Config)) *Provider {
	t.Helper()
	p, _ := startStoppable(t, store, change)
	return p
}

// startStoppable starts a provider that the test may stop before its end.
func startStoppable(t *testing.T, store persistence.Config, change func(*Config)) (p *Provider, stop func()) {
	t.Helper()
	log := cmp.Or(store.Log, slog.New(slog.DiscardHandler))
	store.Log = log
	if store.FS == nil {
		store.Dir = t.TempDir()
	}
	opened, err := persistence.Open(store)
	if err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.HashMemory, cfg.HashTime, cfg.CountInterval = 64, 1, 0
	if change != nil {
		change(&cfg)
	}
	p, err = Start(cfg, opened, plainEncoder{}, log)
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := p.Stop(ctx); err != nil {
			t.Error(err)
		}
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return p, stop
}

// enter connects a user, who registers and logs in.
func enter(t *testing.T, p *Provider, user string) *guest {
	t.Helper()
	g := connect(t, p, user)
	g.ask(Register{user, "p"})
	g.login()
	return g
}

// connect connects somebody who is not logged in.
func connect(t *testing.T, p *Provider, user string) *guest {
	out := newOutbox()
	return &guest{t, user, out, p.Connect(out, netip.Addr{})}
}

func newOutbox() *outbox {
	return &outbox{answers: make(chan any, 1<<12), pushes: make(chan string, 1<<12)}
}

func (g *guest) send(command any) { g.session.Send(&Request{Command: command, Bytes: 10}) }

func (g *guest) hear() any {
	g.t.Helper()
	select {
	case reply := <-g.out.answers:
		return reply
	case <-time.After(time.Minute):
		g.t.Fatal("no answer")
		return nil
	}
}

func (g *guest) ask(command any) any {
	g.t.Helper()
	g.send(command)
	return g.hear()
}

// login returns the session's new key.
func (g *guest) login() string {
	g.t.Helper()
	reply, ok := g.ask(Login{g.name, "p"}).(LoggedIn)
	if !ok {
		g.t.Fatalf("login: %v", reply)
	}
	return reply.Key
}

// crashes makes actors of a kind panic at messages of a type, whenever when says so.
func crashes[T any](kind Kind, when func() bool) func(Kind, any) {
	return func(at Kind, msg any) {
		if _, is := msg.(T); is && at == kind && when() {
			panic("injected")
		}
	}
}

// once says so one time after it was armed.
func once(armed *atomic.Bool) func() bool {
	return func() bool { return armed.CompareAndSwap(true, false) }
}
