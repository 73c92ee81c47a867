// Package housetest is a whole provider in the test's own process: store,
// actors and listener as the program puts them together, on real sockets. Use
// it where a test has to reach inside (let an actor panic, cut the power of a
// disk in memory); what can be seen from outside is tested on the real program.
package housetest

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors"
	"elemental/persistence"
	"elemental/persistence/vfs"
	"elemental/transport"
)

// Settings is what a test wants other than usual; the zero value is fine.
type Settings struct {
	Dir   string // of the data; "" for a folder of the test's own
	FS    vfs.FS // in place of Dir
	Log   *slog.Logger
	Store func(*persistence.Config)
	Actor func(*actors.Config)
	Wire  func(*transport.Config)

	Inspect bool // keep what the inspector shows
}

// House is a running provider. Password hashing is cheap in it, so that tests
// are quick, and gettotalmessages is not limited.
type House struct {
	T     testing.TB
	Addr  string
	Ended chan actors.Kind // each actor that has stopped, as long as there is room
	Stop  func() error     // gracefully; the test's end does it too

	Provider *actors.Provider
	Listener *transport.Listener
	Store    *persistence.Store

	fault atomic.Pointer[func(actors.Kind, any)]
}

// New starts a house and stops it at the test's end.
func New(t testing.TB, set Settings) *House {
	t.Helper()
	h, err := Try(t, set)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Stop(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// Try is New for a folder that may be refused, or a disk that may fail at the
// stop. The caller stops the house.
func Try(t testing.TB, set Settings) (*House, error) {
	t.Helper()
	h := &House{T: t, Ended: make(chan actors.Kind, 100)}
	if set.Log == nil {
		set.Log = slog.New(slog.DiscardHandler)
	}
	store, err := persistence.Open(set.store(t))
	if err != nil {
		return nil, err
	}
	encoder, err := transport.NewEncoder("ascii")
	if err != nil {
		t.Fatal(err)
	}
	provider, err := actors.Start(set.actors(h.handling), store, encoder, set.Log)
	if err != nil {
		t.Fatal(err)
	}
	h.Provider = provider
	listener, err := transport.Listen(set.wire(), set.Log)
	if err != nil {
		t.Fatal(err)
	}
	h.Addr, h.Provider = listener.Addr().String(), provider
	h.Listener, h.Store = listener, store
	served := make(chan error, 1)
	go func() { served <- listener.Serve(provider) }()
	for !listener.Counters().Serving { // or the first question may be whether it does
		runtime.Gosched()
	}
	h.Stop = sync.OnceValue(func() error { return stop(listener, served, provider, store) })
	return h, nil
}

// stop ends a house as the program does, and tells the first trouble.
func stop(listener *transport.Listener, served chan error, provider *actors.Provider, store *persistence.Store) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var first error
	for _, step := range []func() error{
		func() error { return listener.Shutdown(ctx) },
		func() error { return <-served },
		func() error { return provider.Stop(ctx) },
		store.Close,
	} {
		if err := step(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (s *Settings) store(t testing.TB) persistence.Config {
	cfg := persistence.Config{Dir: s.Dir, FS: s.FS, Log: s.Log, Inspect: s.Inspect}
	if cfg.Dir == "" && cfg.FS == nil {
		cfg.Dir = t.TempDir()
	}
	if s.Store != nil {
		s.Store(&cfg)
	}
	return cfg
}

func (s *Settings) actors(handling func(actors.Kind, any)) actors.Config {
	cfg := actors.DefaultConfig()
	cfg.HashMemory, cfg.HashTime, cfg.CountInterval, cfg.Deadline = 64, 1, 0, patience/2
	cfg.Fault = handling
	if cfg.Inspect = s.Inspect; s.Inspect {
		cfg.Calls = transport.Calls()
	}
	if s.Actor != nil {
		s.Actor(&cfg)
	}
	return cfg
}

func (s *Settings) wire() transport.Config {
	cfg := transport.DefaultConfig()
	cfg.Host, cfg.Port, cfg.Inspect = "127.0.0.1", 0, s.Inspect
	if s.Wire != nil {
		s.Wire(&cfg)
	}
	return cfg
}

// Strike has each actor call fault before it handles a message, on its own
// goroutine: a panic in it is the actor's. nil ends that.
func (h *House) Strike(fault func(kind actors.Kind, msg any)) {
	if fault == nil {
		h.fault.Store(nil)
		return
	}
	h.fault.Store(&fault)
}

func (h *House) handling(kind actors.Kind, msg any) {
	if _, stopped := msg.(*actor.Stopped); stopped {
		select {
		case h.Ended <- kind:
		default:
		}
	}
	if fault := h.fault.Load(); fault != nil {
		(*fault)(kind, msg)
	}
}

// Ordinary tells whether a message of Strike is one of ours, and not the
// engine's word that an actor begins or ends.
func Ordinary(msg any) bool {
	switch msg.(type) {
	case actor.SystemMessage, actor.AutoReceiveMessage:
		return false
	}
	return true
}
