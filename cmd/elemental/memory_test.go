package main

import (
	"regexp"
	"strconv"
	"testing"
	"time"
)

const mib = 1 << 20

// TestWhatIsWorthReturning holds the rule to what it is for: a quiet provider
// gives back what it does not use, and nothing is tried over and over.
func TestWhatIsWorthReturning(t *testing.T) {
	before := memoryUse{held: 200 * mib, live: 190 * mib, allocated: 500 * mib} // after a return that brought little
	for name, row := range map[string]struct {
		now  memoryUse
		want bool
	}{
		"nothing new":                  {before, false},
		"little to give":               {memoryUse{held: 200 * mib, live: 180 * mib, allocated: 510 * mib}, false},
		"a burst has ended":            {memoryUse{held: 300 * mib, live: 200 * mib, allocated: 510 * mib}, true},
		"in the middle of a burst":     {memoryUse{held: 300 * mib, live: 200 * mib, allocated: 900 * mib}, false},
		"what was in use is not now":   {memoryUse{held: 200 * mib, live: 70 * mib, allocated: 500 * mib}, true},
		"unused, as after that return": {memoryUse{held: 240 * mib, live: 190 * mib, allocated: 500 * mib}, false},
	} {
		r := returner{last: before, returned: before}
		if got := r.worthReturning(row.now); got != row.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestWhatWasInUseIsLookedAtAgain has much in use when garbage was collected last, of which
// nobody knows whether it still is: it is tried, soon after something was returned and more
// and more seldom where nothing is.
func TestWhatWasInUseIsLookedAtAgain(t *testing.T) {
	much := memoryUse{held: 300 * mib, live: 290 * mib, allocated: 500 * mib}
	tries := func(now memoryUse) (after []int) {
		r := returner{last: now, returned: now, patience: soon}
		for n := 1; n <= int(10*time.Minute/lookEvery); n++ {
			if r.worthReturning(now) {
				after = append(after, n)
				r.done(now, now)
			}
		}
		return after
	}
	if got := tries(much); len(got) != 7 || got[0] != soon || got[1] != soon+2*soon || got[6]-got[5] != late {
		t.Errorf("tried at the looks %v", got)
	}
	if got := tries(memoryUse{held: 100 * mib, live: ballastBytes + 10*mib, allocated: 500 * mib}); len(got) != 0 {
		t.Errorf("little is in use, and tried at the looks %v", got)
	}
	r := returner{last: much, returned: much, patience: late}
	r.done(much, memoryUse{held: 100 * mib, live: 90 * mib, allocated: 500 * mib})
	if r.patience != soon {
		t.Errorf("after a return of much the next is tried after %d looks", r.patience)
	}
}

// The operator's limit on memory is for memory, which the ballast takes none of.
func TestTheBallastIsBesideTheMemoryLimit(t *testing.T) {
	p := inspect(t, []string{"GOMEMLIMIT=100MiB"})
	_, text := p.text(t, "/metrics")
	found := regexp.MustCompile(`(?m)^go_gc_gomemlimit_bytes (.*)$`).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("no such metric:\n%.300s", text)
	}
	if limit, err := strconv.ParseFloat(found[1], 64); err != nil || limit != 100*mib+ballastBytes {
		t.Errorf("the limit is %s bytes (%v)", found[1], err)
	}
	p.Stop()
}
