package main

import (
	"math"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// ballastBytes is memory that is never touched, so it costs only addresses. The garbage
// collector counts it as in use, and lets as much garbage come together before it runs.
// Without it, a small heap would be collected after every few thousand posts, or at each
// password, and everybody would wait a little each time.
const ballastBytes = 64 << 20

// takeBallast allocates it. The runtime counts it toward GOMEMLIMIT too, by which the operator
// means memory, so that limit rises by as much.
func takeBallast() []byte {
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64-ballastBytes {
		debug.SetMemoryLimit(limit + ballastBytes)
	}
	return make([]byte, ballastBytes)
}

// The runtime keeps the memory that a burst has left until it collects garbage the next
// time, which on a quiet provider is minutes later. returnMemory gives it back to the system
// after some seconds of quiet.

// How often it looks, and how much memory is worth it.
const (
	lookEvery    = 5 * time.Second
	worthwhile   = 24 << 20
	quietMeans   = 8 // less was allocated since the last look than this part of what can be given back
	mappedMemory = "/memory/classes/total:bytes"
)

// memoryUse is what the runtime tells of its memory, in bytes.
type memoryUse struct{ held, live, allocated uint64 }

func readMemory() memoryUse {
	samples := []metrics.Sample{
		{Name: mappedMemory},
		{Name: "/memory/classes/heap/released:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/gc/heap/live:bytes"},
		{Name: "/gc/heap/allocs:bytes"},
	}
	metrics.Read(samples)
	value := func(i int) uint64 { return samples[i].Value.Uint64() }
	live := min(value(2), value(3)) // what the last collection left, or less
	return memoryUse{held: value(0) - value(1), live: live, allocated: value(4)}
}

// returnMemory gives memory back until quit is closed.
func returnMemory(quit <-chan struct{}) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	r := returner{last: readMemory()}
	for {
		select {
		case <-ticker.C:
		case <-quit:
			return
		}
		if now := readMemory(); r.worthReturning(now) {
			debug.FreeOSMemory()
			r.done(now, readMemory())
		}
	}
}

// returner knows when memory was looked at and given back.
type returner struct {
	last     memoryUse // at the last look
	returned memoryUse // after the last return
	looks    int       // since then
	patience int       // looks until the next try, although nothing tells that there is more to return
}

// The least and the greatest patience. The runtime itself collects garbage every two minutes.
const (
	soon = 2
	late = int(2 * time.Minute / lookEvery)
)

// worthReturning tells whether it is quiet (a busy provider would take the memory again at
// once) and one of these is true:
//
//   - Much memory is held that is not in use, and there may be more to return than last time,
//     because something was allocated since, or because a collection has freed much of what
//     was in use then. So a return that brings nothing is not repeated forever.
//   - Much was in use at the last collection, and that is a while ago. It may be garbage by
//     now: what clients did not read, for example, until they were cut off.
func (r *returner) worthReturning(now memoryUse) bool {
	fresh, spare := now.allocated-r.last.allocated, int64(now.held)-int64(now.live) //nolint:gosec // far below
	r.last = now
	r.looks++
	if r.looks >= max(r.patience, soon) && now.live > ballastBytes+worthwhile && fresh < worthwhile/quietMeans {
		return true
	}
	return spare > worthwhile && fresh < uint64(spare)/quietMeans &&
		(now.allocated-r.returned.allocated > worthwhile/quietMeans || now.live+worthwhile < r.returned.live)
}

// done notes a return. After one that has brought little, the next try is twice as far away.
func (r *returner) done(before, after memoryUse) {
	if before.held < after.held+worthwhile {
		r.patience = min(2*max(r.patience, soon), late)
	} else {
		r.patience = soon
	}
	r.last, r.returned, r.looks = after, after, 0
}
