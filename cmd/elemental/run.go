package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"elemental/actors"
	"elemental/inspector"
	"elemental/inspector/faultlab"
	"elemental/inspector/otlp"
	"elemental/persistence"
	"elemental/transport"
)

// daemon is the running provider.
type daemon struct {
	processors int
	log        *slog.Logger
	store      *persistence.Store
	provider   *actors.Provider
	listener   *transport.Listener
	inspector  *inspector.Server           // nil without --admin
	lab        *faultlab.Disk              // nil without --faultlab
	untrace    func(context.Context) error // nil without --otlp
}

// serve runs the provider until a signal stops it.
func serve(opts *options, log *slog.Logger, console *console) error {
	ballast := takeBallast()
	defer runtime.KeepAlive(ballast)
	stop := stopSignal(log, console)
	wanted := opts.MaxConnections
	fitOpenFiles(opts)
	d, err := start(opts, log, console)
	if err != nil {
		return err
	}
	debug.FreeOSMemory() // what was only needed to start
	warnOfFewFiles(wanted, opts.MaxConnections, log)
	quit := make(chan struct{})
	defer close(quit)
	go returnMemory(quit)
	served := make(chan error, 1)
	go func() { served <- d.listener.Serve(d.provider) }()
	_, _ = fmt.Fprintln(console.out, startLine(opts, d.listener.Addr())) // Write always succeeds
	d.inspect(console.out)
	select {
	case <-stop:
	case err = <-served:
	}
	if err = errors.Join(err, d.stop(time.Duration(opts.StopTimeout))); err == nil {
		log.Info("stopped")
	}
	return err
}

// start opens the port first, so that the folder is unchanged if that fails; then it starts
// store and actors. Clients that connect meanwhile wait to be accepted.
func start(opts *options, log *slog.Logger, console *console) (*daemon, error) {
	encoder, err := transport.NewEncoder(opts.Encoding)
	if err != nil {
		return nil, err
	}
	d := &daemon{processors: runtime.GOMAXPROCS(0), log: log}
	allowWaiting(d.processors)
	wire := opts.wire(console.out)
	wire.Processors = d.processors
	if d.listener, err = transport.Listen(wire, log); err != nil {
		return nil, err
	}
	if err = d.openInspector(opts); err != nil {
		return nil, errors.Join(err, d.stop(time.Duration(opts.StopTimeout)))
	}
	storage := opts.storage(log)
	if d.lab != nil {
		storage.Around = d.lab.On
	}
	if d.store, err = persistence.Open(storage); err == nil {
		cfg := opts.domain(readIcon(opts.StoragePath, log))
		cfg.NewHasher, cfg.Processors = besides(log), d.processors
		d.provider, err = actors.Start(cfg, d.store, encoder, log)
	}
	if err == nil {
		err = d.trace(opts)
	}
	if err != nil {
		return nil, errors.Join(err, d.stop(time.Duration(opts.StopTimeout)))
	}
	return d, nil
}

// openInspector opens the inspector's port, if there is to be one. Until inspect is called, the
// inspector answers that the provider is starting.
func (d *daemon) openInspector(opts *options) (err error) {
	if opts.Admin == "" {
		return nil
	}
	cfg, err := opts.inspector(d.log)
	if err != nil {
		return err
	}
	if opts.FaultLab {
		d.lab = &faultlab.Disk{}
		cfg.Disk = d.lab
	}
	d.inspector, err = inspector.Listen(cfg)
	return err
}

// trace starts to send traces, with --otlp.
func (d *daemon) trace(opts *options) (err error) {
	if opts.OTLP != "" {
		d.untrace, err = otlp.Start(context.Background(), opts.OTLP, opts.TraceSample, d.provider, d.log)
	}
	return err
}

// endTraces sends the last traces. It does not wait long for a collector that does not answer.
func (d *daemon) endTraces(ctx context.Context) {
	if d.untrace == nil {
		return
	}
	const moment = 2 * time.Second
	short, cancel := context.WithTimeout(ctx, moment)
	defer cancel()
	if err := d.untrace(short); err != nil {
		d.log.Warn("the last traces were not sent", "error", err)
	}
}

// inspect lets people use the inspector, now that there is something to see, and prints where.
func (d *daemon) inspect(out io.Writer) {
	if d.inspector != nil {
		d.inspector.Serve(d.provider, d.listener, d.store)
		_, _ = fmt.Fprintf(out, "elemental: inspector at http://%s/\n", d.inspector.Addr()) // as for the start line
	}
}

// allowWaiting lets the runtime run more goroutines than there are processors, unless the
// operator has set GOMAXPROCS. The pollers and the writer of the journal wait in system
// calls. Until the runtime notices that, they count as running, and what is queued behind
// them waits.
func allowWaiting(processors int) {
	const writers = 1
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(processors + transport.Pollers(processors) + writers)
	}
}

// sameWish is the time in which several signals count as one: systemd and timeout send two
// at once.
const sameWish = 300 * time.Millisecond

// stopSignal returns a channel that is closed at the first SIGINT, SIGTERM or SIGHUP. A later
// one ends the process at once.
func stopSignal(log *slog.Logger, console *console) <-chan struct{} {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	stop := make(chan struct{})
	go func() {
		first, at := <-signals, time.Now()
		log.Info("stopping", "signal", first.String())
		close(stop)
		for again := range signals {
			if time.Since(at) >= sameWish {
				log.Error("stopped at once, work in flight is left", "signal", again.String())
				console.close()
				os.Exit(exitTrouble)
			}
		}
	}()
	return stop
}

// stop ends everything in the opposite order: it takes no new requests, answers those under
// way, and writes what is left to disk. It gives up after the timeout.
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

// timeToCut is how long a stop that was given up may still take to cut off the clients and
// to end the journal.
const timeToCut = 2 * time.Second

func (d *daemon) stopAll(ctx context.Context) error {
	if d.inspector != nil {
		d.inspector.Leave()
	}
	err := d.listener.Shutdown(ctx)
	if d.inspector != nil {
		err = errors.Join(err, d.inspector.Stop(ctx))
	}
	d.endTraces(ctx)
	if d.provider != nil {
		err = errors.Join(err, d.provider.Stop(ctx))
	}
	if d.store != nil {
		err = errors.Join(err, d.store.Close())
	}
	return err
}

// startLine is printed on standard output once clients are served.
func startLine(opts *options, addr net.Addr) string {
	return fmt.Sprintf("elemental: listening on %s (encoding %s, data in %s, %d connections at most)",
		addr, opts.Encoding, opts.StoragePath, opts.MaxConnections)
}
