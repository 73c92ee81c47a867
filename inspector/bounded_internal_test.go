package inspector

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

// A connection that has just come gets its moment before the next one can push it out.
func TestWhoHasJustComeHasAMoment(t *testing.T) {
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &bounded{Listener: socket, most: 1, share: 1}
	defer func() { _ = b.Close() }()
	var guests []*guest
	for range 3 {
		conn, err := net.Dial("tcp", socket.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
	}
	for range 3 {
		conn, err := b.Accept()
		if err != nil {
			t.Fatal(err)
		}
		guests = append(guests, conn.(*guest))
	}
	for i, g := range guests[1:] {
		if stayed := g.since.Sub(guests[i].since); stayed < moment {
			t.Errorf("one was put out after %v", stayed)
		}
	}
	_ = guests[2].Close()
	if len(b.guests) != 0 {
		t.Errorf("%d are still counted", len(b.guests))
	}
}

// The connection that has waited longest without being let in makes room. If the new
// one's address has its share already, it is one of the same address.
func TestWhoMakesRoom(t *testing.T) {
	one, two := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
	now := time.Now()
	ago := func(minutes int) time.Time { return now.Add(-time.Duration(minutes) * time.Minute) }
	b := &bounded{guests: []*guest{
		{from: one, since: ago(9), let: true}, {from: one, since: ago(2)}, {from: two, since: ago(5)}, {from: one, since: ago(3)},
	}}
	if g := b.longest(func(*guest) bool { return true }); g != b.guests[2] {
		t.Errorf("of all it is %v", g)
	}
	if g := b.longest(func(g *guest) bool { return g.from == one }); g != b.guests[3] {
		t.Errorf("of the first address it is %v", g)
	}
	b.guests[1].let, b.guests[3].let = true, true
	if g := b.longest(func(g *guest) bool { return g.from == one }); g != nil {
		t.Errorf("of those that were let in it is %v", g)
	}
}
