package persistence

import "fmt"

// audit checks that what the store counts is what there is. The tests call it again and again.
func (w *world) audit() {
	w.t.Helper()
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	c := w.store.core
	if c.inHand != nil || c.panicked { // a crash has left something half done, which is put right soon
		return
	}
	for _, wrong := range append(c.auditBatches(), c.auditStreams()...) {
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
	needed, requests, dirty := map[uint32]int{}, 0, 0
	for _, e := range c.table {
		requests += len(e.queue)
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
		if s.needed < needed[s.number] { // or more, for removals that are not done
			wrong = append(wrong, fmt.Sprintf("segment %d: %d events are needed, %d are counted", s.number, needed[s.number], s.needed))
		}
		delete(needed, s.number)
	}
	if len(needed) > 0 {
		wrong = append(wrong, fmt.Sprintf("events are in segments that are gone: %v", needed))
	}
	return wrong
}
