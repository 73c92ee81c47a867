package actors

import (
	"fmt"
	"sync/atomic"
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
	armed              atomic.Bool
	asked, told, heard atomic.Int32
	together, noted    chan struct{}
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
		case kind == KindUser && c.told.Load() == 3 && c.heard.Add(1) == 2:
			c.armed.Store(false)
			panic("injected")
		}
	}
}

func (c *changesAtOnce) behind(kind Kind, msg any) {
	switch msg.(type) {
	case *joinServer, *leaveServer:
		if kind == KindDirectory && c.armed.Load() && c.asked.Add(1) == 3 {
			close(c.together)
		}
	case *membershipNoted:
		if kind == KindServer && c.told.Load() == 2 {
			close(c.noted)
		}
	}
}

func changeThrice(t *testing.T, before, changes []any, joined string) {
	c := &changesAtOnce{together: make(chan struct{}), noted: make(chan struct{})}
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
		synctest.Wait()
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
