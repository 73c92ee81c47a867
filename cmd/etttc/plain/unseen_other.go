//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package plain

import (
	"errors"
	"time"

	"golang.org/x/term"
)

// unseen asks a question and reads the answer without echo.
func (c *console) unseen(question string) (string, error) {
	type answer struct {
		text []byte
		err  error
	}
	terminal := int(c.in.Fd())
	before, err := term.GetState(terminal)
	if err != nil {
		return "", err
	}
	answers := make(chan answer, 1)
	go func() {
		text, err := term.ReadPassword(terminal)
		answers <- answer{text, err}
	}()
	waitForChange(terminal, before)
	err = c.hold.ask(question)
	got := <-answers
	return string(got.text), errors.Join(got.err, err)
}

// waitForChange waits until the terminal has left that state, at most about 100 ms. Nothing
// reports the change, so it looks again and again. A terminal that had no echo before does not
// change.
func waitForChange(terminal int, before *term.State) {
	const looks, pause = 100, time.Millisecond
	for range looks {
		if now, err := term.GetState(terminal); err != nil || *now != *before {
			return
		}
		time.Sleep(pause)
	}
}
