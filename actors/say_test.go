package actors

import (
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// TestAnOlderWordPaysNoDebt has somebody join and leave a server and join it again before his list
// has confirmed the first. It does, and crashes at the last: his list has to follow that all the same.
func TestAnOlderWordPaysNoDebt(t *testing.T) {
	for name, tt := range map[string]struct {
		before  []any
		changes []any
		joined  string
	}{
		"join":  {nil, []any{JoinServer{"s", ""}, LeaveServer{"s"}, JoinServer{"s", ""}}, "[s]"},
		"leave": {[]any{JoinServer{"s", ""}}, []any{LeaveServer{"s"}, JoinServer{"s", ""}, LeaveServer{"s"}}, "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) { changeThrice(t, tt.before, tt.changes, tt.joined) })
		})
	}
}

// TestASlowAnswerPaysItsDebt: a user comes to each word of a server only when the server has said it again.
func TestASlowAnswerPaysItsDebt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := &census{live: map[Kind]int{}, told: map[string]int{}}
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(cfg *Config) {
			cfg.Passivate = time.Minute
			cfg.Fault = func(kind Kind, msg any) {
				if _, is := msg.(*membershipChanged); is && kind == KindUser {
					time.Sleep(cfg.Passivate / 2)
				}
				c.note(kind, msg)
			}
		})
		enter(t, p, "alice").send(CreateServer{"s", ""})
		time.Sleep(time.Hour)
		if c.durable() != 0 {
			t.Error("a debt is not paid")
		}
	})
}

// changesAtOnce has three changes of membership wait for the server at once, and the user's list
// confirm the first before it hears of the others; it crashes at the last.
type changesAtOnce struct {
	armed                 atomic.Bool
	asked, told, heard    atomic.Int32
	together, noted, last chan struct{}
}

func (c *changesAtOnce) before(kind Kind, msg any) {
	if !c.armed.Load() {
		return
	}
	switch msg.(type) {
	case *joinServer, *leaveServer:
		if kind == KindServer {
			<-c.together
		}
	case *membershipChanged:
		switch {
		case kind == KindDirectory && c.told.Add(1) == 2:
			<-c.noted
		case kind == KindUser:
			c.hear()
		}
	}
}

// hear has the user hear the last word right behind the one before, and crash at it.
func (c *changesAtOnce) hear() {
	switch c.heard.Add(1) {
	case 2:
		<-c.last
	case 3:
		c.armed.Store(false)
		panic("injected")
	}
}

func (c *changesAtOnce) behind(kind Kind, msg any) {
	switch msg.(type) {
	case *joinServer, *leaveServer:
		if kind == KindDirectory && c.armed.Load() && c.asked.Add(1) == 3 {
			close(c.together)
		}
	case *membershipChanged:
		if kind == KindDirectory && c.armed.Load() && c.told.Load() == 3 {
			close(c.last)
		}
	case *membershipNoted:
		if kind == KindServer && c.armed.Load() {
			c.noted <- struct{}{}
		}
	}
}

func changeThrice(t *testing.T, before, changes []any, joined string) {
	c := &changesAtOnce{together: make(chan struct{}), noted: make(chan struct{}, 3), last: make(chan struct{})}
	p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(cfg *Config) {
		cfg.Processors, cfg.Fault, cfg.FaultAfter = 4, c.before, c.behind
	})
	enter(t, p, "alice").ask(CreateServer{"s", ""})
	var bobs []*guest
	for range changes {
		bobs = append(bobs, enter(t, p, "bob"))
	}
	for _, command := range before {
		bobs[0].ask(command)
	}
	c.armed.Store(true)
	for i, command := range changes {
		bobs[i].send(command)
		time.Sleep(time.Second) // until somebody steps in for those who are held up
	}
	for i, want := range []Code{"", OutcomeUnknown, OutcomeUnknown} {
		if reply := bobs[i].hear(); codeOf(reply) != want {
			t.Errorf("change %d: %v, want %q", i, reply, want)
		}
	}
	time.Sleep(time.Hour)
	if list := bobs[0].ask(JoinedServers{}).(Servers); fmt.Sprint(list.Names) != joined {
		t.Errorf("bob's list is %v, want %s", list.Names, joined)
	}
}

