package transport

import (
	"net/netip"
	"testing"
	"testing/synctest"
)

// TestTurnsAreInOrder lets many wait: they pass in the order in which they came.
func TestTurnsAreInOrder(t *testing.T) { synctest.Test(t, turnsInOrder) }

func turnsInOrder(t *testing.T) {
	s := &turnstile{open: func(under int) bool { return under < 2 }}
	here := netip.MustParseAddr("192.0.2.1")
	s.enter(1, here)
	s.enter(1, here)
	passed := make(chan int, 10)
	for i := range 10 {
		go func() {
			s.enter(1, here)
			passed <- i
		}()
		synctest.Wait()
	}
	if s.try(1) {
		t.Error("somebody passed before those who wait")
	}
	for i := range 10 {
		s.leave(1)
		synctest.Wait()
		if got := <-passed; got != i {
			t.Errorf("%d passed, %d was before", got, i)
		}
		if s.under != 2 {
			t.Errorf("%d have their turn", s.under)
		}
	}
	s.look(true)
	for range 5 {
		s.enter(1, here) // nobody waits at the end
	}
}

// TestAddressesTakeTurns lets a crowd wait, and later others at two addresses. Each of them waits
// for one of the crowd, and for the others' one.
func TestAddressesTakeTurns(t *testing.T) { synctest.Test(t, addressesTakeTurns) }

func addressesTakeTurns(t *testing.T) {
	s := &turnstile{open: func(under int) bool { return under < 1 }}
	s.enter(1, netip.Addr{})
	passed := make(chan string, 10)
	for _, who := range []string{"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1", "2001:db8::", "192.0.2.2", "192.0.2.2"} {
		go func() {
			s.enter(1, netip.MustParseAddr(who))
			passed <- who
		}()
		synctest.Wait()
	}
	for _, who := range []string{"192.0.2.1", "2001:db8::", "192.0.2.2", "192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.1"} {
		s.leave(1)
		if got := <-passed; got != who {
			t.Errorf("it is the turn of %s, want %s", got, who)
		}
	}
	if s.wanted() {
		t.Error("somebody waits")
	}
}
