package main

import (
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// ballastBytes is memory that is never touched, so it costs only addresses. The garbage
// collector counts it as in use, and lets as much garbage come together before it runs.
// Without it, a small heap would be collected after every few thousand posts, or at each
// password, and everybody would wait a little each time.
const ballastBytes = 64 << 20

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
	last := readMemory()
	returned := memoryUse{} // as it was after the last return
	for {
		select {
		case <-ticker.C:
		case <-quit:
			return
		}
		now := readMemory()
		if now.worthReturning(last, returned) {
			debug.FreeOSMemory()
			now = readMemory()
			returned = now
		}
		last = now
	}
}

// worthReturning tells whether all of this is true:
//
//   - Much memory is held that is not in use.
//   - It is quiet. A busy provider would take the memory again at once.
//   - There may be more to return than last time, because something was allocated since, or
//     because a collection has freed much of what was in use then. So a return that brings
//     nothing is not repeated forever.
func (m memoryUse) worthReturning(last, returned memoryUse) bool {
	spare := int64(m.held) - int64(m.live) //nolint:gosec // far below
	return spare > worthwhile && m.allocated-last.allocated < uint64(spare)/quietMeans &&
		(m.allocated-returned.allocated > worthwhile/quietMeans || m.live+worthwhile < returned.live)
}
