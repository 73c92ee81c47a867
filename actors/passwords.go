package actors

import (
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/asynkron/protoactor-go/actor"
)

// passwords hashes and compares passwords for users and servers. Users and
// servers send hashWork; a few workers beside the actor do the slow part, so
// that nothing blocks in a Receive. It also counts wrong passwords per account
// and address and refuses more for a while. Transient.

// hashWork asks for a hash of Password (Compare empty), or whether Password
// is the one behind Compare, a PHC string. Answered by hashDone.
type hashWork struct {
	Ref      uint64
	ReplyTo  *actor.PID
	Password string
	Compare  string
	From     netip.Addr // whose turn it takes
	Attempt  attempt    // zero for work that is not a login
}

// hashDone is the answer. Refused is Busy (the queue is full) or
// TooManyLogins, "" when the work was done.
type hashDone struct {
	Ref     uint64
	Hash    string
	Match   bool
	Refused Code
}

// attempt is who tries to log in, and from where.
type attempt struct{ account, address string }

// compared is a worker's report on a login attempt.
type compared struct {
	who   attempt
	match bool
}

type passwords struct {
	node     *node
	pool     *hashPool
	failures map[attempt]*failure
}

type failure struct {
	count int
	until time.Time // when it is forgotten
}

// maxFailures bounds the table of failed attempts. When it is full of live
// ones, any of them go: who is forgotten gets a few more tries.
const maxFailures = 50_000

func newPasswords(n *node, pool *hashPool) actor.Actor {
	return &passwords{node: n, pool: pool, failures: map[attempt]*failure{}}
}

func (p *passwords) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started, *actor.Stopping, *actor.Stopped, *actor.Restarting:
	case *hashWork:
		p.work(ctx, m)
	case *compared:
		p.count(m)
	default:
		p.node.unexpected(ctx)
	}
}

func (p *passwords) work(ctx actor.Context, m *hashWork) {
	if p.tooMany(m.Attempt) {
		ctx.Send(m.ReplyTo, &hashDone{Ref: m.Ref, Refused: TooManyLogins})
		return
	}
	root, self := ctx.ActorSystem().Root, ctx.Self()
	if gone, full := p.pool.line.add(hashJob{work: m, root: root, counter: self}); full {
		ctx.Send(gone.work.ReplyTo, &hashDone{Ref: gone.work.Ref, Refused: Busy})
	}
}

func (p *passwords) tooMany(who attempt) bool {
	f, limit := p.failures[who], p.node.cfg.LoginFailures
	return f != nil && limit > 0 && f.count >= limit && time.Now().Before(f.until)
}

func (p *passwords) count(m *compared) {
	if m.match {
		delete(p.failures, m.who)
		return
	}
	now := time.Now()
	f := p.failures[m.who]
	if f == nil || now.After(f.until) {
		p.makeRoom(now)
		f = &failure{}
		p.failures[m.who] = f
	}
	f.count++
	f.until = now.Add(p.node.cfg.LoginPause)
}

func (p *passwords) makeRoom(now time.Time) {
	if len(p.failures) < maxFailures {
		return
	}
	for who, f := range p.failures {
		if now.After(f.until) {
			delete(p.failures, who)
		}
	}
	for who := range p.failures {
		if len(p.failures) <= maxFailures*7/8 { // room for many, so that this is rare
			return
		}
		delete(p.failures, who)
	}
}

// hashPool is the bounded workers. It outlives a crash of the actor.
type hashPool struct {
	log    *slog.Logger
	params *argon2id.Params
	line   *hashLine
	done   sync.WaitGroup
	dummy  string // hash of nothing known, to compare with when there is no account
}

type hashJob struct {
	work    *hashWork
	root    *actor.RootContext
	counter *actor.PID
}

// newHashPool starts the workers; close ends them.
func newHashPool(cfg Config, log *slog.Logger) (*hashPool, error) {
	params := &argon2id.Params{
		Memory: uint32(cfg.HashMemory), Iterations: uint32(cfg.HashTime), //nolint:gosec // checked by the options
		Parallelism: 1, SaltLength: 16, KeyLength: 32,
	}
	dummy, err := argon2id.CreateHash(newKey(), params)
	if err != nil {
		return nil, fmt.Errorf("password hashing: %w", err)
	}
	p := &hashPool{log: log, params: params, line: newHashLine(cfg.HashQueue), dummy: dummy}
	for range cfg.hashWorkers() {
		p.done.Go(p.run)
	}
	return p, nil
}

// hashWorkers leaves a processor to everything else, where there are several.
func (cfg *Config) hashWorkers() int {
	if cfg.HashWorkers > 0 {
		return cfg.HashWorkers
	}
	return max(1, runtime.GOMAXPROCS(0)-1)
}

// close ends the workers after what is queued. Called after the actors stopped.
func (p *hashPool) close() {
	p.line.close()
	p.done.Wait()
}

func (p *hashPool) run() {
	for job, ok := p.line.next(); ok; job, ok = p.line.next() {
		result := p.hash(job.work)
		if job.work.Attempt != (attempt{}) && result.Refused == "" {
			job.root.Send(job.counter, &compared{who: job.work.Attempt, match: result.Match})
		}
		job.root.Send(job.work.ReplyTo, result)
	}
}

func (p *hashPool) hash(w *hashWork) (done *hashDone) {
	done = &hashDone{Ref: w.Ref}
	defer func() { // a fault here must not end the process, nor the worker
		if reason := recover(); reason != nil {
			p.log.Error("password hashing panicked", "reason", plainReason(reason), "stack", string(debug.Stack()))
			*done = hashDone{Ref: w.Ref, Refused: Busy}
		}
	}()
	var err error
	if w.Compare == "" {
		done.Hash, err = argon2id.CreateHash(w.Password, p.params)
	} else {
		done.Match, err = argon2id.ComparePasswordAndHash(w.Password, w.Compare)
	}
	if err != nil {
		done.Refused = Busy // no randomness, or a hash that is none: nothing was done
	}
	return done
}
