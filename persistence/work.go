package persistence

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// job is one piece of file work, done outside the actor. The actor gets its answer.
type job interface {
	do(files *disk) any
	failed(reason error) any // the answer if do has panicked
}

// pool runs jobs on at most limit goroutines. Other jobs wait in three lines that take turns, so
// that nobody's snapshot waits behind many removals, and no job that somebody waits for behind the
// snapshots of all others. Only the actor adds jobs.
type pool struct {
	limit int
	spawn func(work func()) // runs work on a goroutine
	run   func(job)

	mu      sync.Mutex // held for the time of a push or pop
	running int
	lines   [3][]job
	turn    int // the line that had the last turn
}

func (p *pool) add(j job) {
	p.mu.Lock()
	line := &p.lines[lineOf(j)]
	*line = append(*line, j)
	more := p.running < p.limit
	if more {
		p.running++
	}
	p.mu.Unlock()
	if more {
		p.spawn(p.work)
	}
}

// work does jobs until there are none.
func (p *pool) work() {
	for j := p.next(); j != nil; j = p.next() {
		p.run(j)
	}
}

func (p *pool) next() job {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range p.lines {
		p.turn = (p.turn + 1) % len(p.lines)
		if line := p.lines[p.turn]; len(line) > 0 {
			j := line[0]
			line[0] = nil
			p.lines[p.turn] = line[1:]
			return j
		}
	}
	p.lines = [3][]job{}
	p.running--
	return nil
}

// The lines.
const (
	usual = iota
	removals
	wanted
)

func lineOf(j job) int {
	if _, removes := j.(removeJob); removes {
		return removals
	}
	return usual
}

// hurry moves a stream's job, if it has not begun, to the line of those that somebody waits for.
func (p *pool) hurry(e *stream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range wanted {
		at := slices.IndexFunc(p.lines[i], func(j job) bool { return changes(j, e) })
		if at >= 0 {
			p.lines[wanted] = append(p.lines[wanted], p.lines[i][at])
			p.lines[i] = slices.Delete(p.lines[i], at, at+1)
			return
		}
	}
}

// changes tells whether a job changes the files of that stream.
func changes(j job, e *stream) bool {
	switch j := j.(type) {
	case saveJob:
		return j.of == e
	case removeJob:
		return j.of == e
	}
	return false
}

// waiting is how many jobs are in line.
func (p *pool) waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.lines[usual]) + len(p.lines[removals]) + len(p.lines[wanted])
}

// giveUp forgets the jobs in line.
func (p *pool) giveUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = [3][]job{}
}

// runJob does a job. A panic in the job becomes its answer.
func runJob(j job, files *disk) (answer any) {
	defer func() {
		if r := recover(); r != nil {
			answer = j.failed(fmt.Errorf("file work %T panicked: %v", j, r))
		}
	}()
	return j.do(files)
}

// inbox carries the answers of writer and workers to the actor. It survives a restart of the
// actor, so no answer is lost.
type inbox struct {
	mu      sync.Mutex
	answers []any
	room    [4]any      // memory for a few answers
	has     atomic.Bool // answers wait; read without the lock
	to      *actor.PID
	system  *actor.ActorSystem
}

// wake tells the actor to look into the inbox.
type wake struct{}

func (in *inbox) attach(system *actor.ActorSystem, to *actor.PID) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.system, in.to = system, to
}

func (in *inbox) post(answer any) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.answers = append(in.answers, answer)
	in.has.Store(true)
	in.nudge(&wake{})
}

// tell sends the actor a message of its own, from a timer.
func (in *inbox) tell(msg any) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.nudge(msg)
}

// gathered tells the actor that a batch is collected.
func (in *inbox) gathered() { in.tell(&gathering{}) }

func (in *inbox) nudge(msg any) {
	if in.to != nil {
		in.system.Root.Send(in.to, msg)
	}
}

// take returns the oldest answer. It returns one at a time, so that a panic in a handler loses
// no other answer.
func (in *inbox) take() any {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.answers) == 0 {
		return nil
	}
	answer := in.answers[0]
	in.answers[0] = nil
	if in.answers = in.answers[1:]; len(in.answers) == 0 {
		in.answers = in.room[:0]
		in.has.Store(false)
	}
	return answer
}
