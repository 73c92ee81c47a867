package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// signalled is the cause of an early end: a signal.
type signalled struct {
	name   string
	number int
}

func (s *signalled) Error() string { return "ended by a signal: " + s.name }

// signals returns a context that the first SIGINT, SIGTERM or SIGHUP ends. The second one
// calls abandon and ends the program at once. SIGPIPE is ignored: if nobody reads the
// output any more, the run still has to remove what it has made. SIGHUP has no effect if
// it is ignored already.
func signals(abandon func()) (work context.Context, stop func()) {
	work, cancel := context.WithCancelCause(context.Background())
	caught := make(chan os.Signal, 2)
	signal.Notify(caught, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // it is ignored under nohup
		signal.Notify(caught, syscall.SIGHUP)
	}
	signal.Ignore(syscall.SIGPIPE)
	over := make(chan struct{})
	go func() {
		for range 2 {
			select {
			case s := <-caught:
				number, _ := s.(syscall.Signal)
				if work.Err() != nil {
					abandon()
					os.Exit(exitSignal + int(number))
				}
				cancel(&signalled{s.String(), int(number)})
			case <-over:
				return
			}
		}
	}()
	return work, func() {
		signal.Stop(caught)
		signal.Reset(syscall.SIGPIPE)
		close(over)
	}
}
