package actors

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// TestAChannelDoesNotGrowWhileItsSnapshotIsLate posts to a channel of which the pages do not get
// to the disk, and are then refused by it, though the journal is not.
func TestAChannelDoesNotGrowWhileItsSnapshotIsLate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var sick atomic.Bool
		goOn := make(chan struct{})
		files := &vfstest.Faulty{FS: vfstest.NewMem()}
		files.FailAt = func(op vfstest.Op, name string) error {
			if op == vfstest.OpCreate && strings.Contains(name, "/pages.d/") && sick.Load() {
				<-goOn
				return syscall.EIO
			}
			return nil
		}
		p := startNode(t, persistence.Config{FS: files}, nil)
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		sick.Store(true)
		fail := sync.OnceFunc(func() { close(goOn) })
		defer fail()
		posted := alice.postUntilBusy(t, p)
		fail()
		synctest.Wait()
		for range 3 {
			if reply := alice.ask(largePost); reply != (Refused{Code: Busy}) {
				t.Errorf("a post while no snapshot can be saved: %v", reply)
			}
			synctest.Wait()
		}
		sick.Store(false)
		alice.ask(largePost) // it brings about the snapshot
		synctest.Wait()
		if reply, ok := alice.ask(largePost).(*Posted); !ok || reply.Index != posted {
			t.Errorf("post %d: %v", posted, reply)
		}
	})
}

var largePost = &Post{Server: "s", Channel: "general", Text: strings.Repeat("x", 16<<10)}

func (g *guest) postUntilBusy(t *testing.T, p *Provider) (posted int64) {
	for refused := false; !refused; {
		const together = 50
		for range together {
			g.send(largePost)
		}
		for range together {
			switch reply := g.hear().(type) {
			case *Posted:
				posted++
			case Refused:
				if refused = true; reply.Code != Busy {
					t.Fatalf("post: %v", reply)
				}
			}
		}
		if used := p.node.state.used.Load(); used > 2*mostUnsaved {
			t.Fatalf("%d messages are in memory, %d bytes", posted, used)
		}
	}
	return posted
}

// TestASnapshotThatMayNotBeOnDiskIsSavedAgain has the server read one of which the folder could not be
// synced, by the process that saved it nor by its own. Nothing new comes, but the journal cannot let go
// of its segment before there is another snapshot.
func TestASnapshotThatMayNotBeOnDiskIsSavedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var sick atomic.Bool
		sick.Store(true)
		files := &vfstest.Faulty{FS: vfstest.NewMem(), FailAt: func(op vfstest.Op, name string) error {
			if op == vfstest.OpSyncDir && name == "servers/s" && sick.Load() {
				return syscall.EIO
			}
			return nil
		}}
		store := persistence.Config{FS: files, SnapshotInterval: time.Minute}
		staying := func(cfg *Config) { cfg.Passivate = 0 }
		p, stop := startStoppable(t, store, staying)
		enter(t, p, "alice").ask(CreateServer{"s", ""})
		time.Sleep(2 * time.Minute)
		stop()
		p = startNode(t, store, staying)
		if reply := enter(t, p, "bob").ask(JoinServer{"s", "wrong"}); reply == (Done{}) {
			t.Errorf("the server is not as it was: %v", reply)
		}
		sick.Store(false)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if names, err := files.List("journal"); err != nil || slices.Contains(names, "00000001.jsonl") {
			t.Errorf("the journal has %v, %v", names, err)
		}
	})
}

// TestAServerIsNotReadForLong sets its image again and again, which is the longest of its events. Whoever
// makes it come into memory later does not read all of them.
func TestAServerIsNotReadForLong(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var read atomic.Int64
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(cfg *Config) {
			cfg.StateBytes = 1 // whoever has nothing to do leaves
			cfg.Fault = func(kind Kind, msg any) {
				if m, is := msg.(*persistence.Recovered); is && kind == KindServer {
					n := len(m.Snapshot)
					for _, event := range m.Events {
						n += len(event.Data)
					}
					read.Store(int64(n))
				}
			}
		})
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		const size, times = 512 << 10, 14 // more than may be read
		image := strings.Repeat("AAAA", size/4)
		for range times {
			if reply := alice.ask(SetServerImage{"s", image}); reply != (Done{}) {
				t.Fatal(reply)
			}
			synctest.Wait()
			if n := read.Load(); n > mostReplayed+3*size {
				t.Fatalf("%d bytes are read", n)
			}
		}
		if reply := alice.ask(GetServerImage{"s"}); reply != (Image{image}) {
			t.Errorf("%.100v", reply)
		}
		if read.Load() < size {
			t.Error("it has never left")
		}
	})
}

// TestALargeServerIsNotSavedEachTime has a server in memory whose image alone is larger than the events
// that may come between two snapshots. They wait until they are as large as the server.
func TestALargeServerIsNotSavedEachTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var saves atomic.Int32
		files := &vfstest.Faulty{FS: vfstest.NewMem(), FailAt: func(op vfstest.Op, name string) error {
			if op == vfstest.OpCreate && strings.HasPrefix(name, "servers/s/") {
				saves.Add(1)
			}
			return nil
		}}
		p := startNode(t, persistence.Config{FS: files}, nil)
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		image := strings.Repeat("x", mostReplayed)
		for i, want := range []int32{1, 1, 2} { // the first one makes it large
			if reply := alice.ask(SetServerImage{"s", image}); reply != (Done{}) {
				t.Fatal(reply)
			}
			synctest.Wait()
			if n := saves.Load(); n != want {
				t.Errorf("after image %d there were %d snapshots, not %d", i+1, n, want)
			}
		}
	})
}

// TestABusyChannelIsSaved keeps a channel's newest post always on its way to
// the disk: it has to save itself all the same, once.
func TestABusyChannelIsSaved(t *testing.T) {
	d := newDisk(t, nil)
	root := d.n.system.Root
	c := root.Spawn(channelProps(d))
	const posts = persistence.MaxPageItems + 500
	for i := range posts {
		root.Send(c, &post{Caller: Caller{PID: d.pid, Ref: uint64(i)}, Author: "a", Post: &Post{Text: "x"}})
	}
	saves := 0
	for published := 0; published < posts-1; {
		switch m := (<-d.seen).(type) {
		case *publish:
			published++
		case *persistence.SaveSnapshot:
			saves++
			if len(m.Pages) != 1 || m.Pages[0].Items.Len() != persistence.MaxPageItems {
				t.Errorf("pages %v at event %d", m.Pages, m.Seq)
			}
		}
	}
	if saves != 1 {
		t.Errorf("%d snapshots", saves)
	}
}
