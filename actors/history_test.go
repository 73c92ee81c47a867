package actors

import (
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// TestAnAnswerMayBeWithoutEnd: with the greatest number as the limit of an answer, messages in
// pages are read like those in memory.
func TestAnAnswerMayBeWithoutEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const posts = 2 * persistence.PageItems
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
			c.AnswerBytes, c.Passivate = math.MaxInt, time.Minute
		})
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		text := strings.Repeat("x", 1000)
		for range posts {
			alice.send(&Post{Server: "s", Channel: "general", Text: text})
		}
		for range posts {
			alice.hear()
		}
		p.node.dir.Tell(p.node.system.Root, &saveChannel{Server: "s", Incarnation: 1})
		time.Sleep(time.Hour) // they are in pages, and the channel is not in memory
		reply := alice.ask(GetMessages{"s", "general", 0, persistence.PageItems, true, true})
		if list, _ := reply.(Messages); len(list.List) != persistence.PageItems {
			t.Errorf("%d messages, and the code %q", len(list.List), codeOf(reply))
		}
	})
}

// TestAChannelStaysWhileItsPagesAreRead: the disk takes longer than an idle channel stays in memory.
func TestAChannelStaysWhileItsPagesAreRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const posts = 2 * persistence.PageItems
		var slow atomic.Bool
		files, goOn := &vfstest.Faulty{FS: vfstest.NewMem()}, make(chan struct{})
		files.Before = func(op vfstest.Op, name string) {
			if op == vfstest.OpRead && strings.Contains(name, "/pages.d/") && slow.Load() {
				<-goOn
			}
		}
		p := startNode(t, persistence.Config{FS: files}, func(c *Config) { c.Passivate = 4 * time.Second })
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		for range posts {
			alice.ask(&Post{Server: "s", Channel: "general", Text: "x"})
		}
		p.node.dir.Tell(p.node.system.Root, &saveChannel{Server: "s", Incarnation: 1})
		time.Sleep(time.Minute) // they are in pages, and the channel is not in memory
		slow.Store(true)
		alice.send(GetMessages{"s", "general", 0, 1, true, true})
		time.Sleep(8 * time.Second)
		close(goOn)
		if list, _ := alice.hear().(Messages); len(list.List) != 1 {
			t.Errorf("%d messages", len(list.List))
		}
	})
}

// TestAReadOfPagesTellsNothingThatIsRefused asks for messages of which the older are read from
// pages, slowly, and the newest is on its way to a disk that then refuses it.
func TestAReadOfPagesTellsNothingThatIsRefused(t *testing.T) {
	for name, full := range map[string]bool{"by a failing disk": false, "for want of room, behind it": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) { refuseWhileReading(t, full) })
		})
	}
}

func refuseWhileReading(t *testing.T, full bool) {
	const posts = 3 * persistence.PageItems
	var slow, sick atomic.Bool
	goOn, synced := make(chan struct{}), make(chan struct{})
	files := &vfstest.Faulty{FS: vfstest.NewMem()}
	files.Before = func(op vfstest.Op, name string) {
		switch {
		case op == vfstest.OpRead && strings.Contains(name, "/pages.d/") && slow.Load():
			<-goOn
		case op == vfstest.OpSync && strings.HasPrefix(name, "journal/") && sick.Load():
			<-synced
		}
	}
	files.FailAt = func(op vfstest.Op, name string) error {
		if op == vfstest.OpSync && strings.HasPrefix(name, "journal/") && sick.Load() {
			return syscall.EIO
		}
		return nil
	}
	p := startNode(t, persistence.Config{FS: files, MaxWaitingRecords: 1}, nil)
	alice, bob, carol := enter(t, p, "alice"), enter(t, p, "alice"), enter(t, p, "alice")
	alice.ask(CreateServer{"s", ""})
	for i := range posts {
		alice.ask(&Post{Server: "s", Channel: "general", Text: fmt.Sprint(i)})
	}
	p.node.dir.Tell(p.node.system.Root, &saveChannel{Server: "s", Incarnation: 1})
	synctest.Wait()
	slow.Store(true)
	sick.Store(true)
	alice.send(&Post{Server: "s", Channel: "general", Text: "refused"})
	synctest.Wait()
	bob.send(GetMessages{"s", "general", 0, posts + 1, true, true})
	synctest.Wait()
	if full {
		if reply := carol.ask(&Post{Server: "s", Channel: "general", Text: "too many"}); reply != (Refused{Code: Busy}) {
			t.Fatalf("post: %v", reply)
		}
	}
	close(synced)
	if reply := alice.hear(); codeOf(reply) != StorageDown && !full || codeOf(reply) == "" {
		t.Fatalf("post: %v", reply)
	}
	synctest.Wait()
	sick.Store(false)
	slow.Store(false)
	close(goOn)
	if reply, ok := bob.hear().(Messages); ok {
		t.Errorf("read %d messages, the last is %q", len(reply.List), reply.List[len(reply.List)-1].Text)
	}
	time.Sleep(time.Second)
	if reply := bob.ask(CountMessages{"s", "general"}); reply != (Amount{posts}) {
		t.Errorf("there are %v", reply)
	}
}

