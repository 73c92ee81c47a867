package selfhost

import (
	"fmt"
	"runtime"
	"time"
)

// launch starts the program. It closes p.exited when the program has ended.
//
// On systems that end a child process with its parent, the parent is the thread that
// started the child. Go ends a thread if a goroutine that is locked to it returns, which
// any other goroutine on this thread might do. So this thread is kept locked, for this
// provider alone, until the provider has ended.
func (p *Provider) launch() error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // the outcome is in ProcessState
			close(p.exited)
		}
	}()
	return <-started
}

// terminate asks the provider to end. If it cannot be asked, it is killed.
func (p *Provider) terminate() {
	if err := signalTerminate(p.cmd.Process); err != nil {
		_ = signalKill(p.cmd.Process) // if that fails too, Stop notices whether it still runs
	}
}

// kill kills the provider and waits until it has ended, for at most killPatience.
func (p *Provider) kill() error {
	_ = signalKill(p.cmd.Process) // it may have ended just now
	select {
	case <-p.exited:
		return nil
	case <-time.After(killPatience):
		return fmt.Errorf("the provider (process %d) cannot be killed; its folder is %s", p.Pid, p.Dir)
	}
}
