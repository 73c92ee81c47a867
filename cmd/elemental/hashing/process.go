package hashing

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"time"

	"elemental/actors"
)

// Argument is the only argument of a program that is started to [Serve].
const Argument = "hash-passwords"

// How long a process may take before it counts as lost. A hash takes a fraction of a second,
// or ten times as long when the provider keeps all processors busy. At its end a process has
// nothing left to do, and the provider's stop waits for it.
const (
	patience  = 30 * time.Second
	timeToEnd = 2 * time.Second
)

// Process is a Hasher that lets another process do the work. That process is started when it
// is first needed, and again when it was lost. If it cannot do the work, Process does.
type Process struct {
	program string // "" if it is not known
	here    actors.Argon2id
	log     *slog.Logger
	limit   time.Duration // of a hash
	child   *child        // nil if there is none
	told    bool          // the log has said that none could be started
}

// child is a running process.
type child struct {
	cmd       *exec.Cmd
	questions *gob.Encoder
	answers   *gob.Decoder
	input     io.Closer
}

// NewProcess makes a Process that starts the running program once more, with [Argument]; the
// program then calls [Serve].
func NewProcess(here actors.Argon2id, log *slog.Logger) *Process {
	return &Process{program: running(), here: here, log: log, limit: patience}
}

// Hash implements actors.Hasher.
func (p *Process) Hash(password string) (string, error) {
	a, asked := p.ask(question{With: p.here, Password: password})
	if !asked {
		return p.here.Hash(password)
	}
	return a.Hash, a.err()
}

// Match implements actors.Hasher.
func (p *Process) Match(password, phc string) (bool, error) {
	a, asked := p.ask(question{With: p.here, Password: password, Compare: phc})
	if !asked {
		return p.here.Match(password, phc)
	}
	return a.Match, a.err()
}

func (a *answer) err() error {
	if a.Trouble != "" {
		return errors.New(a.Trouble)
	}
	return nil
}

// Close ends the process.
func (p *Process) Close() error {
	if p.child == nil {
		return nil
	}
	return p.child.end()
}

// ask asks the process. asked is false if there is no process that answers.
func (p *Process) ask(q question) (a answer, asked bool) {
	if p.child == nil && !p.start() {
		return answer{}, false
	}
	overdue := time.AfterFunc(p.limit, p.child.kill)
	err := p.child.questions.Encode(q)
	if err == nil {
		err = p.child.answers.Decode(&a)
	}
	if overdue.Stop(); err == nil {
		return a, true
	}
	p.log.Warn("the process that hashes passwords was lost, another is started", "err", errors.Join(err, p.child.end()))
	p.child = nil
	return answer{}, false
}

// start starts the process.
func (p *Process) start() bool {
	c, err := startChild(p.program)
	switch {
	case err == nil:
		p.child, p.told = c, false
	case !p.told: // it is tried again for each password, and logged once
		p.told = true
		p.log.Warn("passwords are hashed inside the provider, since no process could be started for that", "err", err)
	}
	return err == nil
}

func startChild(program string) (*child, error) {
	cmd := exec.Command(program, Argument)
	cmd.Args[0] = os.Args[0]
	cmd.Env = []string{"GOMAXPROCS=1"} // one hash at a time, and one collector beside it
	for _, name := range inherited {
		if value, set := os.LookupEnv(name); set {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("a pipe to a process: %w", err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("a pipe from a process: %w", err), input.Close())
	}
	if err := startBehind(cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	return &child{cmd: cmd, questions: gob.NewEncoder(input), answers: gob.NewDecoder(output), input: input}, nil
}

// inherited is the environment that the process gets. On Windows nothing starts without the
// first; the others are for builds that measure.
var inherited = []string{"SYSTEMROOT", "GORACE", "GOCOVERDIR"}

// kill ends the process at once; whoever waits for its answer sees its end.
func (c *child) kill() { _ = c.cmd.Process.Kill() } // it fails when it has ended

// end ends the input of the process and waits for its end.
func (c *child) end() error {
	defer time.AfterFunc(timeToEnd, c.kill).Stop()
	if err := errors.Join(c.input.Close(), c.cmd.Wait()); err != nil {
		return fmt.Errorf("end the process that hashes passwords: %w", err)
	}
	return nil
}
