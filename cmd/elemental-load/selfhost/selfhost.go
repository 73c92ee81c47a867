// Package selfhost runs a provider during a load test: as a process of its own, at a free
// port of this machine, with its data in a temporary folder.
//
// The provider's program is started and not linked in, for two reasons: the load tester
// knows nothing of the provider's code, and what is measured must not share a process
// with what measures it.
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

// Options say how a provider is started. The zero value can be used.
type Options struct {
	Program string        // path of the program; "": it is looked for, or built if the source is there
	Args    []string      // options for the provider, which override those that Start gives
	Parent  string        // folder for the temporary folder; "": the system's usual place
	Keep    bool          // keep the temporary folder after Stop
	Timeout time.Duration // for the provider to listen, once it has started; 0: a minute
	Log     func(string)  // gets messages about slow steps and about what is left behind; may be nil
}

const (
	defaultTimeout = time.Minute
	killPatience   = 10 * time.Second // for the system to end a killed process
)

// Provider is a provider that Start has started. Its methods may be called from any
// goroutine.
type Provider struct {
	// Addr is the address it listens on, as host and port. If it listens on all
	// addresses, this is the loopback one.
	Addr string
	// Pid is the number of its process.
	Pid int
	// Dir is the temporary folder. The provider's data is in "data" in it, unless
	// Options.Args say otherwise.
	Dir string
	// InMemory tells whether Dir is known to be in memory and not on a disk. Making
	// messages durable costs nothing there, so the figures are better than on a disk.
	InMemory bool

	keep   bool
	log    func(string)
	cmd    *exec.Cmd
	stderr *tail
	exited chan struct{} // closed when it has ended and all its output was read

	ask     sync.Once
	asked   atomic.Bool // Stop has asked it to end
	killed  atomic.Bool // it did not end in time, so Stop has killed it
	cleanUp func() error
}

// Start finds the program, starts it and waits until it listens. If it does not, the
// error shows the end of its log. If the context ends meanwhile, the provider is ended
// too. After Start the context has no effect.
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
		p.keep = false // it has no data yet
		return nil, errors.Join(err, p.cleanUp())
	}
	return p, nil
}

// start runs the program and waits until it says that it listens. If start returns an
// error, the program has ended.
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

// Exited returns a channel that is closed when the provider has ended, for whatever
// reason.
func (p *Provider) Exited() <-chan struct{} { return p.exited }

// Err says why the provider has ended unasked, or not as it should, with the end of its
// log. It is nil while it runs and after a Stop that went well.
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

// Log is the end of what the provider has printed on standard error, at most some hundred
// lines.
func (p *Provider) Log() string { return p.stderr.text() }

// because makes an error with the end of the provider's log, which usually tells the
// reason.
func (p *Provider) because(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if text := p.stderr.text(); text != "" {
		return fmt.Errorf("%w; the end of its log:\n%s", err, text)
	}
	return fmt.Errorf("%w; its log is empty", err)
}

// Stop asks the provider to end, as an operator would, waits for that, and removes the
// folder (or says that it is kept). If the context ends first, or has ended before, the
// provider is killed. Stop may be called again, also while it waits. The error is that of
// Err, or says what could not be removed.
func (p *Provider) Stop(ctx context.Context) error {
	p.ask.Do(func() {
		select {
		case <-p.exited: // it has ended by itself, which is an error
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

// giveUp kills a provider that did not end in time.
func (p *Provider) giveUp() error {
	select {
	case <-p.exited: // it ended at the same moment
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

// loopback replaces an address that stands for all addresses by one that clients can
// connect to. Go listens on IPv4 and IPv6 then, whichever of them is named.
func loopback(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsUnspecified() {
		return addr
	}
	return net.JoinHostPort("127.0.0.1", port)
}
