package persistence

import (
	"sync/atomic"
	"time"

	"elemental/persistence/meter"
)

// Counters is what the store has done since its start, and its present state.
type Counters struct {
	Syncs, Failures uint64      // batches of the journal that became durable; writes that failed, of batches and of new segments
	Records, Bytes  uint64      // records and bytes in those batches
	Sync            meter.Times // time of a batch's write and sync together
	BatchRecords    [meter.SizeBuckets]uint64
	Snapshots       uint64 // that were written
	SnapshotBytes   uint64 // their size
	PageFiles       uint64 // that were written
	PageBytes       uint64 // their size
	WaitingRecords  int    // for the disk
	WaitingBytes    int
	Segments        int   // of the journal now
	JournalBytes    int64 // their size
	Streams         int   // that the store remembers: those in the journal or in use
	Writable        bool  // whether the last write succeeded
}

// counts are the counters of a store; nil without Config.Inspect, and all methods do nothing then.
type counts struct {
	syncs, failures, records, bytes atomic.Uint64
	sync                            meter.Histogram
	batch                           meter.Sizes
	snapshots, snapshotBytes        atomic.Uint64
	pageFiles, pageBytes            atomic.Uint64
}

func newCounts(cfg *Config) *counts {
	if !cfg.Inspect {
		return nil
	}
	return &counts{}
}

// now is the time at which the writing of a batch begins, if that is measured.
func (c *counts) now() (begun time.Time) {
	if c != nil {
		begun = time.Now()
	}
	return begun
}

// wrote counts a batch, unless it failed.
func (c *counts) wrote(b *batch, begun time.Time, err error) {
	if c == nil || err != nil {
		return
	}
	c.sync.Add(time.Since(begun))
	c.syncs.Add(1)
	c.records.Add(uint64(len(b.recs)))
	c.bytes.Add(uint64(len(b.lines)))
	c.batch.Add(len(b.recs))
}

func (c *counts) failed() {
	if c != nil {
		c.failures.Add(1)
	}
}

// snapshot counts a state file that was written.
func (c *counts) snapshot(bytes int) {
	if c != nil {
		c.snapshots.Add(1)
		c.snapshotBytes.Add(uint64(bytes))
	}
}

// page counts a page file that was written.
func (c *counts) page(bytes length) {
	if c != nil {
		c.pageFiles.Add(1)
		c.pageBytes.Add(uint64(bytes))
	}
}

// length is a writer that counts the bytes written to it.
type length uint64

func (n *length) Write(p []byte) (int, error) {
	*n += length(len(p))
	return len(p), nil
}

// Counters may be called at any time before Close. Without Config.Inspect it only returns the
// present state.
func (s *Store) Counters() Counters {
	s.mu.Lock()
	c := s.core
	all := Counters{
		WaitingRecords: c.waitingRecords, WaitingBytes: c.waitingBytes,
		Segments: len(c.segments), Streams: len(c.table), Writable: c.writable.Load(),
	}
	for _, segment := range c.segments {
		all.JournalBytes += segment.bytes
	}
	s.mu.Unlock()
	n := c.counts
	if n == nil {
		return all
	}
	all.Syncs, all.Failures = n.syncs.Load(), n.failures.Load()
	all.Records, all.Bytes = n.records.Load(), n.bytes.Load()
	all.Sync = n.sync.Times()
	all.BatchRecords, _ = n.batch.Sizes()
	all.Snapshots, all.SnapshotBytes = n.snapshots.Load(), n.snapshotBytes.Load()
	all.PageFiles, all.PageBytes = n.pageFiles.Load(), n.pageBytes.Load()
	return all
}
