package transport_test

import (
	"testing"

	"elemental/transport/housetest"
)

// TestLookingCostsNoMemory compares what a post allocates where nobody may look, and
// where somebody may and does not: the counters and the roll are there already.
func TestLookingCostsNoMemory(t *testing.T) {
	const n = 1000
	cost := func(inspect bool) (objects float64) {
		h := housetest.New(t, housetest.Settings{Inspect: inspect})
		h.Founder()
		c := callers(h, 1)[0]
		c.often(100, aPost)
		for range 3 { // in between, a timer or the runtime may have costs that are not the provider's
			if each := counted(t, func() { c.often(n, aPost) }).objects / n; objects == 0 || each < objects {
				objects = each
			}
		}
		return objects
	}
	without, with := cost(false), cost(true)
	t.Logf("allocations of a post: %.3f, and %.3f where somebody may look", without, with)
	most := 0.3
	if raced {
		most = 1 // pools forget some
	}
	if with > without+most {
		t.Errorf("it allocates %.3f times more", with-without)
	}
}
