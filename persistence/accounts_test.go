package persistence

import (
	"cmp"
	"fmt"
	"slices"
)

// audit checks that what the store counts is what there is. The tests call it again and again.
func (w *world) audit() {
	w.t.Helper()
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	c := w.store.core
	if c.inHand != nil || c.panicked { // a crash has left something half done, which is put right soon
		return
	}
	for _, wrong := range slices.Concat(c.auditBatches(), c.auditStreams(), c.auditEach(), c.auditLists()) {
		w.t.Errorf("the store counts wrongly: %s", wrong)
	}
}

func (c *core) auditBatches() (wrong []string) {
	batches := c.waiting
	if c.flying != nil {
		batches = append([]*batch{c.flying}, batches...)
	}
	pending, records, bytes := map[*stream]int{}, 0, 0
	for _, b := range batches {
		for i := range b.recs {
			if b.recs[i].of != nil {
				records++
				bytes += int(b.recs[i].body)
			}
		}
		for i := range b.acks {
			pending[b.acks[i].of]++
		}
		for _, d := range b.drops {
			pending[d.of]++
		}
	}
	if records != c.waitingRecords || bytes != c.waitingBytes {
		wrong = append(wrong, fmt.Sprintf("%d records of %d bytes wait, %d of %d are counted", records, bytes, c.waitingRecords, c.waitingBytes))
	}
	for _, e := range c.table {
		if e.pending != pending[e] {
			wrong = append(wrong, fmt.Sprintf("%s: %d batches, %d are counted", e.name, pending[e], e.pending))
		}
		delete(pending, e)
	}
	for e := range pending {
		wrong = append(wrong, fmt.Sprintf("%s is forgotten, with events on their way", e.name))
	}
	return wrong
}

func (c *core) auditStreams() (wrong []string) {
	needed, ends, busy, requests, dirty := map[uint32]int{}, map[uint32]int{}, 0, 0, 0
	for _, e := range c.table {
		requests += len(e.queue)
		for _, r := range e.queue {
			if r.remove != nil {
				ends[r.remove.segment]++
			}
		}
		for _, r := range e.undone {
			ends[r.segment]++
		}
		if e.busy {
			busy++
		}
		for _, at := range e.locs {
			needed[at.segment]++
		}
		if len(e.locs) > 0 {
			dirty++
		}
		if is := e.dirtyAt >= 0 && c.dirty[e.dirtyAt] == e; is != (len(e.locs) > 0) {
			wrong = append(wrong, fmt.Sprintf("%s: %d events in the journal, among those with some: %t", e.name, len(e.locs), is))
		}
	}
	if requests != c.requests || dirty != len(c.dirty) {
		wrong = append(wrong, fmt.Sprintf("%d requests, %d are counted; %d streams in the journal, %d are counted", requests, c.requests, dirty, len(c.dirty)))
	}
	for _, s := range c.segments {
		least := needed[s.number] + ends[s.number]
		if s.needed < least || s.needed > least+busy { // more for removals that are being done
			wrong = append(wrong, fmt.Sprintf("segment %d: %d are needed, %d are counted, %d streams are busy", s.number, least, s.needed, busy))
		}
		delete(needed, s.number)
	}
	if len(needed) > 0 {
		wrong = append(wrong, fmt.Sprintf("events are in segments that are gone: %v", needed))
	}
	return wrong
}

// auditEach checks what is known of each stream.
func (c *core) auditEach() (wrong []string) {
	batches := c.waiting
	if c.flying != nil {
		batches = append([]*batch{c.flying}, batches...)
	}
	coming := map[*stream]uint64{}
	for _, b := range batches {
		for i := range b.recs {
			coming[b.recs[i].of]++
		}
	}
	for name, e := range c.table {
		is := func(ok bool, what string, args ...any) {
			if !ok {
				wrong = append(wrong, fmt.Sprintf("%s: %s", e.name, fmt.Sprintf(what, args...)))
			}
		}
		is(name == e.name, "it is in the table as %s", name)
		is(e.next == 0 || e.epoch > 0, "no owner, but %d is its next event", e.next)
		is(e.next == 0 || e.next == e.durable+coming[e]+1, "%d durable, %d on their way, but %d is next", e.durable, coming[e], e.next)
		is(uint64(len(e.locs)) <= e.durable, "%d events in the journal, but %d is the last", len(e.locs), e.durable)
		is(!e.known || e.covered <= e.durable, "%d is saved, %d durable", e.covered, e.durable)
		is(!e.known || uint64(len(e.locs)) >= e.durable-e.covered, "%d is saved, %d durable, %d in the journal", e.covered, e.durable, len(e.locs))
		is(!e.known || e.unsure || uint64(len(e.locs)) == e.durable-e.covered, "%d is surely saved, %d durable, %d in the journal", e.covered, e.durable, len(e.locs))
		is(!e.gone || e.covered == e.durable, "it is gone with %d, %d is durable", e.covered, e.durable)
		is(len(e.locs) == 0 || e.lastIn == e.locs[len(e.locs)-1].segment, "its last segment is not %d", e.lastIn)
		is(slices.IsSortedFunc(e.locs, func(a, b loc) int {
			return cmp.Or(cmp.Compare(a.segment, b.segment), cmp.Compare(a.offset, b.offset))
		}), "its events are not in order: %v", e.locs)
		is(e.batch == nil || slices.Contains(batches, e.batch) && e.batch.acks[e.ackAt].of == e, "its batch is not on its way")
		is(len(e.undone) == 0 || slices.Contains(c.undone, e), "a removal is to be repeated, and nobody will")
		is(e.inTombs == slices.Contains(c.tombs, e), "in the list of tombstones: not %t", e.inTombs)
		is(!e.gone || e.inTombs || e.busy || len(e.queue) > 0 || len(e.undone) > 0, "nobody will remove the tombstone")
		is(e.epoch > 0 || e.refused > 0 || e.pending > 0 || e.busy || len(e.queue) > 0 || len(e.locs) > 0 || e.gone || e.broken || len(e.undone) > 0, "nothing needs it in memory")
	}
	return wrong
}

// auditLists checks what is known beside the streams.
func (c *core) auditLists() (wrong []string) {
	for e := range c.asked {
		if c.table[e.name] != e || len(e.locs) == 0 {
			wrong = append(wrong, fmt.Sprintf("%s: asked for a snapshot that nobody needs", e.name))
		}
	}
	for name, in := range c.olds {
		if in < c.segments[0].number {
			wrong = append(wrong, fmt.Sprintf("%s: the older snapshot needs segment %d", name, in))
		}
	}
	for i, s := range c.segments[1:] {
		if s.number <= c.segments[i].number {
			wrong = append(wrong, fmt.Sprintf("segment %d comes after %d", s.number, c.segments[i].number))
		}
	}
	if c.live().number > c.number || c.failure == nil == !c.writable.Load() {
		wrong = append(wrong, fmt.Sprintf("segment %d of %d, failure %v", c.live().number, c.number, c.failure))
	}
	return wrong
}
