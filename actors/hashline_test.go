package actors

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"testing"
)

// TestHashLineWithoutEnd: with the greatest number as its limit, there is always room.
func TestHashLineWithoutEnd(t *testing.T) {
	l := newHashLine(math.MaxInt)
	l.idle = 2 // workers that wait for a job
	for ref := range uint64(10) {
		if _, full := l.add(hashJob{work: &hashWork{Ref: ref, From: netip.MustParseAddr("10.0.0.1")}}); full {
			t.Errorf("job %d is refused", ref)
		}
	}
}

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
	for l.waiting > 0 {
		job, _ := l.next()
		served = append(served, job.work.Ref)
	}
	if got, want := fmt.Sprint(gone, served), fmt.Sprint([]uint64{4, 5, 3, 2, 21}, []uint64{0, 10, 20, 1}); got != want {
		t.Errorf("gone and served: %v, want %v", got, want)
	}
	if len(l.lines) != 0 || len(l.turns) != 0 {
		t.Errorf("left: %v %v", l.lines, slices.Clone(l.turns))
	}
}

// TestClosedHashLine gives nobody a job any more: a stop that is given up does not wait until all
// passwords of a flood are hashed.
func TestClosedHashLine(t *testing.T) {
	l := newHashLine(4)
	for ref := range uint64(3) {
		l.add(hashJob{work: &hashWork{Ref: ref}})
	}
	l.close()
	if job, ok := l.next(); ok {
		t.Errorf("job %d is given to a worker", job.work.Ref)
	}
}
