package persistence

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"elemental/persistence/vfs/vfstest"
)

// model drives a store as its owners would, and knows what must come back:
// K ⊆ R ⊆ S for each stream, in order, with the very data that was sent.
type model struct {
	w       *world
	disk    *vfstest.Faulty
	limit   time.Duration // of each wait for an answer; 0 for patience alone
	rng     *rand.Rand
	serial  int // makes each event's data its own
	streams []*owned
	parent  *owned
	mortal  *owned // is ended and made again under its name, as a server is
	child   *owned // of mortal: named by the event that made it, as a channel is
	told    tally
	refused error // why an event was refused the last time
}

// owned is one stream as its owner sees it.
type owned struct {
	name      Stream
	epoch     uint64
	events    []string // data of all that was sent and may be on disk
	committed int
	paged     int      // how many of them a saved snapshot left to pages
	saving    bool     // one snapshot at a time
	saveTry   uint64   // its sequence
	pageTry   int      // paged, when it is saved
	savedAt   uint64   // sequence of the last snapshot that was acknowledged
	parent    *owned   // whose event ends it
	droppedBy uint64   // that event, 0 for none
	dropData  string   // and its data: a rejected event's place is taken by another
	lost      bool     // to be recovered
	resting   bool     // its owner has left
	goneAt    int      // a tombstone of so many events may be there, or be gone again with them
	past      []string // events of the life before
}

// tally counts what was put to the test.
type tally struct {
	cuts, kills, beforeSync, killThenCut, closes  int
	acked, saved, checkedEvents, checkedSnapshots int
	pages, large, ended, relived                  int
}

func (n tally) log(t *testing.T) {
	t.Helper()
	t.Logf("%d power cuts (%d after a kill and new acknowledgements), %d kills (%d before a sync), %d clean ends",
		n.cuts, n.killThenCut, n.kills, n.beforeSync, n.closes)
	t.Logf("%d events and %d snapshots acknowledged; %d events and %d snapshots looked for after a restart; %d pages read, %d large ones written, %d streams ended, %d names used again from the start",
		n.acked, n.saved, n.checkedEvents, n.checkedSnapshots, n.pages, n.large, n.ended, n.relived)
}

// state is what the snapshots of the model hold.
type state struct {
	Paged int      `json:"paged"`
	Rest  []string `json:"rest"`
}

func newModel(seed uint64) *model {
	m := &model{rng: rand.New(rand.NewPCG(seed, 1))}
	m.parent = &owned{name: StreamOf("servers", "parent")}
	m.mortal = &owned{name: StreamOf("servers", "mortal")}
	m.streams = []*owned{
		m.parent, m.mortal, {name: StreamOf("users", "Alice")},
		{name: StreamOf("servers", "parent", "a", "1"), parent: m.parent},
	}
	return m
}

// enter recovers all streams in a new world and checks them. It gives up when
// the process is killed meanwhile.
func (m *model) enter(w *world) bool {
	m.w = w
	w.t.Helper()
	for _, s := range slices.Clone(m.streams) {
		s.saving = false
		m.told.checkedEvents += s.committed
		if s.savedAt > 0 {
			m.told.checkedSnapshots++
		}
		for !m.resume(s) {
			if m.killed() {
				return false
			}
			time.Sleep(time.Millisecond) // of a bubble, where reads fail
		}
	}
	return true
}

func (m *model) killed() bool { return m.disk != nil && m.disk.Killed() }

// resume recovers a stream, checks it, and takes what is there as the truth.
func (m *model) resume(s *owned) bool {
	m.w.t.Helper()
	s.lost, s.resting = true, false
	r, ok := m.ask(s)
	if !ok {
		return false
	}
	if s.droppedBy > 0 && m.dropHappened(s) {
		m.mustBeGone(s, r)
		return true
	}
	s.droppedBy = 0
	got, ok := m.contents(s, r)
	if !ok {
		return false
	}
	m.judge(s, r, got)
	s.events, s.committed, s.epoch = s.events[:len(got):len(got)], len(got), r.Epoch
	s.lost, s.saving = false, false
	return true
}

// judge is the oracle.
func (m *model) judge(s *owned, r *Recovered, got []string) {
	m.w.t.Helper()
	switch base := r.Seq - uint64(len(r.Events)); {
	case len(got) == 0 && s.goneAt > 0 && s.committed <= s.goneAt: // its tombstone went with the journal
		s.past, s.events, s.committed, s.paged, s.savedAt, s.goneAt = s.events[:s.goneAt], nil, 0, 0, 0, 0
		m.told.relived++
	case s.committed == 0 && len(got) > 0 && slices.Equal(got, s.past): // a power cut brought it back
		s.events, s.goneAt = s.past, len(s.past)
	case len(got) < s.committed || len(got) > len(s.events) || !slices.Equal(got, s.events[:len(got)]):
		m.w.t.Fatalf("%s: %d events came back, %d were committed, %d sent\n%.300q\n%.300q", s.name, len(got), s.committed, len(s.events), got, s.events)
	case base < s.savedAt && s.goneAt == 0: // a tombstone does not count while the journal has it all
		m.w.t.Fatalf("%s: a snapshot at %d was acknowledged, the one at %d came back", s.name, s.savedAt, base)
	}
}

// dropHappened tells whether the event that ends the stream came back. The
// parent is resumed before its children.
func (m *model) dropHappened(s *owned) bool {
	return s.droppedBy <= uint64(s.parent.committed) && s.parent.events[s.droppedBy-1] == s.dropData
}

