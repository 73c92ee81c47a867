package actors

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
)

// TestHashLineIsFair fills the line from one address and then asks from others:
// they find room, and are served in turn.
func TestHashLineIsFair(t *testing.T) {
	l := newHashLine(4)
	from := func(address string, ref uint64) hashJob {
		return hashJob{work: &hashWork{Ref: ref, From: netip.MustParseAddr(address)}}
	}
	var gone []uint64
	add := func(address string, ref uint64) {
		if job, full := l.add(from(address, ref)); full {
			gone = append(gone, job.work.Ref)
		}
	}
	for ref := range uint64(6) {
		add("10.0.0.1", ref) // 4 and 5 are refused
	}
	add("10.0.0.2", 10)   // 3 gives way
	add("2001:db8::", 20) // 2 gives way
	add("2001:db8::", 21) // the same as before: no line is so much longer that it should give way
	var served []uint64
	l.close()
	for job, ok := l.next(); ok; job, ok = l.next() {
		served = append(served, job.work.Ref)
	}
	if got, want := fmt.Sprint(gone, served), fmt.Sprint([]uint64{4, 5, 3, 2, 21}, []uint64{0, 10, 20, 1}); got != want {
		t.Errorf("gone and served: %v, want %v", got, want)
	}
	if len(l.lines) != 0 || len(l.turns) != 0 {
		t.Errorf("left: %v %v", l.lines, slices.Clone(l.turns))
	}
}
