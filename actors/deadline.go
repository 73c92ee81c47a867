package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// This file is what a session does about requests that take too long, or longer than their
// connection lives. They are answered at their deadline. As orphans they go on counting at the
// gate as long as somebody may work on them.

// orphan is a request that is past its deadline, or whose connection has ended, but that
// still counts at the gate.
type orphan struct {
	bytes int
	since time.Time
	to    Subscribe // if it is one
}

// maxOrphans is how many of them a session may have before it stops beginning others.
const maxOrphans = 64

// arm starts the timer for the deadline, unless it runs already.
func (s *session) arm(ctx actor.Context, after time.Duration) {
	if s.armed {
		return
	}
	s.armed = true
	if s.timer != nil {
		s.timer.Reset(after)
		return
	}
	s.timer = sendLater(ctx, after, &overdue{})
}

func (s *session) onOverdue(ctx actor.Context) {
	if s.gone {
		return // the timer was quicker than the end of the connection
	}
	s.armed = false
	now := time.Now()
	for i := range s.flying {
		if f := &s.flying[i]; f.reply == nil && now.Sub(f.begun) >= s.node.cfg.Deadline {
			f.reply = Refused{Code: OutcomeUnknown}
			s.makeOrphan(f)
		}
	}
	s.forgetLost()
	s.deliver(ctx)
	switch {
	case len(s.flying) > 0:
		s.arm(ctx, max(s.node.cfg.Deadline-now.Sub(s.flying[0].begun), time.Millisecond))
	case len(s.orphans) > 0:
		s.arm(ctx, s.node.cfg.Deadline)
	default:
		s.timer = nil
	}
}

// makeOrphan keeps a request at the gate that nobody waits for any more: somebody may still
// work on it, and it still takes memory.
func (s *session) makeOrphan(f *flight) {
	if s.orphans == nil {
		s.orphans = map[uint64]orphan{}
	}
	to, _ := f.req.Command.(Subscribe)
	s.orphans[f.ref] = orphan{f.req.Bytes, time.Now(), to}
	f.admitted = false
}

// mayStill tells whether a subscription may still begin that no request waits for.
func (s *session) mayStill(subscribe Subscribe) bool {
	for _, work := range s.orphans {
		if work.to == subscribe {
			return true
		}
	}
	return s.auto.asks(subscribe)
}

// orphanDone takes an orphan off the gate, because its answer has come. Other numbers are
// ignored.
func (s *session) orphanDone(ref uint64) {
	work, is := s.orphans[ref]
	if !is {
		return
	}
	delete(s.orphans, ref)
	if s.gone { // before it leaves: drained must never count too few that somebody waits for
		s.node.gate.abandon(-1)
	}
	s.node.gate.leave(work.bytes)
}

// How many deadlines an orphan's answer is waited for. While the disk hangs, answers may come very
// late, and what waits for them takes memory.
const (
	lostAfter       = 60
	lostAfterIfMany = 2 // with maxOrphans of them nothing else could begin
)

// forgetLost gives up orphans whose answer will hardly come any more: it may have been lost.
func (s *session) forgetLost() {
	patience := lostAfter * s.node.cfg.Deadline
	if len(s.orphans) >= maxOrphans {
		patience = lostAfterIfMany * s.node.cfg.Deadline
	}
	for ref, work := range s.orphans {
		if time.Since(work.since) > patience {
			s.orphanDone(ref)
		}
	}
}

// onClosed ends the connection at once, but the session only when nobody works for it any
// more. Otherwise a client could start any amount of work by hanging up and coming back.
func (s *session) onClosed(ctx actor.Context) {
	if s.gone {
		return
	}
	s.hangUp(ctx)
	if s.timer != nil {
		s.timer.Stop()
	}
	root, self := ctx.ActorSystem().Root, ctx.Self()
	s.timer = time.AfterFunc(2*s.node.cfg.Deadline, func() { root.Stop(self) }) // some answers may never come, see forgetLost
	s.endAfterWork(ctx)
}

// onAfterwards takes an answer that comes after the connection has ended. A login that
// subscribes is done when all that it has asked is answered; it asks no more.
func (s *session) onAfterwards(ctx actor.Context, m *answer) {
	ref := m.Ref
	if auto := s.auto; auto.awaits(ref) {
		if delete(auto.open, ref); len(auto.open) == 0 {
			ref = auto.login
		}
	}
	s.orphanDone(ref)
	s.endAfterWork(ctx)
}

func (s *session) endAfterWork(ctx actor.Context) {
	if len(s.orphans) == 0 {
		ctx.Stop(ctx.Self())
	}
}

// hangUp forgets the connection and everything that waits for it, once.
func (s *session) hangUp(ctx actor.Context) {
	if s.gone {
		return
	}
	flying := s.flying
	s.flying, s.waiting, s.spans = nil, nil, nil
	for i := range flying {
		switch f := &flying[i]; {
		case !f.admitted:
		case f.reply == nil:
			s.makeOrphan(f)
		default:
			s.node.gate.leave(f.req.Bytes)
		}
	}
	if s.user != "" {
		ctx.Send(s.node.router, &offline{Session: s.id})
	}
	s.auto.stop()
	s.out.Close()
	s.gone = true
	s.node.gate.abandon(len(s.orphans))
}
