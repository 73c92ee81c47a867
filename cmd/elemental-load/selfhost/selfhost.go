// Package selfhost runs a provider for the time of a load test: a process of its
// own, at a free port of this machine, with its data in a temporary folder.
//
// The program is found rather than linked, since the load tester knows nothing
// of the provider's code, and since what is measured must not share a process
// with what measures.
package selfhost

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Options say how a provider is started. The zero value will do.
type Options struct {
	Program string        // the program's path; "": it is looked for, and built where its source is
	Args    []string      // options of the provider, which override those that Start gives
	Parent  string        // where the temporary folder is made; "": the system's place for such
	Keep    bool          // the temporary folder stays after Stop
	Timeout time.Duration // in which it has to listen once it runs; 0: a minute
	Log     func(string)  // hears of steps that take long, and of what is left behind; may be nil
}

const (
	defaultTimeout = time.Minute
	killPatience   = 10 * time.Second // for the system to end what was killed
)

// Provider is a provider that was started. Its methods may be called from any
// goroutine.
type Provider struct {
	// Addr is where it listens, as host and port. One that listens on all
	// addresses is given by its loopback address.
	Addr string
	// Pid is its process.
	Pid int
	// Dir is the temporary folder: "data" in it is the provider's, unless Args
	// say otherwise.
	Dir string
	// InMemory tells that the folder is no disk but memory, where this is known:
	// then making a message durable costs nothing, which flatters the figures.
	InMemory bool

	keep   bool
	log    func(string)
	cmd    *exec.Cmd
	stderr *tail
	exited chan struct{} // closed when it has ended and all it printed was read

	ask     sync.Once
	asked   atomic.Bool // to end, by Stop
	killed  atomic.Bool // since it did not
	cleanUp func() error
}

// Start finds the program, starts it and waits until it listens. The error of
// one that does not shows the end of its log. A context that ends before ends
// the provider too; afterwards it has no effect.
func Start(ctx context.Context, o Options) (*Provider, error) {
	p := &Provider{keep: o.Keep, log: o.Log, stderr: &tail{}, exited: make(chan struct{})}
	if p.log == nil {
		p.log = func(string) {}
	}
	var err error
	if p.Dir, err = os.MkdirTemp(o.Parent, "elemental-load-*"); err != nil {
		return nil, err
	}
	p.cleanUp = sync.OnceValue(p.removeDir)
	p.InMemory = inMemory(p.Dir)
	program, err := find(ctx, o.Program, p.Dir, p.log)
	if err == nil {
		err = p.start(ctx, program, o)
	}
	if err != nil {
		p.keep = false // there is nothing in it yet
		return nil, errors.Join(err, p.cleanUp())
	}
	return p, nil
}

// start runs the program and waits for its start line. After an error it has
// ended.
func (p *Provider) start(ctx context.Context, program string, o Options) error {
	timeout := o.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("it did not say within %v that it listens", timeout))
	defer cancel()
	stdout := newStartLine()
	p.cmd = exec.Command(program, append([]string{
		"--port", "0", "--host", "127.0.0.1", "--storagepath", filepath.Join(p.Dir, "data"),
	}, o.Args...)...)
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = cleanEnv(), stdout, p.stderr
	p.cmd.SysProcAttr = attributes()
	if err := p.launch(); err != nil {
		return fmt.Errorf("the provider cannot be started: %w", err)
	}
	p.Pid = p.cmd.Process.Pid
	select {
	case addr := <-stdout.found:
		p.Addr = loopback(addr)
		return nil
	case <-p.exited:
		return p.because("the provider ended at its start (%v)", p.cmd.ProcessState)
	case <-ctx.Done():
		err := p.kill()
		return errors.Join(p.because("the provider was ended at its start: %v", context.Cause(ctx)), err)
	}
}

// Exited is closed when the provider has ended, for whatever reason.
func (p *Provider) Exited() <-chan struct{} { return p.exited }

// Err is why the provider ended without being asked to, with the end of its
// log; nil while it runs and after a Stop that went well.
func (p *Provider) Err() error {
	select {
	case <-p.exited:
	default:
		return nil
	}
	switch {
	case p.killed.Load():
		return p.because("the provider did not stop in time and was killed")
	case !p.asked.Load():
		return p.because("the provider ended by itself (%v)", p.cmd.ProcessState)
	case !p.cmd.ProcessState.Success():
		return p.because("the provider did not stop cleanly (%v)", p.cmd.ProcessState)
	}
	return nil
}

// Log is the end of what the provider printed on standard error: some hundred
// lines at most.
func (p *Provider) Log() string { return p.stderr.text() }

// because is an error with the end of the log, which mostly says why.
func (p *Provider) because(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if text := p.stderr.text(); text != "" {
		return fmt.Errorf("%w; the end of its log:\n%s", err, text)
	}
	return fmt.Errorf("%w; its log is empty", err)
}

// Stop asks the provider to end, as an operator does, waits for that and removes
// the folder, or says that it is kept. When the context ends first, also if it
// has ended already, the provider is killed. It may be called again, also while
// it waits. The error is that of Err, or says what could not be removed.
func (p *Provider) Stop(ctx context.Context) error {
	p.ask.Do(func() {
		select {
		case <-p.exited: // by itself: that is an error
		default:
			p.asked.Store(true)
			p.terminate()
		}
	})
	select {
	case <-p.exited:
	case <-ctx.Done():
		if err := p.giveUp(); err != nil {
			return err
		}
	}
	return errors.Join(p.Err(), p.cleanUp())
}

// giveUp kills one that did not stop in time.
func (p *Provider) giveUp() error {
	select {
	case <-p.exited: // at the same moment
		return nil
	default:
		p.killed.Store(true)
		return p.kill()
	}
}

func (p *Provider) removeDir() error {
	if p.keep {
		p.log("the provider's data is kept in " + p.Dir)
		return nil
	}
	return os.RemoveAll(p.Dir)
}

// loopback makes an address that means all of them one that can be called. Go
// listens on both families then, whichever it names.
func loopback(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsUnspecified() {
		return addr
	}
	return net.JoinHostPort("127.0.0.1", port)
}
