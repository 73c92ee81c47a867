package actors

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// crashAtCreation crashes the journal at the word that a channel is made, when something else
// that is asked of it waits in its server's mailbox.
type crashAtCreation struct {
	armed atomic.Bool
	asked chan struct{}
}

func (c *crashAtCreation) before(kind Kind, msg any) {
	switch m := msg.(type) {
	case *createChannel:
		if kind == KindServer && c.armed.Load() {
			<-c.asked
		}
	case *persistence.Append:
		if m.Event.Type == "channelCreated" && c.armed.CompareAndSwap(true, false) {
			panic("injected")
		}
	}
}

func (c *crashAtCreation) behind(kind Kind, msg any) {
	if _, is := msg.(*post); is && kind == KindDirectory && c.armed.Load() {
		close(c.asked)
	}
}

// TestAChannelThatIsRefusedKeepsNothing posts to a channel before its creation is on disk, which
// the journal then refuses: the post must not be acknowledged, and the next channel that is made
// has the same number but is another one.
func TestAChannelThatIsRefusedKeepsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		files, c := vfstest.NewMem(), &crashAtCreation{asked: make(chan struct{})}
		p, stop := startStoppable(t, persistence.Config{FS: files}, func(cfg *Config) {
			cfg.Processors, cfg.Fault, cfg.FaultAfter = 4, c.before, c.behind
		})
		alice, bob := enter(t, p, "alice"), enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		c.armed.Store(true)
		alice.send(CreateChannel{"s", "x"})
		synctest.Wait()
		bob.send(&Post{Server: "s", Channel: "x", Text: "early"})
		if reply := alice.hear(); codeOf(reply) != OutcomeUnknown {
			t.Errorf("creation: %v", reply)
		}
		if reply := bob.hear(); codeOf(reply) == "" {
			t.Errorf("a post to a channel that was never made: %v", reply)
		}
		if reply := alice.ask(CreateChannel{"s", "y"}); reply != (Done{}) {
			t.Fatalf("another channel: %v", reply)
		}
		if reply := alice.ask(CountMessages{"s", "y"}); reply != (Amount{0}) {
			t.Errorf("in a new channel there are %v", reply)
		}
		if reply := alice.ask(&Post{Server: "s", Channel: "y", Text: "kept"}); codeOf(reply) != "" {
			t.Errorf("a post to the new channel: %v", reply)
		}
		stop()
		p, _ = startStoppable(t, persistence.Config{FS: files}, nil)
		alice = enter(t, p, "alice")
		reply, _ := alice.ask(LatestMessages{Server: "s", Channel: "y", Count: 10, Before: -1}).(Messages)
		if len(reply.List) != 1 || reply.List[0].Text != "kept" {
			t.Errorf("after a restart the new channel has %v", reply.List)
		}
	})
}

// TestWhatIsNotOnDiskYetDoesNotExistForOthers posts to what is being made while the disk is slow.
func TestWhatIsNotOnDiskYetDoesNotExistForOthers(t *testing.T) {
	for name, tt := range map[string]struct {
		creation any
		to       Post
		want     Code
	}{
		"channel": {CreateChannel{"s", "x"}, Post{Server: "s", Channel: "x"}, NoSuchChannel},
		"server":  {CreateServer{"t", ""}, Post{Server: "t", Channel: "general"}, NoSuchServer},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var slow atomic.Bool
				goOn, files := make(chan struct{}), &vfstest.Faulty{FS: vfstest.NewMem()}
				files.Before = func(op vfstest.Op, name string) {
					if op == vfstest.OpSync && strings.HasPrefix(name, "journal/") && slow.Load() {
						<-goOn
					}
				}
				p := startNode(t, persistence.Config{FS: files}, nil)
				alice, other := enter(t, p, "alice"), enter(t, p, "alice")
				alice.ask(CreateServer{"s", ""})
				slow.Store(true)
				alice.send(tt.creation)
				synctest.Wait()
				other.send(&tt.to)
				synctest.Wait()
				close(goOn)
				if reply := alice.hear(); reply != (Done{}) {
					t.Fatalf("creation: %v", reply)
				}
				if reply := other.hear(); codeOf(reply) != tt.want {
					t.Errorf("a post before that: %v", reply)
				}
				if reply := other.ask(&tt.to); codeOf(reply) != "" {
					t.Errorf("a post after that: %v", reply)
				}
			})
		})
	}
}