// mustBeGone checks that nothing is left of a dropped stream, and forgets it.
func (m *model) mustBeGone(s *owned, r *Recovered) {
	m.w.t.Helper()
	if r.Seq != 0 {
		m.w.t.Fatalf("%s is back with %d events after its end", s.name, r.Seq)
	}
	m.told.ended++
	m.streams = slices.DeleteFunc(m.streams, func(o *owned) bool { return o == s })
	if m.child == s {
		m.child = nil
	}
}

// ask recovers a stream. That may fail only when the process was killed, a
// read failed meanwhile, or a dropped stream's files could not be removed.
func (m *model) ask(s *owned) (*Recovered, bool) {
	m.w.t.Helper()
	m.w.audit()
	before := m.failedReads()
	m.w.tell(&Recover{Stream: s.name, ReplyTo: m.w.owner})
	for {
		msg := m.hear()
		r, ok := msg.(*Recovered)
		if !ok || r.Stream != s.name {
			m.heard(msg)
			continue
		}
		leftOver := s.droppedBy > 0 && errors.Is(r.Err, ErrUnavailable) && m.disk != nil && m.disk.Hits() > 0
		if r.Err != nil && !m.killed() && !leftOver && m.failedReads() == before {
			m.w.t.Fatalf("recover %s: %v", s.name, r.Err)
		}
		return r, r.Err == nil
	}
}

// failedReads counts the reads that failed; a failed change is no excuse for one.
func (m *model) failedReads() int {
	if m.disk == nil || m.disk.Of&vfstest.Reads == 0 {
		return 0
	}
	return m.disk.Hits()
}

// hear waits for the next answer, no longer than the limit.
func (m *model) hear() any {
	m.w.t.Helper()
	start := time.Now()
	msg := hear[any](m.w)
	if waited := time.Since(start); m.limit > 0 && waited > m.limit {
		m.w.t.Fatalf("%T came after %v", msg, waited)
	}
	return msg
}

// contents reads all events of a stream out of snapshot, pages and journal.
func (m *model) contents(s *owned, r *Recovered) ([]string, bool) {
	m.w.t.Helper()
	var st state
	if r.Snapshot != nil {
		if err := json.Unmarshal(r.Snapshot, &st); err != nil {
			m.w.t.Fatal(err)
		}
	}
	var got []string
	for len(got) < st.Paged {
		items, ok := m.page(s, uint64(len(got)))
		if !ok {
			return nil, false
		}
		got = append(got, items...)
	}
	got = append(got, st.Rest...)
	if uint64(len(got)) != r.Seq-uint64(len(r.Events)) {
		m.w.t.Fatalf("%s: snapshot of %d events at %d", s.name, len(got), r.Seq-uint64(len(r.Events)))
	}
	for i, e := range r.Events {
		if e.Seq != uint64(len(got))+1 {
			m.w.t.Fatalf("%s: event %d at place %d of %d", s.name, e.Seq, i, len(r.Events))
		}
		got = append(got, strings.Trim(string(e.Data), `"`))
	}
	s.paged = st.Paged
	return got, true
}

// page reads a page's items.
func (m *model) page(s *owned, from uint64) ([]string, bool) {
	m.w.t.Helper()
	before := m.failedReads()
	m.w.tell(&ReadItems{Stream: s.name, From: from, To: from + PageItems, Ref: from, ReplyTo: m.w.owner})
	for {
		msg := m.hear()
		items, ok := msg.(*ItemsRead)
		if !ok {
			m.heard(msg)
			continue
		}
		if items.Err != nil && !m.killed() && m.failedReads() == before {
			m.w.t.Fatalf("items of %s: %v", s.name, items.Err)
		}
		var got []string
		for _, item := range items.Items {
			got = append(got, strings.Trim(string(item), `"`))
		}
		m.told.pages++
		return got, items.Err == nil
	}
}

// heard takes an answer in.
func (m *model) heard(msg any) {
	switch a := msg.(type) {
	case *Committed:
		m.onCommitted(a)
	case *Rejected:
		m.refused = a.Err
		if s := m.find(a.Stream); s != nil && s.epoch == a.Epoch {
			s.lost = true
		}
	case *SnapshotSaved:
		if s := m.find(a.Stream); s != nil && a.Seq == s.saveTry {
			if s.saving = false; a.Err == nil {
				s.paged, s.savedAt = max(s.paged, s.pageTry), max(s.savedAt, a.Seq)
				m.told.saved++
			}
		}
	case *SnapshotWanted:
		if s := m.find(a.Stream); s != nil {
			m.save(s)
		}
	}
}

func (m *model) onCommitted(a *Committed) {
	m.w.t.Helper()
	s := m.find(a.Stream)
	if s == nil || s.epoch != a.Epoch {
		return
	}
	if a.Seq > uint64(len(s.events)) {
		m.w.t.Fatalf("%s: event %d was committed, %d were sent", s.name, a.Seq, len(s.events))
	}
	m.told.acked += max(0, int(a.Seq)-s.committed)
	s.committed = max(s.committed, int(a.Seq))
}

func (m *model) find(name Stream) *owned {
	for _, s := range m.streams {
		if s.name == name {
			return s
		}
	}
	return nil
}

// hearAll takes in what came already.
func (m *model) hearAll() {
	for {
		select {
		case msg := <-m.w.heard:
			m.heard(msg)
		default:
			return
		}
	}
}
