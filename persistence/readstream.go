package persistence

import (
	"bytes"
	"errors"
	"fmt"

	"elemental/persistence/vfs"
)

// recoverJob reads a stream: snapshot, then the journal after it.
type recoverJob struct {
	request
	of      *stream
	locs    []loc  // of the events the table has, the last one is durable
	durable uint64 // 0 when the journal tail does not know the stream
	broken  bool
	kept    []part // the journal, for when the newest snapshot is damaged
}

// part is the durable part of a segment.
type part struct {
	segment uint32
	bytes   int64
}

// recovery is its answer.
type recovery struct {
	recoverJob
	snapshot *snapshot
	events   []Event
	fallback bool  // the newest state file was no use
	problem  error // what was wrong with it; nil when it was missing
	found    []loc // of events, in a fallback
	ignored  bool  // the state file is a tombstone that does not count
	// why the state file, though good, may not survive a power cut
	unsecured error
	err       error
}

func (j recoverJob) failed(reason error) any { return recovery{recoverJob: j, err: reason} }

func (j recoverJob) do(d *disk) any {
	r := recovery{recoverJob: j}
	if j.broken {
		return j.failed(j.damage("the journal contradicts itself"))
	}
	r.snapshot, r.problem = d.readSnapshot(j.of.name, stateFile)
	if r.problem == nil && r.snapshot == nil {
		old, err := vfs.Exists(d, streamDir(j.of.name)+"/"+oldStateFile)
		if err != nil {
			return j.failed(err)
		}
		r.fallback = old
	}
	if r.problem != nil {
		if !errors.As(r.problem, new(*DamageError)) {
			return j.failed(r.problem)
		}
		r.fallback = true
	}
	if r.fallback {
		r.err = r.fallBack(d)
	} else {
		r.err = r.replay(d)
	}
	if r.err != nil {
		return j.failed(r.err)
	}
	return r
}

func (j *recoverJob) damage(problem string) error {
	return &DamageError{streamDir(j.of.name) + "/" + stateFile, 0, problem}
}

// replay reads the events after the snapshot by their places.
func (r *recovery) replay(d *disk) error {
	first := r.durable - uint64(len(r.locs)) + 1
	if r.snapshot != nil && r.snapshot.Gone && first == 1 && len(r.locs) > 0 {
		// The journal has it all. The tombstone may be of an earlier life: a
		// power cut can bring back one that was just removed.
		r.snapshot, r.ignored = nil, true
	}
	seq := uint64(0)
	if r.snapshot != nil {
		seq = r.snapshot.Seq
	}
	if seq < r.durable && first > seq+1 {
		return r.damage(fmt.Sprintf("it ends at event %d, the journal begins at %d", seq, first))
	}
	if seq > r.durable && r.durable > 0 {
		return r.damage(fmt.Sprintf("it ends at event %d, the journal at %d", seq, r.durable))
	}
	if len(r.locs) > 0 && seq >= first {
		// What is read here makes the journal's share superfluous. It may have
		// been left in memory only, by a save that failed or a process that was killed.
		r.unsecured = d.secureState(r.of.name)
	}
	if seq >= r.durable {
		return nil
	}
	events, err := d.readEvents(r.of.name, seq+1, r.locs[seq+1-first:])
	r.events = events
	return err
}

// fallBack takes the older snapshot, and the journal when it goes on from there.
func (r *recovery) fallBack(d *disk) error {
	lost := r.problem
	if lost == nil {
		lost = r.damage("it is missing")
	}
	seq := uint64(0)
	old, err := d.readSnapshot(r.of.name, oldStateFile)
	if err != nil && !errors.As(err, new(*DamageError)) {
		return err
	}
	if old != nil {
		seq = old.Seq
	}
	if err := r.scan(d, seq); err != nil {
		return err
	}
	n := len(r.events)
	if n == 0 || r.events[0].Seq != seq+1 || r.events[n-1].Seq != seq+uint64(n) || r.events[n-1].Seq < r.durable {
		return lost
	}
	r.snapshot = old
	return nil
}

// scan collects a stream's events after seq from the whole journal.
func (r *recovery) scan(d *disk, seq uint64) error {
	for _, p := range r.kept {
		err := eachEvent(d, p.segment, p.bytes, func(b body, at loc) {
			if b.stream == r.of.name && b.event.Seq > seq {
				b.event.Data = bytes.Clone(b.event.Data)
				r.events = append(r.events, b.event)
				r.found = append(r.found, at)
			}
			for _, drop := range b.drops {
				if drop == r.of.name {
					r.events, r.found = nil, nil
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

const (
	readGap   = 16 << 10 // events closer than this are read in one go
	readChunk = 1 << 20
)

// readEvents reads the events at the places, of which the first has sequence seq.
func (d *disk) readEvents(of Stream, seq uint64, locs []loc) ([]Event, error) {
	events := make([]Event, 0, len(locs))
	for len(locs) > 0 {
		n := 1
		for n < len(locs) && follows(locs[0], locs[n-1], locs[n]) {
			n++
		}
		var err error
		if events, err = d.readRun(events, of, seq, locs[:n]); err != nil {
			return nil, err
		}
		seq += uint64(n)
		locs = locs[n:]
	}
	return events, nil
}

func follows(first, last, next loc) bool {
	return next.segment == first.segment &&
		next.offset-last.offset < readGap+int64(last.size) &&
		next.offset+int64(next.size)-first.offset < readChunk
}

// readRun reads events that lie near each other, and checks each.
func (d *disk) readRun(events []Event, of Stream, seq uint64, locs []loc) ([]Event, error) {
	name := segmentFile(locs[0].segment)
	start, last := locs[0].offset, locs[len(locs)-1]
	data := make([]byte, last.offset+int64(last.size)-start)
	if err := d.readAt(name, data, start); err != nil {
		return nil, err
	}
	for i, at := range locs {
		line := data[at.offset-start:][:at.size]
		b, isEvent, problem := parseEvent(line)
		if problem == "" && (!isEvent || b.stream != of || b.event.Seq != seq+uint64(i)) {
			problem = "another event than the expected one"
		}
		if problem != "" {
			return nil, &DamageError{name, at.offset, problem}
		}
		b.event.Data = bytes.Clone(b.event.Data)
		events = append(events, b.event)
	}
	return events, nil
}

// readAt reads a part of a file.
func (d *disk) readAt(name string, data []byte, offset int64) error {
	f, err := d.Open(name)
	if err != nil {
		return err
	}
	_, err = f.ReadAt(data, offset)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("read %s at %d: %w", name, offset, err)
	}
	return nil
}
