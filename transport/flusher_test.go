package transport

import (
	"runtime"
	"testing"
	"weak"
)

// TestAnswersAreWrittenFirst: who waits for an answer is written before those who
// are pushed to, and a little before much; but nobody waits for ever.
func TestAnswersAreWrittenFirst(t *testing.T) {
	f := newFlusher()
	if got := f.next(classes); got != classes {
		t.Errorf("class %d of nothing", got)
	}
	f.turns = 0
	for how := range classes {
		f.handed[how].put(&conn{})
	}
	for first := answered; first < classes; first++ {
		for turn := range 16 {
			want := first
			switch (turn + 1) % 8 {
			case 0:
				want = much
			case 4:
				want = max(first, little)
			}
			if got := f.next(classes); got != want {
				t.Errorf("class %d at turn %d, want %d", got, turn, want)
			}
		}
		f.ahead[first] = nil // written
	}
	if got := f.next(classes); got != classes {
		t.Errorf("class %d when all is written", got)
	}
}

// TestWhatIsHandedOverKeepsItsOrder among those of its class.
func TestWhatIsHandedOverKeepsItsOrder(t *testing.T) {
	f := newFlusher()
	conns := make([]*conn, 5)
	for i := range conns {
		conns[i] = &conn{}
		f.hand(conns[i], little)
	}
	taken := f.take(classes)
	for i, want := range conns {
		if taken[i] != want {
			t.Fatalf("the one at place %d is another", i)
		}
	}
	if taken[len(conns)] != nil || !f.empty() {
		t.Error("there are more")
	}
}

// TestAConnectionKeepsNoOtherInMemory: who was written before another that has ended, with
// whatever it had not read, and says nothing since.
func TestAConnectionKeepsNoOtherInMemory(t *testing.T) {
	f := newFlusher()
	first := &conn{}
	f.hand(first, little)
	other := func() weak.Pointer[conn] {
		c := &conn{}
		f.hand(c, little)
		return weak.Make(c)
	}()
	f.take(classes)
	if runtime.GC(); other.Value() != nil {
		t.Error("it is kept")
	}
	runtime.KeepAlive(first)
}

// TestAPollerWritesWhatIsDueOnAnothersConnections: the turns it gives make answers and
// pushes for these too, and the other may sleep.
func TestAPollerWritesWhatIsDueOnAnothersConnections(t *testing.T) {
	l := &Listener{}
	for range 4 {
		l.pollers = append(l.pollers, &poller{write: l.write, flusher: newFlusher()})
	}
	for _, p := range l.pollers {
		for how := range classes {
			p.flusher.hand(&conn{}, how)
		}
	}
	for l.pollers[0].write(false) {
		t.Log("more")
	}
	for i, p := range l.pollers {
		if !p.flusher.empty() {
			t.Errorf("what is due with poller %d waits", i)
		}
	}
}
