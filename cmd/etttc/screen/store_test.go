package screen

import (
	"math/rand/v2"
	"testing"

	"elemental/client"
)

func indexes(begin, end int64) []client.Message {
	var all []client.Message
	for i := begin; i < end; i++ {
		all = append(all, client.Message{Index: i})
	}
	return all
}

// spans checks which messages are held, and that each is in its place.
func spans(t *testing.T, h *history, first, end, total int64) {
	t.Helper()
	if h.first != first && len(h.messages) > 0 || h.end() != end || h.total != total {
		t.Fatalf("holds %d to %d of %d, want %d to %d of %d", h.first, h.end(), h.total, first, end, total)
	}
	for i, m := range h.messages {
		if m.Index != h.first+int64(i) {
			t.Fatalf("message %d stands at %d", m.Index, h.first+int64(i))
		}
	}
}

func TestHistoryGrowsAtBothEnds(t *testing.T) {
	var h history
	h.merge(nil)
	spans(t, &h, 0, 0, 0)
	h.merge(indexes(100, 120))
	spans(t, &h, 100, 120, 120)
	h.merge(indexes(80, 110)) // overlaps with the beginning
	spans(t, &h, 80, 120, 120)
	h.merge(indexes(115, 125)) // overlaps with the end
	h.merge(indexes(125, 126)) // begins where the others end
	spans(t, &h, 80, 126, 126)
	h.merge(indexes(90, 100)) // held already
	h.merge(indexes(60, 130)) // from before all of it to behind it
	spans(t, &h, 60, 130, 130)
}

func TestHistoryHasNoGaps(t *testing.T) {
	var h history
	h.merge(indexes(100, 110))
	h.merge(indexes(10, 20))
	spans(t, &h, 100, 110, 110)
	h.merge(indexes(200, 210))
	spans(t, &h, 100, 110, 210)
	if h.current() {
		t.Error("the newest message is taken for held")
	}
	h.merge(indexes(110, 210))
	spans(t, &h, 100, 210, 210)
	h.clear()
	h.merge(indexes(0, 1))
	spans(t, &h, 0, 1, 1)
}

func TestHistoryIsBounded(t *testing.T) {
	for _, around := range []int64{0, 4000} {
		var h history
		h.merge(indexes(0, 4000))
		h.trim(around)
		keep := int64(mostKept - dropped)
		if around == 0 {
			spans(t, &h, 0, keep, 4000)
		} else {
			spans(t, &h, 4000-keep, 4000, 4000)
		}
	}
	var h history
	h.merge(indexes(0, 400))
	h.trim(0)
	h.newest(300, 1000)
	spans(t, &h, 100, 400, 400)
}

// Pages and events of any size and in any order are compared with a very plain model: the set of
// indexes that were seen, of which a run without gaps is held.
func TestHistoryAgainstAModel(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		var h history
		held, total := map[int64]bool{}, int64(0)
		for range 40 {
			begin := random.Int64N(200)
			end := begin + random.Int64N(30)
			touches := len(held) == 0
			for i := begin - 1; i <= end; i++ {
				touches = touches || held[i]
			}
			h.merge(indexes(begin, end))
			if end > begin {
				total = max(total, end)
			}
			for i := begin; i < end && touches; i++ {
				held[i] = true
			}
			if len(held) != len(h.messages) {
				t.Fatalf("%d messages are held, want %d", len(h.messages), len(held))
			}
			for _, m := range h.messages {
				if !held[m.Index] {
					t.Fatalf("message %d is held", m.Index)
				}
			}
			spans(t, &h, h.first, h.end(), total)
		}
	}
}
