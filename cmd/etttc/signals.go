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

// signalError is the cause of a run's end by a signal.
type signalError struct{ sig os.Signal }

func (e *signalError) Error() string { return fmt.Sprintf("ended by signal (%v)", e.sig) }

func (e *signalError) code() int {
	if number, ok := e.sig.(syscall.Signal); ok {
		return exitSignal + int(number)
	}
	return exitTrouble
}

// leaveScreen makes a terminal leave the full screen: it switches back to the normal screen,
// shows the cursor, and turns off the mouse and bracketed paste.
const leaveScreen = "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?1049l\x1b[?25h"

// endBySignal returns a context that ends at the first SIGINT, SIGTERM, SIGQUIT (Ctrl-\) or SIGHUP
// (the terminal was closed). A second signal ends the program at once. In both cases the terminal gets back the
// state it had at the start, with its echo, even if the program was asking for a password. stop
// ends this handling and restores the terminal too.
func endBySignal(fullScreen bool) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	restore := terminalState(os.Stdin)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT)
	if !signal.Ignored(syscall.SIGHUP) { // under nohup the program goes on
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		cancel(&signalError{<-signals})
		second := &signalError{<-signals}
		if fullScreen {
			clearScreen()
		}
		restore()
		os.Exit(second.code())
	}()
	return ctx, func() {
		signal.Stop(signals)
		restore()
	}
}

// clearScreen makes the terminal leave the full screen. It gives up after a second: a terminal at
// the other end of a dead connection takes nothing any more.
func clearScreen() {
	left := make(chan struct{})
	go func() {
		_, _ = io.WriteString(os.Stdout, leaveScreen) // if this fails, there is nobody to tell
		close(left)
	}()
	select {
	case <-left:
	case <-time.After(time.Second):
	}
}

// awaitHangup gives the signal that comes with the end of a terminal up to a second to arrive.
// That end may have shown before as an error in using the terminal, or as the end of the input.
func awaitHangup(ctx context.Context, wasTerminal bool) {
	if wasTerminal && !isTerminal(os.Stdin) {
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// terminalState returns a function that brings a terminal back to the state it has now.
func terminalState(file *os.File) (restore func()) {
	state, err := term.GetState(int(file.Fd()))
	if err != nil {
		return func() {} // the file is no terminal
	}
	return func() { _ = term.Restore(int(file.Fd()), state) } // the terminal may be gone
}
