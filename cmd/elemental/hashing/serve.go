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

// question asks for a hash of Password, or whether Compare was made of it.
type question struct {
	With              actors.Argon2id
	Password, Compare string
}

// answer answers a question. Trouble is "" unless it could not be done.
type answer struct {
	Hash    string
	Match   bool
	Trouble string
}

// quietAfter is how long after its last hash the process gives the memory of it back.
const quietAfter = 5 * time.Second

// Serve answers questions until its input ends. It ignores signals: they are for the provider,
// and what the provider has asked must still be answered.
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
