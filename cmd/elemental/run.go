package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"elemental/actors"
	"elemental/persistence"
	"elemental/transport"
)

// daemon is the running provider.
type daemon struct {
	processors int
	store      *persistence.Store
	provider   *actors.Provider
	listener   *transport.Listener
}

// serve runs the provider until a signal stops it.
func serve(opts *options, log *slog.Logger) error {
	ballast := make([]byte, ballastBytes)
	defer runtime.KeepAlive(ballast)
	stop := stopSignal(log)
	d, err := start(opts, log)
	if err != nil {
		return err
	}
	debug.FreeOSMemory() // what the start has read, and nobody needs any more
	warnOfFewFiles(opts, log)
	quit := make(chan struct{})
	defer close(quit)
	go returnMemory(quit)
	served := make(chan error, 1)
	go func() { served <- d.listener.Serve(d.provider) }()
	fmt.Println(startLine(opts, d.listener.Addr()))
	select {
	case <-stop:
	case err = <-served:
	}
	if err = errors.Join(err, d.stop(time.Duration(opts.StopTimeout))); err == nil {
		log.Info("stopped")
	}
	return err
}

// start opens the port first, so that a refusal leaves the folder as it was,
// then store and actors. Clients that come meanwhile wait to be accepted.
func start(opts *options, log *slog.Logger) (*daemon, error) {
	encoder, err := transport.NewEncoder(opts.Encoding)
	if err != nil {
		return nil, err
	}
	d := &daemon{processors: runtime.GOMAXPROCS(0)}
	allowWaiting(d.processors)
	wire := opts.wire(os.Stdout)
	wire.Processors = d.processors
	if d.listener, err = transport.Listen(wire, log); err != nil {
		return nil, err
	}
	if d.store, err = persistence.Open(opts.storage(log)); err == nil {
		cfg := opts.domain(readIcon(opts.StoragePath, log))
		cfg.NewHasher, cfg.Processors = besides(log), d.processors
		d.provider, err = actors.Start(cfg, d.store, encoder, log)
	}
	if err != nil {
		return nil, errors.Join(err, d.stop(time.Duration(opts.StopTimeout)))
	}
	return d, nil
}

// allowWaiting lets the runtime run more goroutines than there are processors, unless
// the operator has said how many: those that wait in a system call, which are the
// pollers and whoever writes the journal, count as running until the runtime notices,
// and what is queued behind them waits as long.
func allowWaiting(processors int) {
	const writers = 1
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(processors + transport.Pollers(processors) + writers)
	}
}

// stopSignal gives a channel that closes at the first SIGINT, SIGTERM or
// SIGHUP; the second ends the process at once.
func stopSignal(log *slog.Logger) <-chan struct{} {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	stop := make(chan struct{})
	go func() {
		log.Info("stopping", "signal", (<-signals).String())
		close(stop)
		log.Error("stopped at once, work in flight is left", "signal", (<-signals).String())
		os.Exit(exitTrouble)
	}()
	return stop
}

// stop ends all in the opposite order: no new requests, those under way
// answered, what is left on disk. It gives up after the timeout.
func (d *daemon) stop(timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- d.stopAll(ctx) }()
	select {
	case err := <-done:
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			return fmt.Errorf("did not stop cleanly: %w", err)
		}
	case <-time.After(timeout + timeToCut):
	}
	return fmt.Errorf("stopping took longer than %v; work in flight was given up", timeout)
}

// timeToCut is what a stop that is given up may still take to cut off its
// clients and end the journal.
const timeToCut = 2 * time.Second

func (d *daemon) stopAll(ctx context.Context) error {
	err := d.listener.Shutdown(ctx)
	if d.provider != nil {
		err = errors.Join(err, d.provider.Stop(ctx))
	}
	if d.store != nil {
		err = errors.Join(err, d.store.Close())
	}
	return err
}

// startLine is what stands on standard output once clients are served.
func startLine(opts *options, addr net.Addr) string {
	return fmt.Sprintf("elemental: listening on %s (encoding %s, data in %s, %d connections at most)",
		addr, opts.Encoding, opts.StoragePath, opts.MaxConnections)
}
