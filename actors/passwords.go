package actors

import (
	"fmt"
	"log/slog"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/telemetry"
)

// passwords hashes and compares passwords for users and servers, which send it
// hashWork. A few workers outside the actors do the slow part, so that nothing
// blocks in a Receive. It also counts wrong passwords (throttle) and refuses
// guesses for a while when there were too many. It is transient.

// hashWork asks for a hash of Password if Compare is empty, and otherwise whether
// Password is the one that Compare, a PHC string, was made of. Answered by hashDone.
type hashWork struct {
	Ref      uint64
	ReplyTo  *actor.PID
	Password string
	Compare  string
	From     netip.Addr // the client's address; addresses take turns
	Attempt  attempt    // what is guessed at; zero for work that is no guess
}

// hashDone is the answer. Refused is Busy (the queue is full) or
// TooManyLogins, "" when the work was done.
type hashDone struct {
	Ref     uint64
	Hash    string
	Match   bool
	Refused Code
}

// compared is a worker's report on how a guess has ended.
type compared struct {
	who attempt
	how outcome
}

type passwords struct {
	node     *node
	pool     *hashPool
	throttle *throttle
	parked   []parked // guesses that wait for the outcome of others; at most HashQueue

	settled bool      // an outcome has come, and the parked ones were not looked at since
	trying  parked    // the one that is being looked at; a crash must not lose it
	counted *compared // the last report that was counted; a crash must not count it twice
}

// parked is a guess that waits, and its span if it is followed.
type parked struct {
	work *hashWork
	span *telemetry.Span
}

func newPasswords(n *node, pool *hashPool) actor.Actor {
	return &passwords{node: n, pool: pool, throttle: newThrottle(&n.cfg)}
}

func (p *passwords) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started, *actor.Stopping, *actor.Stopped, *actor.Restarting:
	case *hashWork:
		p.work(ctx, m)
		p.goOn(ctx)
	case *compared:
		p.onCompared(ctx, m)
	default:
		p.node.unexpected(ctx)
	}
}

// mend goes on with the guesses that wait: nobody else would remind it of them.
func (p *passwords) mend(ctx actor.Context, msg any) {
	crashed := p.trying
	p.trying, p.settled = parked{}, true
	switch m := msg.(type) {
	case *hashWork:
		p.goOn(ctx)
	case *compared:
		p.onCompared(ctx, m)
	}
	if crashed.work != nil {
		answerForCrashed(telemetry.Within(ctx, crashed.span), crashed.work)
	}
}

func (p *passwords) work(ctx actor.Context, m *hashWork) {
	v := guessNow
	if m.Attempt != (attempt{}) {
		v = p.throttle.begin(m.Attempt, time.Now())
	}
	switch {
	case v == guessNever:
		ctx.Send(m.ReplyTo, &hashDone{Ref: m.Ref, Refused: TooManyLogins})
	case v == guessNow:
		p.submit(ctx, m)
	case len(p.parked) < p.node.cfg.HashQueue:
		p.parked = append(p.parked, parked{m, telemetry.SpanOf(ctx)})
	default:
		ctx.Send(m.ReplyTo, &hashDone{Ref: m.Ref, Refused: Busy})
	}
}

// submit puts a job into the line. If the line is full, a job has to go: this one, or one
// from the address that has the most in it.
func (p *passwords) submit(ctx actor.Context, m *hashWork) {
	job := hashJob{work: m, root: ctx.ActorSystem().Root, counter: ctx.Self(), span: telemetry.SpanOf(ctx)}
	if job.span != nil {
		job.sent = telemetry.Now()
	}
	gone, full := p.pool.line.add(job)
	if !full {
		return
	}
	if who := gone.work.Attempt; who != (attempt{}) {
		p.settle(who, guessedNothing)
	}
	telemetry.Within(ctx, gone.span).Send(gone.work.ReplyTo, &hashDone{Ref: gone.work.Ref, Refused: Busy})
}

// onCompared counts a guess, once, and goes on with those that waited for its outcome.
func (p *passwords) onCompared(ctx actor.Context, m *compared) {
	if p.counted != m {
		p.counted = m
		p.settle(m.who, m.how)
	}
	p.goOn(ctx)
}

func (p *passwords) settle(who attempt, how outcome) {
	p.throttle.settle(who, how, time.Now())
	p.settled = true
}

// goOn looks at those that wait after an outcome has come, and again if one of them has
// pushed another one out of the line. A crash at one of them leaves the others in place.
func (p *passwords) goOn(ctx actor.Context) {
	for p.settled {
		p.settled = false
		for range len(p.parked) {
			p.trying, p.parked = p.parked[0], p.parked[1:]
			p.work(telemetry.Within(ctx, p.trying.span), p.trying.work)
		}
	}
	p.trying = parked{}
	if len(p.parked) == 0 {
		p.parked = nil
	}
}

