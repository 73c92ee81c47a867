package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"elemental/client"
	"elemental/cmd/elemental-load/check"
	"elemental/cmd/elemental-load/crew"
	"elemental/cmd/elemental-load/drive"
	"elemental/cmd/elemental-load/live"
	"elemental/cmd/elemental-load/measure"
	"elemental/cmd/elemental-load/plan"
	"elemental/cmd/elemental-load/result"
	"elemental/cmd/elemental-load/selfhost"
	"elemental/cmd/elemental-load/wire"
)

// memberCommand is the hidden command of a process that takes part in another one's run.
const memberCommand = "member-of-a-run"

// job is one run, from the first look at the provider to the last file.
type job struct {
	options  *runOptions
	plan     *plan.Plan
	expect   []result.Expectation
	password string

	name    string // of the run
	started time.Time
	display *live.Display
	shown   *board

	host     atomic.Pointer[selfhost.Provider] // the provider, if it was started for the run
	target   result.Target
	reach    drive.Reach
	book     *check.Book
	world    *drive.World
	collect  *measure.Collector
	setup    time.Duration // how long the preparation and connecting took
	elapsed  time.Duration // how long the load took; 0: it did not begin
	loaded   bool          // the load was not broken off by an error; it may have been interrupted
	cut      bool          // the load was interrupted
	outcomes []*drive.Outcome
	checked  bool  // the check came to its end
	failed   error // why it did not
	notes    []string
}

// run makes the run. The exit code says how it went. The error says why the run could not
// be made or not be finished.
func (j *job) run() (int, error) {
	work, stop := signals(j.abandon)
	defer stop()
	bar := capable(os.Stderr) && !j.options.Plain
	j.display = live.New(os.Stderr, bar, coloured(os.Stderr))
	defer j.display.Close()
	j.name, j.started = drive.RunName(), time.Now()
	j.book = check.New(j.name, 0)
	err := j.canKeep()
	if err == nil {
		err = j.prepare(work)
	}
	if err == nil {
		err = j.load(work)
	}
	if err != nil && j.elapsed == 0 && work.Err() != nil {
		err = context.Cause(work) // says more than which request it was that was given up
	}
	err = errors.Join(err, j.cleanUp())
	j.display.Close()
	if j.elapsed == 0 { // there was no load: only the error can be told
		return j.codeOf(work, nil, err), err
	}
	r, failed := j.result(err)
	if failed == nil {
		failed = j.tell(r)
	}
	err = errors.Join(err, failed)
	return j.codeOf(work, r, err), err
}

// canKeep finds out early whether the results can be written.
func (j *job) canKeep() error {
	if j.options.Out == "" {
		return nil
	}
	err := os.MkdirAll(j.options.Out, 0o755)
	if err == nil {
		var trial *os.File
		if trial, err = os.CreateTemp(j.options.Out, ".trial-*"); err == nil {
			err = errors.Join(trial.Close(), os.Remove(trial.Name()))
		}
	}
	if err != nil {
		return fmt.Errorf("--out: the results could not be kept: %w", err)
	}
	return nil
}

// prepare finds or starts the provider, and makes the world.
func (j *job) prepare(ctx context.Context) error {
	if err := j.find(ctx); err != nil {
		return err
	}
	j.shown = newBoard(j.display, j.plan)
	j.collect = measure.NewCollector(j.plan, drive.Operations, int(j.options.Workers), j.provider(), j.shown.second)
	j.collect.Before()
	begun := time.Now()
	var err error
	j.world, err = drive.Prepare(ctx, drive.Settings{
		Run: j.name, Plan: *j.plan, Reach: j.reach, Original: j.target.Original,
		Users: j.options.UserPrefix, Password: j.password, Book: j.book,
	}, j.phase)
	j.setup = time.Since(begun)
	return err
}

// find resolves the provider's address, starting the provider first if the run is to do
// so, and asks the provider for its name.
func (j *job) find(ctx context.Context) error {
	o := j.options
	address, err := client.Address(o.Address)
	if err != nil {
		return err
	}
	if o.SelfHost {
		if address, err = j.start(ctx); err != nil {
			return err
		}
	}
	resolved, err := wire.Resolve(ctx, address, o.Remote)
	if err != nil {
		return err
	}
	if err = wire.CheckFiles(j.plan.Clients/int(o.Workers) + len(j.plan.Mix)); err != nil {
		return err
	}
	j.target = result.Target{Address: address, Started: o.SelfHost, TLS: o.TLS}
	host, _, _ := net.SplitHostPort(address) // Resolve has done it too, without an error
	j.reach = drive.Reach{
		Address: resolved.String(), Sources: int(o.Sources), Timeout: time.Duration(o.Timeout), Outstanding: int(o.Outstanding),
		TLS: o.TLS, CA: o.TLSCA, Insecure: o.TLSInsecure, ServerName: host,
	}
	return j.probe(ctx, resolved)
}

