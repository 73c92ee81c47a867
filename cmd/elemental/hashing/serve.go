package hashing

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"elemental/actors"
)

// question asks for a hash of Password, or whether it is the one behind Compare.
type question struct {
	With              actors.Argon2id
	Password, Compare string
}

// answer is what came of it. Trouble is "" when it was done.
type answer struct {
	Hash    string
	Match   bool
	Trouble string
}

// quietAfter is how long after its last hash it gives the memory of it back.
const quietAfter = 5 * time.Second

// Serve answers questions until there are no more. Signals are for the
// provider: what it has asked is still answered when both get one.
func Serve(in io.Reader, out io.Writer) error {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	questions, answers := gob.NewDecoder(in), gob.NewEncoder(out)
	quiet := time.AfterFunc(quietAfter, debug.FreeOSMemory)
	defer quiet.Stop()
	for {
		var q question
		if err := questions.Decode(&q); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read what to hash: %w", err)
		}
		if err := answers.Encode(q.answer()); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
		quiet.Reset(quietAfter)
	}
}

func (q *question) answer() (a answer) {
	var err error
	if q.Compare == "" {
		a.Hash, err = q.With.Hash(q.Password)
	} else {
		a.Match, err = q.With.Match(q.Password, q.Compare)
	}
	if err != nil {
		a.Trouble = err.Error()
	}
	return a
}
