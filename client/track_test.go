package client

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestTrackDeliversOnce gives a track pushes that are late, doubled, out of order or missing, and
// the history when it asks for it. Each message comes out once and in order, and the track never
// holds more than its limit and a page.
func TestTrackDeliversOnce(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		total := int64(random.IntN(1500))
		from := random.Int64N(total + 1)
		tr, delivered := &track{}, int64(0)
		tr.start(from, total, nil)
		for step := 0; delivered < total-from; step++ {
			if step > 100_000 {
				t.Fatalf("seed %d: stuck at %d of %d", seed, delivered, total)
			}
			switch random.IntN(6) {
			case 0, 1, 2, 3:
				if total > 0 {
					near := max(0, min(total-1, from+delivered+random.Int64N(600)-10))
					tr.push(Message{Index: near})
				}
			case 4:
				if begin, end, _, missing := tr.gap(time.Now()); missing {
					tr.fill(history(begin, min(end, begin+random.Int64N(historyPage)+1)))
				}
			case 5:
				for m, ready := tr.pop(); ready; m, ready = tr.pop() {
					if m.Index != from+delivered {
						t.Fatalf("seed %d: delivered %d where %d was due", seed, m.Index, from+delivered)
					}
					delivered++
				}
			}
			if len(tr.held) > maxHeld+historyPage {
				t.Fatalf("seed %d: %d are held", seed, len(tr.held))
			}
		}
	}
}

func history(begin, end int64) []Message {
	var page []Message
	for i := begin; i < end; i++ {
		page = append(page, Message{Index: i})
	}
	return page
}

// TestTrackIsBounded pushes more messages than a track holds; the others come from the history.
func TestTrackIsBounded(t *testing.T) {
	tr := &track{}
	tr.start(0, 0, nil)
	const amount = 5 * maxHeld
	for i := range int64(amount) {
		tr.push(Message{Index: i})
	}
	if len(tr.held) != maxHeld {
		t.Errorf("%d are held", len(tr.held))
	}
	for next := int64(0); next < amount; {
		if begin, end, _, missing := tr.gap(time.Now()); missing {
			tr.fill(history(begin, end))
		}
		m, ready := tr.pop()
		if !ready || m.Index != next {
			t.Fatalf("delivered %d (%v) where %d was due", m.Index, ready, next)
		}
		next++
	}
}
