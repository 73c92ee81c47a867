package actors

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// TestWhoComesWhileHisUserJoinsHearsTheServer: a session that subscribes by itself begins between
// the server's words to the user and to the user's sessions. One of them has to reach it.
func TestWhoComesWhileHisUserJoinsHearsTheServer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
			c.AutoSubscribe, c.Processors = true, 4
		})
		alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
		alice.ask(CreateServer{"s", ""})
		slow := &slowWord{Directory: p.node.dir, goOn: make(chan struct{})}
		p.node.dir = slow
		slow.armed.Store(true)
		bob.send(JoinServer{"s", ""})
		time.Sleep(time.Second)
		late := enter(t, p, "bob")
		close(slow.goOn)
		bob.hear()
		synctest.Wait()
		alice.ask(&Post{Server: "s", Channel: "general", Text: "x"})
		synctest.Wait()
		if len(late.out.pushes) != 1 || len(bob.out.pushes) != 1 {
			t.Errorf("who came late heard %d messages, who was there %d", len(late.out.pushes), len(bob.out.pushes))
		}
	})
}

// slowWord is a Directory that a server's word to a user needs time to pass.
type slowWord struct {
	Directory
	armed atomic.Bool
	goOn  chan struct{}
}

func (d *slowWord) Tell(ctx actor.SenderContext, msg addressed) {
	if _, is := msg.(*membershipChanged); is && d.armed.CompareAndSwap(true, false) {
		<-d.goOn
	}
	d.Directory.Tell(ctx, msg)
}
