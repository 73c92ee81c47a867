package selfhost

import (
	"fmt"
	"runtime"
	"time"
)

// launch starts the program and closes p.exited at its end.
//
// Where the system ends a child with its parent, it takes the thread that made
// the child for the parent. Go ends a thread when a goroutine that is locked to
// it returns, and any goroutine might have run on this one before. So one thread
// is kept for the provider alone, until it has ended.
func (p *Provider) launch() error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // its result is in ProcessState
			close(p.exited)
		}
	}()
	return <-started
}

// terminate asks it to end; where that cannot be asked, it is killed.
func (p *Provider) terminate() {
	if err := signalTerminate(p.cmd.Process); err != nil {
		_ = signalKill(p.cmd.Process) // it has ended, or Stop finds that it has not
	}
}

// kill ends it at once and waits for that.
func (p *Provider) kill() error {
	_ = signalKill(p.cmd.Process) // it may have ended just now
	select {
	case <-p.exited:
		return nil
	case <-time.After(killPatience):
		return fmt.Errorf("the provider (process %d) cannot be killed; its folder is %s", p.Pid, p.Dir)
	}
}
