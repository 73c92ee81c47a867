package actors

import (
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// TestWhatARecoveryHeldIsNotKept has a channel begin with many posts that wait for its state.
func TestWhatARecoveryHeldIsNotKept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) { c.Processors = 1 })
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		var kept []weak.Pointer[Post]
		for range 100 {
			post := &Post{Server: "s", Channel: "general", Text: "x"}
			kept = append(kept, weak.Make(post))
			alice.send(post)
		}
		for range 100 {
			alice.hear()
		}
		synctest.Wait()
		runtime.GC()
		for i, each := range kept {
			if each.Value() != nil {
				t.Fatalf("post %d is still in memory", i)
			}
		}
	})
}

// TestWhoCrashesAnActorLaterIsAnsweredAtOnce crashes a handler in the midst of a command that
// another message has brought about: the state that it waited for, or a password's hash.
func TestWhoCrashesAnActorLaterIsAnsweredAtOnce(t *testing.T) {
	for name, command := range map[string]any{
		"state":         &Post{Server: "s", Channel: "general", Text: "x"},
		"user's hash":   Login{"alice", "p"},
		"server's hash": JoinServer{"s", "sp"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var armed atomic.Bool
				p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
					c.Now = func() time.Time {
						strikeOnce(&armed)
						return time.Now()
					}
				})
				alice := enter(t, p, "alice")
				alice.ask(CreateServer{"s", "sp"})
				p.node.dir = badWord{p.node.dir, &armed}
				armed.Store(true)
				begun := time.Now()
				if reply := alice.ask(command); reply != (Refused{Code: OutcomeUnknown}) || time.Since(begun) > time.Second {
					t.Errorf("%v after %v", reply, time.Since(begun))
				}
				if reply := alice.ask(command); codeOf(reply) != "" {
					t.Errorf("again: %v", reply)
				}
			})
		})
	}
}

// badWord is a Directory that a server's word to a user crashes.
type badWord struct {
	Directory
	armed *atomic.Bool
}

func (d badWord) Tell(ctx actor.SenderContext, msg addressed) {
	if _, is := msg.(*membershipChanged); is {
		strikeOnce(d.armed)
	}
	d.Directory.Tell(ctx, msg)
}