// TestAnotherReadsMessagesAnswerNothing has old messages read for somebody who asks before a
// crash, and others asked for after it: the answer to the first comes to the restarted actor.
func TestAnotherReadsMessagesAnswerNothing(t *testing.T) {
	const posts = 3 * persistence.PageItems
	var armed, slow atomic.Bool
	saved, reading, goOn := make(chan struct{}), make(chan struct{}, 9), make(chan struct{})
	files := &vfstest.Faulty{FS: vfstest.NewMem()}
	files.Before = func(op vfstest.Op, name string) {
		if op == vfstest.OpRead && strings.Contains(name, "/pages.d/") && slow.Load() {
			reading <- struct{}{}
			<-goOn
		}
	}
	p := startNode(t, persistence.Config{FS: files}, func(c *Config) {
		c.FaultAfter = func(kind Kind, msg any) {
			if _, is := msg.(*persistence.SnapshotSaved); is && kind == KindChannel {
				close(saved)
			}
		}
		c.Fault = crashes[*countMessages](KindChannel, once(&armed))
	})
	alice, bob, carol := enter(t, p, "alice"), enter(t, p, "alice"), enter(t, p, "alice")
	alice.ask(CreateServer{"s", ""})
	for i := range posts {
		alice.send(&Post{Server: "s", Channel: "general", Text: fmt.Sprint(i)})
	}
	for range posts {
		alice.hear()
	}
	p.node.dir.Tell(p.node.system.Root, &saveChannel{Server: "s", Incarnation: 1})
	await(t, saved)
	slow.Store(true)
	bob.send(GetMessages{"s", "general", 0, 1, true, true})
	<-reading
	armed.Store(true)
	alice.ask(CountMessages{"s", "general"})
	bob.hear()
	carol.send(GetMessages{"s", "general", 5, 7, true, true})
	<-reading
	slow.Store(false)
	close(goOn)
	reply, _ := carol.hear().(Messages)
	if len(reply.List) != 2 || reply.List[0].Text != "5" {
		t.Errorf("messages 5 and 6 are %v", reply.List)
	}
}

func TestTrimmedHistoryServesTheRest(t *testing.T) {
	h := newHistory()
	const total = 3*persistence.PageItems + 7
	for i := range total {
		e := h.next(&post{Post: &Post{Text: fmt.Sprint(i)}}, 0)
		h.apply(e)
	}
	if got := h.fullPages(); got != 3*persistence.PageItems {
		t.Fatalf("%d messages fill pages", got)
	}
	before := h.run(total-3, total)
	h.trim(h.paged + h.fullPages())
	after := h.run(total-3, total)
	if fmt.Sprint(before) != fmt.Sprint(after) || len(after) != 3 || after[0].Text != fmt.Sprint(total-3) {
		t.Errorf("the newest were %v and are %v", before, after)
	}
	if h.base != 2*persistence.PageItems || h.fullPages() != 0 {
		t.Errorf("memory begins at %d, %d more for pages", h.base, h.fullPages())
	}
	if got := h.run(0, 10); len(got) != 0 {
		t.Errorf("paged messages are served from memory: %v", got)
	}
}

func TestASnapshotRestoresTheHistory(t *testing.T) {
	restoreHistory(t, 20)
	restoreHistory(t, 0) // the time of the last message, at least, has to be known
}

// restoreHistory has a full page and some more messages.
func restoreHistory(t *testing.T, more int) {
	t.Helper()
	c := &channel{history: newHistory()}
	for i := range persistence.PageItems + more {
		e := c.history.next(&post{Author: "alice", Post: &Post{Text: "m", Nonce: fmt.Sprint(i % 30)}}, int64(1000+i))
		c.history.apply(e)
	}
	save := &persistence.SaveSnapshot{}
	c.snapshot(save)
	if len(save.Pages) != 1 || save.Pages[0].Items.Len() != persistence.PageItems {
		t.Fatalf("%d pages", len(save.Pages))
	}
	restored := &channel{history: newHistory()}
	if err := restored.restore(save.State); err != nil {
		t.Fatal(err)
	}
	a, b := &c.history, &restored.history
	if a.total != b.total || a.last != b.last || fmt.Sprint(a.nonces) != fmt.Sprint(b.nonces) {
		t.Errorf("restored %d messages, last at %d, %d nonces", b.total, b.last, len(b.nonces))
	}
	if fmt.Sprint(a.run(persistence.PageItems, a.total)) != fmt.Sprint(b.run(persistence.PageItems, b.total)) {
		t.Error("the messages differ")
	}
}
