package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// signalled is why a run was ended early.
type signalled struct {
	name   string
	number int
}

func (s *signalled) Error() string { return s.name }

// signals gives a context that the first SIGINT, SIGTERM or SIGHUP ends; the second
// ends the program at once, after abandon. Who reads no more of what is printed ends
// nothing: the run would leave behind what it has made.
func signals(abandon func()) (work context.Context, stop func()) {
	work, cancel := context.WithCancelCause(context.Background())
	caught := make(chan os.Signal, 2)
	signal.Notify(caught, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
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
