package main

import "testing"

// TestWhatIsWorthReturning holds the rule to what it is for: a quiet provider
// gives back what it does not use, and nothing is tried over and over.
func TestWhatIsWorthReturning(t *testing.T) {
	const mib = 1 << 20
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
		if got := row.now.worthReturning(before, before); got != row.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
