package actors

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// join has many users join a server, and returns them.
func join(t *testing.T, p *Provider, server string, n int) []*guest {
	t.Helper()
	all := make([]*guest, n)
	for i := range all {
		all[i] = enter(t, p, fmt.Sprint("user", i))
		all[i].send(JoinServer{server, ""})
	}
	return all
}

// TestAServerWithManyMembersTellsAFewAtATime deletes one whose members are not in memory: all at
// once they would keep the disk, and everybody who needs it, busy for seconds.
func TestAServerWithManyMembersTellsAFewAtATime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const members = 3 * mostTold
		files := vfstest.NewMem()
		p, stop := startStoppable(t, persistence.Config{FS: files}, nil)
		enter(t, p, "alice").ask(CreateServer{"s", ""})
		for _, each := range join(t, p, "s", members) {
			if reply := each.hear(); reply != (Done{}) {
				t.Fatalf("%s joined: %v", each.name, reply)
			}
		}
		stop()

		var told, most atomic.Int32
		p = startNode(t, persistence.Config{FS: files}, func(c *Config) {
			c.Fault = func(kind Kind, msg any) {
				switch msg.(type) {
				case *membershipChanged:
					if kind == KindDirectory {
						most.Store(max(most.Load(), told.Add(1)))
					}
				case *membershipNoted:
					if kind == KindServer {
						told.Add(-1)
					}
				}
			}
		})
		alice := enter(t, p, "alice")
		time.Sleep(time.Hour + time.Second) // all that the start wants is saved, and no sweep is due
		if reply := alice.ask(DeleteServer{"s", ""}); reply != (Done{}) {
			t.Errorf("deletion: %v", reply)
		}
		if n := most.Load(); n > 2*mostTold { // the server has just come to memory and told some that they are members
			t.Errorf("%d members were told at the same time", n)
		}
		for i := range members {
			if list := enter(t, p, fmt.Sprint("user", i)).ask(JoinedServers{}).(Servers); len(list.Names) > 0 {
				t.Fatalf("user%d is in %v", i, list.Names)
			}
		}
	})
}

// TestAWordThatHasToWaitIsNotSaidTooLate has many users crash when they hear that they are members.
// Of those who are to be told again some have to wait, and leave before it is their turn.
func TestAWordThatHasToWaitIsNotSaidTooLate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed atomic.Bool
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) { c.Fault = crashes[*membershipChanged](KindUser, armed.Load) })
		enter(t, p, "alice").ask(CreateServer{"s", ""})
		armed.Store(true)
		users := join(t, p, "s", 2*mostTold)
		for _, each := range users {
			each.hear() // it may have been done
		}
		time.Sleep(p.node.cfg.Passivate) // the server has told them again
		armed.Store(false)
		for _, each := range users {
			each.send(LeaveServer{"s"})
		}
		for _, each := range users {
			if reply := each.hear(); reply != (Done{}) {
				t.Fatalf("%s left: %v", each.name, reply)
			}
		}
		time.Sleep(time.Hour)
		for _, each := range users {
			if list := each.ask(JoinedServers{}).(Servers); len(list.Names) > 0 {
				t.Fatalf("%s has left and is in %v", each.name, list.Names)
			}
		}
	})
}
