package actors

import (
	"sync/atomic"
	"testing"
	"testing/synctest"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// TestANameIsGivenOnce has two ask for the same new name, both before the password of one is hashed:
// one of them gets it, with the password that this one has given, and the other is refused.
func TestANameIsGivenOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var held atomic.Bool
		goOn := make(chan struct{})
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
			c.Processors = 4
			c.Fault = func(kind Kind, msg any) {
				if _, is := msg.(*hashWork); is && held.Load() {
					<-goOn
				}
			}
		})
		guests := []*guest{enter(t, p, "alice"), enter(t, p, "bob")}
		race := func(ask func(password string) any, refusal Code) (first, second *guest) {
			held.Store(true)
			for _, g := range guests {
				g.send(ask(g.name))
			}
			synctest.Wait()
			held.Store(false)
			goOn <- struct{}{}
			first, second = guests[0], guests[1]
			replies := []any{first.hear(), second.hear()}
			if replies[0] != (Done{}) {
				first, second = second, first
				replies[0], replies[1] = replies[1], replies[0]
			}
			if replies[0] != (Done{}) || codeOf(replies[1]) != refusal {
				t.Errorf("both were answered: %v", replies)
			}
			return first, second
		}

		owner, other := race(func(password string) any { return CreateServer{"s", password} }, ServerExists)
		if reply := owner.ask(CreateChannel{"s", "x"}); reply != (Done{}) {
			t.Errorf("the owner makes a channel: %v", reply)
		}
		if reply := other.ask(JoinServer{"s", other.name}); codeOf(reply) != WrongServerPasswd {
			t.Errorf("the other joins with the password of his own: %v", reply)
		}
		first, second := race(func(password string) any { return Register{"carol", password} }, UserExists)
		if reply := second.ask(Login{"carol", second.name}); codeOf(reply) != WrongPassword {
			t.Errorf("the other logs in: %v", reply)
		}
		if reply := first.ask(Login{"carol", first.name}); codeOf(reply) != "" {
			t.Errorf("who has registered logs in: %v", reply)
		}
	})
}

// TestPostsToDifferentChannelsWaitForEachOther: a client sends two without waiting, and the channel of the
// first is slow. The second one takes effect only after it, also where just the servers differ.
func TestPostsToDifferentChannelsWaitForEachOther(t *testing.T) {
	for _, then := range []Post{{Server: "s", Channel: "other"}, {Server: "t", Channel: "general"}} {
		bubble(t, func(t *testing.T) {
			var held atomic.Bool
			goOn := make(chan struct{})
			p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
				c.Processors = 4
				c.Fault = func(kind Kind, msg any) {
					if _, is := msg.(*post); is && kind == KindChannel && held.CompareAndSwap(true, false) {
						<-goOn
					}
				}
			})
			alice, reader := enter(t, p, "alice"), enter(t, p, "alice")
			for _, each := range []any{CreateServer{"s", ""}, CreateServer{"t", ""}, CreateChannel{"s", "other"}} {
				alice.ask(each)
			}
			held.Store(true)
			alice.send(&Post{Server: "s", Channel: "general"})
			alice.send(&then)
			synctest.Wait()
			if got := reader.ask(CountMessages{then.Server, then.Channel}); got != (Amount{0}) {
				t.Errorf("while the first is under way, of the second there are %v", got)
			}
			close(goOn)
			alice.hear()
			alice.hear()
			if got := reader.ask(CountMessages{then.Server, then.Channel}); got != (Amount{1}) {
				t.Errorf("after both, of the second there are %v", got)
			}
		})
	}
}
