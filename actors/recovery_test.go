package actors

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

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

// TestWhatCannotBeReplayedIsNotShown: a channel with an event that this version does not know, or that
// does not fit to those before it, is refused. It must not show, or go on from, what it could read.
func TestWhatCannotBeReplayedIsNotShown(t *testing.T) {
	message := func(index int64) []byte { e := posted{Index: index, Author: "a", Text: "x"}; return e.Append(nil) }
	for name, event := range map[string]persistence.Event{
		"an unknown type":     {Type: "edited", Version: 1, Data: message(1)},
		"another version":     {Type: "posted", Version: 2, Data: message(1)},
		"behind a lost event": {Type: "posted", Version: 1, Data: message(2)},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(t, nil)
			root := d.n.system.Root
			d.n.disk = root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
				switch m := ctx.Message().(type) {
				case *persistence.Recover:
					event.Seq = 2
					first := persistence.Event{Seq: 1, Type: "posted", Version: 1, Data: message(0)}
					ctx.Send(m.ReplyTo, &persistence.Recovered{Ref: m.Ref, Epoch: 1, Seq: 2, Events: []persistence.Event{first, event}})
				case *answer:
					d.seen <- m
				}
			}))
			root.Send(root.Spawn(channelProps(d)), &countMessages{Caller: Caller{PID: d.n.disk}})
			if reply := (<-d.seen).(*answer).Reply; codeOf(reply) != StorageDown {
				t.Errorf("heard %v", reply)
			}
		})
	}
}

func TestAUserThatCannotBeReadConfirmsNothing(t *testing.T) {
	d := newDisk(t, persistence.ErrUnavailable)
	root := d.n.system.Root
	u := root.Spawn(d.n.props(KindUser, nil, func() actor.Actor { return newUser(d.n, "bob") }))
	root.Send(u, &membershipChanged{User: "bob", Server: "s", Incarnation: 1, Member: true})
	root.Send(u, &joinedServers{Caller: Caller{PID: d.pid}, User: "bob"})
	if word, ok := (<-d.seen).(*membershipRefused); !ok || word.Incarnation != 1 || !word.Member {
		t.Errorf("the server heard %v", word)
	}
	reply, ok := (<-d.seen).(*answer)
	if !ok || codeOf(reply.Reply) != StorageDown {
		t.Errorf("heard %v", reply)
	}
}

// TestACrashDuringARecovery has a channel ask twice for what is on disk, before and after its
// restart, while many post: the first answer is of an epoch that may not write any more.
func TestACrashDuringARecovery(t *testing.T) {
	bubble(t, func(t *testing.T) {
		files := &vfstest.Faulty{FS: vfstest.NewMem()}
		files.Before = func(_ vfstest.Op, name string) {
			if strings.HasPrefix(name, "servers/s/channels/") {
				time.Sleep(time.Millisecond) // a recovery takes longer than a post
			}
		}
		var crashed atomic.Bool
		p := startNode(t, persistence.Config{FS: files}, func(c *Config) {
			c.FaultAfter = func(kind Kind, msg any) {
				if _, ok := msg.(*actor.Started); ok && kind == KindChannel && !crashed.Swap(true) {
					panic("injected")
				}
			}
		})
		guests := []*guest{enter(t, p, "alice")}
		guests[0].ask(CreateServer{"s", ""})
		for len(guests) < 10 {
			g := connect(t, p, "alice")
			g.login()
			guests = append(guests, g)
		}
		for range 20 {
			for _, g := range guests {
				g.send(&Post{Server: "s", Channel: "general", Text: "x"})
			}
			for _, g := range guests {
				if reply := g.hear(); codeOf(reply) != "" {
					t.Fatalf("post: %v", reply)
				}
			}
		}
	})
}

// TestAnUnreadableChannelLeavesMemory has a channel's snapshot end, and a post refused, while
// nothing of the channel can be read.
func TestAnUnreadableChannelLeavesMemory(t *testing.T) {
	for name, used := range map[string]bool{"used again": true, "left alone": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) { breakChannel(t, used) })
		})
	}
}

func breakChannel(t *testing.T, used bool) {
	const folder = "servers/s/channels/general/1/"
	begun, goOn := make(chan struct{}), make(chan struct{})
	var sick atomic.Bool
	hold := sync.OnceFunc(func() { close(begun); <-goOn })
	files := &vfstest.Faulty{FS: vfstest.NewMem()}
	files.Before = func(op vfstest.Op, name string) {
		if op == vfstest.OpCreate && name == folder+"state.new.json" {
			hold()
		}
	}
	files.FailAt = func(op vfstest.Op, name string) error {
		journal := op == vfstest.OpSync && strings.HasPrefix(name, "journal/")
		if sick.Load() && (journal || op&vfstest.Reads != 0 && strings.HasPrefix(name, folder)) {
			return syscall.EIO
		}
		return nil
	}
	p := startNode(t, persistence.Config{FS: files}, func(c *Config) { c.Inspect, c.Passivate = true, time.Minute })
	alice := enter(t, p, "alice")
	alice.ask(CreateServer{"s", ""})
	post := &Post{Server: "s", Channel: "general", Text: "x"}
	alice.ask(post)
	p.node.dir.Tell(p.node.system.Root, &saveChannel{Server: "s", Incarnation: 1})
	<-begun
	sick.Store(true)
	if reply := alice.ask(post); reply != (Refused{Code: StorageDown}) {
		t.Fatalf("post: %v", reply)
	}
	close(goOn)
	synctest.Wait()
	sick.Store(false)
	time.Sleep(2 * time.Second)
	if used {
		if reply, ok := alice.ask(post).(*Posted); !ok {
			t.Fatalf("post: %v", reply)
		}
	}
	time.Sleep(time.Hour)
	if n := p.KindCounts()[KindChannel].Alive; n != 0 {
		t.Errorf("%d channels that nobody uses are in memory", n)
	}
}

// TestEveryEventIsReadAgain finds in the source which events users and servers make. An event that their
// table does not read again would do no harm before the next recovery, and then make all of it unreadable.
func TestEveryEventIsReadAgain(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string]map[string]func([]byte) (any, error){"u": userEvents, "s": serverEvents}
	commits := regexp.MustCompile(`\b([us])\.commit\(ctx, "(\w+)", (\w+)\{`)
	found := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, made := range commits.FindAllSubmatch(text, -1) {
			name, wanted := string(made[2]), "actors."+string(made[3])
			found[name] = true
			read := tables[string(made[1])][name]
			if read == nil {
				t.Errorf("%s: the event %q is missing in userEvents or serverEvents", file, name)
				continue
			}
			if event, err := read([]byte("{}")); err != nil || fmt.Sprintf("%T", event) != wanted {
				t.Errorf("%s: the event %q is a %s, and read as a %T, %v", file, name, wanted, event, err)
			}
		}
	}
	if len(found) < 13 {
		t.Errorf("only %d events found", len(found))
	}
}
