package actors

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// These tests strike between a server's event and its users' lists.

// TestARefusedChangeOfMembershipIsTold lets the disk fail just when the server's
// event is on its way: whoever asked hears it at once, and nothing was done.
func TestARefusedChangeOfMembershipIsTold(t *testing.T) {
	for name, tt := range map[string]struct {
		change  any
		member  bool // of bob afterwards
		byAlice bool
	}{
		"create": {CreateServer{"other", ""}, false, false},
		"join":   {JoinServer{"s", ""}, false, false},
		"leave":  {LeaveServer{"s"}, true, false},
		"delete": {DeleteServer{"s", ""}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) { refuseChange(t, tt.change, tt.member, tt.byAlice) })
		})
	}
}

func refuseChange(t *testing.T, change any, member, byAlice bool) {
	alice, bob, asker := askWhileDiskFails(t, change, member, byAlice, "servers", StorageDown)
	time.Sleep(time.Second) // in which the disk is tried again
	want := "[alice]"
	if member {
		want = "[alice bob]"
	}
	if got := namesOf(alice.ask(ServerMembers{"s"}).(Members)); got != want {
		t.Errorf("members %s, want %s", got, want)
	}
	if got := bob.ask(JoinedServers{}).(Servers); len(got.Names) > 0 != member {
		t.Errorf("bob's list is %v", got)
	}
	if reply := asker.ask(change); reply != (Done{}) {
		t.Errorf("asked again: %v", reply)
	}
}

// askWhileDiskFails asks for a change of alice's server s, of which bob is a member or not, by him or by
// her. The disk fails when the change is to be kept in the given room, which is told as code, and is then well.
func askWhileDiskFails(t *testing.T, change any, member, byAlice bool, room string, code Code) (alice, bob, asker *guest) {
	t.Helper()
	files := &vfstest.Faulty{FS: vfstest.NewMem()}
	var armed atomic.Bool
	p := startNode(t, persistence.Config{FS: files}, func(c *Config) {
		c.Passivate = 10 * time.Second
		c.Fault = func(_ Kind, msg any) {
			if m, ok := msg.(*persistence.Append); ok && m.Stream.Parts()[0] == room && armed.CompareAndSwap(true, false) {
				files.Set(func(int) error { return errors.New("injected") })
			}
		}
	})
	alice, bob = enter(t, p, "alice"), enter(t, p, "bob")
	alice.ask(CreateServer{"s", ""})
	if member {
		bob.ask(JoinServer{"s", ""})
	}
	asker = bob
	if byAlice {
		asker = alice
	}
	armed.Store(true)
	asked := time.Now()
	if reply := asker.ask(change); reply != (Refused{Code: code}) || time.Since(asked) >= time.Second {
		t.Errorf("heard %v after %v", reply, time.Since(asked))
	}
	files.Set(nil)
	return alice, bob, asker
}

// TestWhoWaitsForAUsersListHearsOfItsTrouble lets the disk fail when the server
// has a change of membership and the user has not: whoever asked need not wait
// for the deadline, and the list follows once the disk is well.
func TestWhoWaitsForAUsersListHearsOfItsTrouble(t *testing.T) {
	for name, tt := range map[string]struct {
		change          any
		before, byAlice bool
		members, joined string
	}{
		"join":   {change: JoinServer{"s", ""}, members: "[alice bob]", joined: "[s]"},
		"leave":  {change: LeaveServer{"s"}, before: true, members: "[alice]", joined: "[]"},
		"delete": {change: DeleteServer{"s", ""}, before: true, byAlice: true, joined: "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) { failUsersPart(t, tt.change, tt.before, tt.byAlice, tt.members, tt.joined) })
		})
	}
}

func failUsersPart(t *testing.T, change any, before, byAlice bool, members, joined string) {
	alice, bob, _ := askWhileDiskFails(t, change, before, byAlice, "users", OutcomeUnknown)
	time.Sleep(10 * time.Second) // in which the server says it again
	if list := bob.ask(JoinedServers{}).(Servers); fmt.Sprint(list.Names) != joined {
		t.Errorf("bob's list is %v", list)
	}
	if members != "" {
		if got := namesOf(alice.ask(ServerMembers{"s"}).(Members)); got != members {
			t.Errorf("members %s", got)
		}
	}
}

