package actors

import (
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/dispatch"
	"elemental/actors/telemetry"
)

// stage is a node with one runner and none of a provider's actors: tests bring theirs.
type stage struct {
	node *node
	said chan string
	hold chan struct{} // whoever is to be held up waits for it
}

// newStage makes one. longTurn is dispatch.LongTurn, or an hour where nobody is to step in
// for the one who waits.
func newStage(t testing.TB, longTurn time.Duration) *stage {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	s := &stage{said: make(chan string, 1000), hold: make(chan struct{})}
	s.node = &node{cfg: DefaultConfig(), log: log, scheduler: dispatch.New(1, longTurn), system: actor.NewActorSystemWithConfig(actor.Configure(engineLog(log)))}
	s.node.record = telemetry.NewRecorder(s.node.system, telemetry.Options{})
	t.Cleanup(func() {
		s.node.system.Shutdown()
		s.node.scheduler.Stop()
	})
	return s
}

// inspect has the actors that come be on a roll.
func (s *stage) inspect() {
	s.node.record = telemetry.NewRecorder(s.node.system, telemetry.Options{Inspect: true})
}

func (s *stage) tell(who *actor.PID, words ...any) {
	for _, word := range words {
		s.node.system.Root.Send(who, word)
	}
}

// untilAsleep waits until the runner sleeps.
func (s *stage) untilAsleep() {
	for s.node.scheduler.State().Asleep == 0 {
		runtime.Gosched()
	}
}

// hear waits for a word.
func hear(t *testing.T, words <-chan string) string {
	t.Helper()
	select {
	case word := <-words:
		return word
	case <-time.After(time.Minute):
		t.Fatal("nothing was heard")
		return ""
	}
}
