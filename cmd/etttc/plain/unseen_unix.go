//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package plain

import (
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/charmbracelet/x/termios"
	"golang.org/x/term"
)

// unseen asks a question and reads the answer without echo. term.ReadPassword would not do: it
// goes on reading at a Ctrl-D.
func (c *console) unseen(question string) (answer string, err error) {
	terminal := int(c.in.Fd())
	before, err := term.GetState(terminal)
	if err == nil {
		err = echoOff(terminal)
	}
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, term.Restore(terminal, before)) }()
	defer onResume(func() {
		_ = echoOff(terminal) // if this fails, nothing more can be done
		_ = c.hold.ask(question)
	})()
	if err = c.hold.ask(question); err != nil {
		return "", err
	}
	return c.next()
}

// onResume calls f each time when the program goes on after it was stopped (Ctrl-Z): the shell
// has changed the terminal meanwhile. stop ends that.
func onResume(f func()) (stop func()) {
	resumed, ended := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(resumed, syscall.SIGCONT)
	go func() {
		defer close(ended)
		for range resumed {
			f()
		}
	}()
	return func() {
		signal.Stop(resumed)
		close(resumed)
		<-ended
	}
}

// echoOff makes a terminal deliver whole lines and show nothing of them.
func echoOff(terminal int) error {
	now, err := termios.GetTermios(terminal)
	if err != nil {
		return err
	}
	return termios.SetTermios(terminal, uint32(now.Ispeed), uint32(now.Ospeed), nil, //nolint:unconvert // they are wider elsewhere
		map[termios.I]bool{termios.ICRNL: true}, nil, nil,
		map[termios.L]bool{termios.ECHO: false, termios.ICANON: true, termios.ISIG: true})
}