func namesOf(m Members) string {
	names := make([]string, len(m.Members))
	for i := range m.Members {
		names[i] = m.Members[i].User
	}
	return fmt.Sprint(names)
}

// TestUsersListsHealAtTheStart cuts the power when a server's event is on disk
// and the user's is not. Nobody asks for the server afterwards: it has to be
// woken by what the journal holds.
func TestUsersListsHealAtTheStart(t *testing.T) {
	for name, tt := range map[string]struct {
		before []any // asked by bob
		change any
		owner  bool // it is alice who changes
		want   string
	}{
		"create": {nil, CreateServer{"other", ""}, false, "[other]"},
		"join":   {nil, JoinServer{"s", ""}, false, "[s]"},
		"leave":  {[]any{JoinServer{"s", ""}}, LeaveServer{"s"}, false, "[]"},
		"delete": {[]any{JoinServer{"s", ""}}, DeleteServer{"s", ""}, true, "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				files := cutBetween(t, tt.before, tt.change, tt.owner)
				checkHealed(t, files, tt.want)
			})
		})
	}
}

// cutBetween gives the disk as it is while the user's side cannot be written.
func cutBetween(t *testing.T, before []any, change any, byAlice bool) *vfstest.Mem {
	files := vfstest.NewMem()
	var armed atomic.Bool
	p, stop := startStoppable(t, persistence.Config{FS: files}, func(c *Config) { c.Fault = crashes[*membershipChanged](KindUser, armed.Load) })
	alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
	alice.ask(CreateServer{"s", ""})
	for _, command := range before {
		bob.ask(command)
	}
	asker := bob
	if byAlice {
		asker = alice
	}
	armed.Store(true)
	if reply := asker.ask(change); reply != (Refused{Code: OutcomeUnknown}) {
		t.Fatalf("%T: %v", change, reply)
	}
	cut := files.PowerCut(0, 1)
	armed.Store(false)
	alice.session.Close()
	bob.session.Close()
	stop()
	return cut
}

func checkHealed(t *testing.T, files *vfstest.Mem, want string) {
	t.Helper()
	c := &census{live: map[Kind]int{}, told: map[string]int{}}
	p := startNode(t, persistence.Config{FS: files}, func(cfg *Config) { cfg.Fault = c.note })
	time.Sleep(5 * time.Second) // seconds, as architecture.md says
	bob := enter(t, p, "bob")
	if got := fmt.Sprint(bob.ask(JoinedServers{}).(Servers).Names); got != want {
		t.Errorf("bob's list is %s, want %s", got, want)
	}
	time.Sleep(time.Hour)
	if c.durable() != 0 { // a server that owes stays
		t.Error("a debt is not paid")
	}
}

// TestAnAnswerForAnotherSnapshotChangesNothing tells a channel of a snapshot
// that it did not ask for, as of before a restart.
func TestAnAnswerForAnotherSnapshotChangesNothing(t *testing.T) {
	d := newDisk(t, nil)
	root := d.n.system.Root
	c := root.Spawn(channelProps(d))
	me := Caller{PID: d.pid}
	next := func() any {
		for {
			switch m := (<-d.seen).(type) {
			case *persistence.SaveSnapshot, *persistence.ReadItems:
				return m
			case *answer:
				if reply, ok := m.Reply.(Messages); ok {
					return reply
				}
			}
		}
	}
	read := &getMessages{Caller: me, GetMessages: GetMessages{Begin: 0, End: 1}}
	const posts = 3 * persistence.PageItems
	for range posts {
		root.Send(c, &post{Caller: me, Author: "a", Post: &Post{Text: "x"}})
	}
	for published := 0; published < posts-1; { // by then the channel is recovered, and all but the last post is on disk
		if _, ok := (<-d.seen).(*publish); ok {
			published++
		}
	}
	root.Send(c, &persistence.Committed{Stream: "s", Epoch: 1, Seq: posts})
	root.Send(c, &saveNow{})
	save := next().(*persistence.SaveSnapshot)
	for _, seq := range []uint64{0, save.Seq - 1, save.Seq + 1} {
		root.Send(c, &persistence.SnapshotSaved{Stream: "s", Seq: seq})
		root.Send(c, &saveNow{}) // one is under way
		root.Send(c, read)
		if got, ok := next().(Messages); !ok || len(got.List) != 1 {
			t.Errorf("after an answer for %d, the messages that no page is known to have are gone: %v", seq, got)
		}
	}
	root.Send(c, &persistence.SnapshotSaved{Stream: "s", Seq: save.Seq})
	root.Send(c, read)
	if _, ok := next().(*persistence.ReadItems); !ok {
		t.Error("the right answer does not count")
	}
}

