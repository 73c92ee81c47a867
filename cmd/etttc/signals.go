package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"
)

// signalError is why the program ends.
type signalError struct{ sig os.Signal }

func (e *signalError) Error() string { return fmt.Sprintf("ended by signal (%v)", e.sig) }

func (e *signalError) code() int {
	if number, ok := e.sig.(syscall.Signal); ok {
		return exitSignal + int(number)
	}
	return exitTrouble
}

// leaveScreen brings a terminal back from a full screen: the other buffer, a
// hidden cursor, the mouse and bracketed paste.
const leaveScreen = "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?1049l\x1b[?25h"

// endBySignal is a context that the first SIGINT, SIGTERM or SIGHUP (the
// terminal was closed) ends. The second one ends the program. Either way the terminal is left as it was found, with
// its echo, also from within a question for a password.
func endBySignal(fullScreen bool) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	restore := terminalState(os.Stdin)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup wants it to go on
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		cancel(&signalError{<-signals})
		second := &signalError{<-signals}
		if fullScreen {
			_, _ = io.WriteString(os.Stdout, leaveScreen) // nobody is left to tell
		}
		restore()
		os.Exit(second.code())
	}()
	return ctx, func() {
		signal.Stop(signals)
		restore()
	}
}

// awaitHangup waits a moment for the signal that comes with a terminal's end,
// where that has shown already as an error in using the terminal, or as the end of the input.
func awaitHangup(ctx context.Context, wasTerminal bool) {
	if wasTerminal && !isTerminal(os.Stdin) {
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// terminalState returns what brings a terminal back to its state of now.
func terminalState(file *os.File) (restore func()) {
	state, err := term.GetState(int(file.Fd()))
	if err != nil {
		return func() {} // it is no terminal
	}
	return func() { _ = term.Restore(int(file.Fd()), state) } // it may be gone
}