// hashPool is the workers, a fixed number. It survives a crash of the actor.
type hashPool struct {
	log   *slog.Logger
	line  *hashLine
	done  sync.WaitGroup
	dummy string // the hash of a random password, to compare with if there is no account
}

type hashJob struct {
	work    *hashWork
	root    *actor.RootContext
	counter *actor.PID
	span    *telemetry.Span // of the request that it is for, if that is followed
	sent    time.Time
}

// newHashPool starts the workers; close ends them.
func newHashPool(cfg Config, log *slog.Logger) (*hashPool, error) {
	here := Argon2id{Memory: cfg.HashMemory, Iterations: cfg.HashTime}
	dummy, err := here.Hash(newKey())
	if err != nil {
		return nil, fmt.Errorf("password hashing: %w", err)
	}
	p := &hashPool{log: log, line: newHashLine(cfg.HashQueue), dummy: dummy}
	for range cfg.hashWorkers() {
		var hasher Hasher = here
		if cfg.NewHasher != nil {
			hasher = cfg.NewHasher(here)
		}
		p.done.Go(func() { p.run(hasher) })
	}
	return p, nil
}

// hashWorkers is how many workers there are. They leave one processor to everything else, if
// there are several.
func (cfg *Config) hashWorkers() int {
	if cfg.HashWorkers > 0 {
		return cfg.HashWorkers
	}
	return max(1, cfg.processors()-1)
}

// close ends the workers, each after the job it is at. It is called after the actors have stopped,
// so nobody waits for the other jobs any more.
func (p *hashPool) close() {
	p.line.close()
	p.done.Wait()
}

func (p *hashPool) run(hasher Hasher) {
	defer func() {
		if err := hasher.Close(); err != nil {
			p.log.Warn("password hashing did not end cleanly", "err", err)
		}
	}()
	for job, ok := p.line.next(); ok; job, ok = p.line.next() {
		result, reply := p.do(hasher, job)
		if who := job.work.Attempt; who != (attempt{}) {
			job.root.Send(job.counter, &compared{who, result.outcome()})
		}
		job.root.Send(job.work.ReplyTo, reply)
	}
}

// do does a job. The reply is the result, in an envelope if the request is followed.
func (p *hashPool) do(hasher Hasher, job hashJob) (result *hashDone, reply any) {
	var at *telemetry.Span
	if job.span != nil {
		at = job.span.Part("hash", job.work, job.sent)
	}
	result = p.hash(hasher, job.work)
	if at == nil {
		return result, result
	}
	at.Leave()
	return result, at.Wrap(result)
}

func (d *hashDone) outcome() outcome {
	switch {
	case d.Refused != "":
		return guessedNothing
	case d.Match:
		return guessedRight
	default:
		return guessedWrong
	}
}

func (p *hashPool) hash(hasher Hasher, w *hashWork) (done *hashDone) {
	done = &hashDone{Ref: w.Ref}
	defer func() { // a panic here must end neither the process nor the worker
		if reason := recover(); reason != nil {
			p.log.Error("password hashing panicked", "reason", PlainReason(reason), "stack", string(debug.Stack()))
			*done = hashDone{Ref: w.Ref, Refused: Busy}
		}
	}()
	var err error
	if w.Compare == "" {
		done.Hash, err = hasher.Hash(w.Password)
	} else {
		done.Match, err = hasher.Match(w.Password, w.Compare)
	}
	if err != nil {
		done.Refused = Busy // no random numbers, or a malformed hash: nothing was done
	}
	return done
}

// passwordsView is the view of the passwords actor. It shows no names: people sometimes type
// their password into the field for the name.
type passwordsView struct {
	Parked  int `json:"parked"`  // guesses that wait for the outcome of others
	Counted int `json:"counted"` // names and addresses with wrong passwords or guesses under way
	Waiting int `json:"waiting"` // for a worker
	Most    int `json:"most"`
	Lines   int `json:"lines"` // addresses that wait
	Idle    int `json:"idle"`  // workers
}

func (p *passwords) view() any {
	v := passwordsView{Parked: len(p.parked), Counted: len(p.throttle.tallies)}
	l := p.pool.line
	l.mu.Lock()
	defer l.mu.Unlock()
	v.Waiting, v.Most, v.Lines, v.Idle = l.waiting, l.most, len(l.turns), l.idle
	return v
}