// TestWhoHasLeftHearsNothingAfterACrash crashes a server, or the journal, when an
// end is decided and not yet told: the subscriptions end all the same.
func TestWhoHasLeftHearsNothingAfterACrash(t *testing.T) {
	for name, tt := range map[string]struct {
		end  any
		bobs bool
		want Code
	}{
		"left":    {LeaveServer{"s"}, true, MembershipEnded},
		"channel": {DeleteChannel{"s", "general"}, false, ChannelGone},
		"deleted": {DeleteServer{"s", ""}, false, ServerGone},
	} {
		for _, kind := range []Kind{KindServer, KindPersistence} {
			t.Run(name+string(kind), func(t *testing.T) {
				bubble(t, func(t *testing.T) { crashAtTheEnd(t, kind, tt.end, tt.bobs, tt.want) })
			})
		}
	}
}

func crashAtTheEnd(t *testing.T, kind Kind, end any, bobs bool, want Code) {
	var armed atomic.Bool
	p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
		c.FaultAfter = func(k Kind, msg any) {
			switch m := msg.(type) {
			case *leaveServer, *deleteChannel, *deleteServer:
				if k == kind && armed.CompareAndSwap(true, false) {
					panic("injected")
				}
			case *persistence.Append:
				if k == kind && m.Stream.Parts()[0] == "servers" && armed.CompareAndSwap(true, false) {
					panic("injected")
				}
			}
		}
	})
	alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
	alice.ask(CreateServer{"s", ""})
	bob.ask(JoinServer{"s", ""})
	bob.ask(Subscribe{"s", "general", true})
	asker := alice
	if bobs {
		asker = bob
	}
	armed.Store(true)
	if reply := asker.ask(end); reply != (Refused{Code: OutcomeUnknown}) {
		t.Fatalf("heard %v", reply)
	}
	alice.ask(&Post{Server: "s", Channel: "general", Text: "secret"})
	synctest.Wait()
	if len(bob.out.pushes) != 1 {
		t.Fatalf("bob heard %d things", len(bob.out.pushes))
	}
	if event := <-bob.out.pushes; event != "unsubscribed "+string(want) {
		t.Errorf("bob heard %q", event)
	}
}

// TestAMemberWhoJoinsWaitsForHisList: the server tells the list again from time to time, and only the list's
// answer counts.
func TestAMemberWhoJoinsWaitsForHisList(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var slow atomic.Bool
		goOn := make(chan struct{})
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
			c.Processors, c.Passivate = 4, 4*time.Second
			c.Fault = func(kind Kind, msg any) {
				if _, is := msg.(*membershipChanged); is && kind == KindUser && slow.Load() {
					<-goOn
				}
			}
		})
		alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
		alice.ask(CreateServer{"s", ""})
		bob.ask(JoinServer{"s", ""})
		slow.Store(true)
		bob.send(JoinServer{"s", ""})
		time.Sleep(5 * time.Second)
		if n := len(bob.out.answers); n != 0 {
			t.Errorf("heard %v before", bob.hear())
		}
		close(goOn)
		if reply := bob.hear(); reply != (Done{}) {
			t.Errorf("heard %v", reply)
		}
	})
}
