package inspector

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
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
	var dialed []net.Conn
	for range 3 {
		conn, err := net.Dial("tcp", socket.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		dialed = append(dialed, conn)
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
	if err := dialed[0].SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := dialed[0].Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the first one's connection is not closed: %v", err)
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

// An address that has its share makes room itself, although there is room, and others have
// waited longer. If all that it has is let in, it gets no more.
func TestAnAddressHasItsShare(t *testing.T) {
	one, two := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
	long := time.Now().Add(-time.Minute)
	in, idle, other := &guest{from: one, since: long, let: true}, &guest{TCPConn: new(net.TCPConn), from: one, since: long.Add(time.Second)}, &guest{from: two, since: long}
	b := &bounded{most: 10, share: 2, guests: []*guest{in, idle, other}}
	next := &guest{from: one}
	if wait, admitted := b.tryAdmit(next); wait > 0 || !admitted || !slices.Equal(b.guests, []*guest{in, other, next}) {
		t.Errorf("admitted %v after %v, beside %v", admitted, wait, b.guests)
	}
	next.let = true
	if _, admitted := b.tryAdmit(&guest{from: one}); admitted {
		t.Error("it gets more than its share")
	}
	if _, admitted := b.tryAdmit(&guest{from: two}); !admitted {
		t.Error("another address gets none")
	}
}