func (j *job) probe(ctx context.Context, at netip.AddrPort) error {
	d, err := j.reach.Dialer(0)
	if err != nil {
		return err
	}
	patience := time.Duration(j.options.Timeout)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if j.target.Name, err = d.Probe(ctx); errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no answer from a provider within %v", patience)
	}
	if err != nil {
		return fmt.Errorf("%s: %w (%s)", at, err, j.advice(err))
	}
	j.target.Original = d.Original
	for _, share := range j.plan.Mix {
		if scenario, _ := plan.Find(share.Scenario); scenario.Pushes && d.Original {
			return fmt.Errorf("%s is the original provider, which pushes nothing: the scenario %s needs that", at, share.Scenario)
		}
	}
	if d.Original {
		j.notes = append(j.notes, "This is the original Python provider: no pushes, no index in the answer to a post, one request of a client at a time.")
	}
	return nil
}

// advice is what may help if no provider answered.
func (j *job) advice(err error) string {
	const another = "start one there with `elemental`, name another with --address, or add --selfhost"
	switch {
	case j.options.SelfHost:
		return "it was started for this run: leave out what --providerarg says of TLS or encoding"
	case errors.As(err, new(*tls.CertificateVerificationError)):
		return "--tlsca names the certificate to trust"
	case j.options.TLS || errors.Is(err, syscall.ECONNREFUSED):
		return another
	}
	return "it may need --tls, or have an encoding such as utf-16, which is not spoken here; otherwise " + another
}

// start starts a provider for the run, and returns its address.
func (j *job) start(ctx context.Context) (string, error) {
	host, err := selfhost.Start(ctx, selfhost.Options{
		Program: j.options.Provider, Args: j.options.ProviderArg, Keep: j.options.Keep, Log: j.display.Line,
	})
	if err != nil {
		return "", err
	}
	j.host.Store(host)
	if host.InMemory {
		j.notes = append(j.notes, "The provider's folder was in memory, not on a disk: making messages durable cost nothing.")
	}
	return host.Addr, nil
}

// load connects the clients, makes the load and checks the outcome.
func (j *job) load(ctx context.Context) error {
	c, err := j.crew()
	if err != nil {
		return err
	}
	defer c.Close()
	begun := time.Now()
	if err = c.Connect(ctx, j.phase); err != nil {
		return err
	}
	j.setup += time.Since(begun)
	const lead = 100 * time.Millisecond // so that the order reaches all processes in time
	start := time.Now().Add(lead)
	loading := j.shown.begin(start, j.collect.Open())
	j.elapsed, err = c.Load(ctx, start)
	loading()
	j.cut = ctx.Err() != nil
	if err == nil && j.elapsed == 0 {
		err = context.Cause(ctx)
	}
	if err != nil {
		return err
	}
	j.loaded = true
	// Also after an early end the outcome is checked.
	checking := context.WithoutCancel(ctx)
	j.outcomes, j.failed = c.Check(checking, !j.options.NoCheck, j.phase)
	if j.checked = j.failed == nil; !j.checked {
		return fmt.Errorf("checking: %w", j.failed)
	}
	return drive.StillThere(checking, j.world)
}

// provider watches the provider's process. It is nil if that is not known or cannot be
// watched.
func (j *job) provider() *measure.Process {
	pid := 0
	if host := j.host.Load(); host != nil {
		pid = host.Pid
	} else if j.options.Pid != nil {
		pid = int(*j.options.Pid)
	}
	if pid == 0 {
		return nil
	}
	p := measure.Watch(pid)
	if p == nil {
		j.notes = append(j.notes, fmt.Sprintf("What process %d uses could not be read.", pid))
	}
	return p
}

func (j *job) crew() (crew.Crew, error) {
	if j.options.Workers == 1 {
		return crew.Alone(j.world, j.book, j.collect)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return crew.Several(j.world, j.book, j.collect, int(j.options.Workers), self, []string{memberCommand}, os.Stderr)
}

// cleanUp stops the provider if the run has started it. Otherwise it removes what the run
// has made there, unless --keep is given.
func (j *job) cleanUp() (err error) {
	host := j.host.Load()
	switch {
	case host != nil:
		const patience = 30 * time.Second
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return host.Stop(ctx)
	case j.world != nil && !j.options.Keep:
		if err = drive.Remove(context.Background(), j.world, j.phase); err != nil {
			return fmt.Errorf("the servers of the run, %s-…, could not all be removed: %w", j.name, err)
		}
	}
	return nil
}

// abandon leaves no provider running when a second signal ends the program at once.
func (j *job) abandon() {
	if host := j.host.Load(); host != nil {
		over, cancel := context.WithCancel(context.Background())
		cancel()
		_ = host.Stop(over) // kills it at once, since the context has ended
	}
}

// phase shows the progress of a step.
func (j *job) phase(phase, unit string, done, total int64) {
	j.display.Update(live.Progress{Phase: phase, Unit: unit, Done: done, Total: total})
}