// TestAWordThatIsRefusedIsOfItsAskerAlone: two wait for a user's list to follow the same, the
// user's journal refuses what the first hears of, and the list answers the second after that.
func TestAWordThatIsRefusedIsOfItsAskerAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var words atomic.Int32
		files, sick, synced := failingJournal()
		refused := make(chan struct{})
		p := startNode(t, persistence.Config{FS: files}, func(c *Config) {
			c.Processors = 4
			c.Fault = func(kind Kind, msg any) {
				if _, is := msg.(*membershipChanged); is && kind == KindDirectory && sick.Load() && words.Add(1) == 2 {
					<-refused
				}
			}
			c.FaultAfter = func(kind Kind, msg any) {
				if _, is := msg.(*membershipRefused); is && kind == KindServer {
					sick.Store(false)
					close(refused)
				}
			}
		})
		alice, bob, carol := enter(t, p, "alice"), enter(t, p, "alice"), enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		sick.Store(true)
		alice.send(Logout{})
		synctest.Wait()
		bob.send(JoinServer{"s", ""})
		synctest.Wait()
		carol.send(JoinServer{"s", ""})
		synctest.Wait()
		close(synced)
		if reply := bob.hear(); codeOf(reply) != OutcomeUnknown {
			t.Errorf("who asked first hears %v", reply)
		}
		if reply := carol.hear(); reply != (Done{}) {
			t.Errorf("who asked later hears %v", reply)
		}
	})
}

// TestAWordToWhomCannotBeReadIsRefused deletes a server of which one member's account cannot be
// read: its owner need not wait for the deadline, and the list follows when it can be read.
func TestAWordToWhomCannotBeReadIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		files := vfstest.NewMem()
		before, stop := startStoppable(t, persistence.Config{FS: files, SnapshotInterval: time.Minute}, nil)
		enter(t, before, "alice").ask(CreateServer{"s", ""})
		enter(t, before, "bob").ask(JoinServer{"s", ""})
		time.Sleep(time.Hour) // their files are all there is
		stop()

		var sick atomic.Bool
		faulty := &vfstest.Faulty{FS: files}
		faulty.FailAt = func(op vfstest.Op, name string) error {
			if op&vfstest.Reads != 0 && strings.HasPrefix(name, "users/bob/") && sick.Load() {
				return syscall.EIO
			}
			return nil
		}
		p := startNode(t, persistence.Config{FS: faulty}, nil)
		alice := enter(t, p, "alice")
		sick.Store(true)
		begun := time.Now()
		if reply := alice.ask(DeleteServer{"s", ""}); codeOf(reply) != OutcomeUnknown || time.Since(begun) > time.Second {
			t.Errorf("deletion: %v after %v", reply, time.Since(begun))
		}
		sick.Store(false)
		time.Sleep(time.Hour)
		if list := enter(t, p, "bob").ask(JoinedServers{}).(Servers); len(list.Names) > 0 {
			t.Errorf("bob is in %v", list.Names)
		}
	})
}

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

// TestALostWordIsSaidAgain crashes the user when it hears that it is a member
// of what it has joined again.
func TestALostWordIsSaidAgain(t *testing.T) {
	var armed atomic.Bool
	p := startNode(t, persistence.Config{}, func(c *Config) {
		c.Passivate, c.Deadline = 20*time.Millisecond, time.Minute
		c.Fault = crashes[*membershipChanged](KindUser, once(&armed))
	})
	alice := enter(t, p, "alice")
	alice.ask(CreateServer{"s", ""})
	armed.Store(true)
	if reply := alice.ask(JoinServer{"s", ""}); reply != (Done{}) || armed.Load() {
		t.Errorf("joining again: %v", reply)
	}
}
