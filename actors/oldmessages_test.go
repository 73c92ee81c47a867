package actors

import (
	"math"
	"strings"
	"sync/atomic"
	"testing"
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
