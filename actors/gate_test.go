package actors

import (
	"testing"
	"testing/synctest"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// TestBytesUnderWayAreBounded has few requests, which are too large together: the one that is too much
// is told so, and a smaller one still has room.
func TestBytesUnderWayAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) { c.InFlightBytes = 100 })
		alice, bob, carol := enter(t, p, "alice"), enter(t, p, "bob"), enter(t, p, "carol")
		p.node.dir = nobody{}
		ask := func(g *guest, bytes int) {
			g.session.Send(&Request{Command: &Post{Server: "s", Channel: "c"}, Bytes: bytes})
			synctest.Wait()
		}
		ask(alice, 60)
		ask(bob, 41)
		if reply := bob.hear(); codeOf(reply) != Busy {
			t.Errorf("more than all may have: %v", reply)
		}
		ask(carol, 40)
		if n := p.Counters().InFlight; n != 2 {
			t.Errorf("%d requests are under way", n)
		}
		alice.session.Close()
		carol.session.Close()
	})
}
