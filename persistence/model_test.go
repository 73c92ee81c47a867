package persistence

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// model drives a store as its owners would, and knows what must come back:
// K ⊆ R ⊆ S for each stream, in order, with the very data that was sent.
type model struct {
	w       *world
	rng     *rand.Rand
	serial  int // makes each event's data its own
	streams []*owned
	parent  *owned
}

// owned is one stream as its owner sees it.
type owned struct {
	name      Stream
	epoch     uint64
	events    []string // data of all that was sent and may be on disk
	committed int
	paged     int    // how many of them a saved snapshot left to pages
	saving    bool   // one snapshot at a time
	pageTry   int    // paged, when it is saved
	droppedBy uint64 // the parent's event that ends it, 0 for none
	dropData  string // and its data: a rejected event's place is taken by another
	lost      bool   // rejected; to be recovered
}

// state is what the snapshots of the model hold.
type state struct {
	Paged int      `json:"paged"`
	Rest  []string `json:"rest"`
}

func newModel(seed uint64) *model {
	m := &model{rng: rand.New(rand.NewPCG(seed, 1))}
	m.parent = &owned{name: StreamOf("servers", "parent")}
	m.streams = []*owned{m.parent, {name: StreamOf("users", "Alice")}, {name: StreamOf("servers", "parent", "a", "1")}}
	return m
}

// enter recovers all streams in a new world and checks them.
func (m *model) enter(w *world) {
	m.w = w
	w.t.Helper()
	for _, s := range slices.Clone(m.streams) {
		s.saving, s.lost = false, false
		m.resume(s)
	}
}

// resume recovers a stream, checks it, and takes what is there as the truth.
func (m *model) resume(s *owned) {
	m.w.t.Helper()
	r := m.ask(s)
	if s.droppedBy > 0 && m.dropHappened(s) {
		if r.Seq != 0 {
			m.w.t.Fatalf("%s is back with %d events after its end", s.name, r.Seq)
		}
		m.streams = slices.DeleteFunc(m.streams, func(o *owned) bool { return o == s })
		return
	}
	got := m.contents(s, r)
	if len(got) < s.committed || len(got) > len(s.events) || !slices.Equal(got, s.events[:len(got)]) {
		m.w.t.Fatalf("%s: %d events came back, %d were committed, %d sent\n%.300q\n%.300q", s.name, len(got), s.committed, len(s.events), got, s.events)
	}
	s.events, s.committed, s.epoch = s.events[:len(got):len(got)], len(got), r.Epoch
	s.lost, s.saving = false, false
}

// dropHappened tells whether the event that ends the stream came back. The
// parent is resumed before all others.
func (m *model) dropHappened(s *owned) bool {
	return s.droppedBy <= uint64(m.parent.committed) && m.parent.events[s.droppedBy-1] == s.dropData
}

func (m *model) ask(s *owned) *Recovered {
	m.w.t.Helper()
	m.w.tell(&Recover{Stream: s.name, ReplyTo: m.w.owner})
	for {
		msg := hear[any](m.w)
		if r, ok := msg.(*Recovered); ok && r.Stream == s.name {
			if r.Err != nil {
				m.w.t.Fatalf("recover %s: %v", s.name, r.Err)
			}
			return r
		}
		m.heard(msg)
	}
}

// contents reads all events of a stream out of snapshot, pages and journal.
func (m *model) contents(s *owned, r *Recovered) []string {
	m.w.t.Helper()
	var st state
	if r.Snapshot != nil {
		if err := json.Unmarshal(r.Snapshot, &st); err != nil {
			m.w.t.Fatal(err)
		}
	}
	var got []string
	for len(got) < st.Paged {
		from := uint64(len(got))
		m.w.tell(&ReadItems{Stream: s.name, From: from, To: from + PageItems, Ref: from, ReplyTo: m.w.owner})
		for {
			msg := hear[any](m.w)
			if items, ok := msg.(*ItemsRead); ok {
				if items.Err != nil {
					m.w.t.Fatalf("items of %s: %v", s.name, items.Err)
				}
				for _, item := range items.Items {
					got = append(got, strings.Trim(string(item), `"`))
				}
				break
			}
			m.heard(msg)
		}
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
	return got
}

// heard takes an answer in.
func (m *model) heard(msg any) {
	switch a := msg.(type) {
	case *Committed:
		if s := m.find(a.Stream); s != nil && s.epoch == a.Epoch {
			s.committed = max(s.committed, int(a.Seq))
		}
	case *Rejected:
		if s := m.find(a.Stream); s != nil && s.epoch == a.Epoch {
			s.lost = true
		}
	case *SnapshotSaved:
		if s := m.find(a.Stream); s != nil {
			if s.saving = false; a.Err == nil {
				s.paged = max(s.paged, s.pageTry)
			}
		}
	case *SnapshotWanted:
		if s := m.find(a.Stream); s != nil {
			m.save(s)
		}
	}
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

// step does one thing.
func (m *model) step() {
	m.hearAll()
	s := m.streams[m.rng.IntN(len(m.streams))]
	switch {
	case s.droppedBy > 0:
	case s.lost:
		m.resume(s)
	default:
		switch dice := m.rng.IntN(100); {
		case dice < 70:
			m.post(s, 1+m.rng.IntN(4))
		case dice < 74:
			m.post(s, 300)
		case dice < 88:
			m.save(s)
		case dice < 92 && s != m.parent && !m.parent.lost:
			m.drop(s)
		default:
			m.settle(s)
		}
	}
}

func (m *model) post(s *owned, n int, drops ...Stream) {
	for range n {
		m.serial++
		data := fmt.Sprintf("%d-%s", m.serial, strings.Repeat("x", m.rng.IntN(30)))
		s.events = append(s.events, data)
		m.w.tell(&Append{Stream: s.name, Epoch: s.epoch, Event: event(uint64(len(s.events)), `"`+data+`"`), Drops: drops, ReplyTo: m.w.owner})
	}
}

// drop ends a stream and begins its next incarnation.
func (m *model) drop(s *owned) {
	m.post(m.parent, 1, s.name)
	s.droppedBy = uint64(len(m.parent.events))
	s.dropData = m.parent.events[s.droppedBy-1]
	parts := s.name.Parts()
	next := &owned{name: StreamOf(append(parts[:len(parts)-1:len(parts)-1], fmt.Sprintf("i%d", m.serial))...)}
	m.streams = append(m.streams, next)
	m.resume(next)
}

// save hands over a snapshot of what is committed.
func (m *model) save(s *owned) {
	if s.saving || s.lost || s.committed == 0 || s.droppedBy > 0 {
		return
	}
	s.saving = true
	full := s.committed / PageItems * PageItems
	save := &SaveSnapshot{Stream: s.name, Seq: uint64(s.committed), ReplyTo: m.w.owner}
	for first := s.paged; first < full; first += PageItems {
		p := Page{First: uint64(first)}
		for _, data := range s.events[first : first+PageItems] {
			p.Items = append(p.Items, []byte(`"`+data+`"`))
		}
		save.Pages = append(save.Pages, p)
	}
	s.pageTry = full
	data, err := json.Marshal(state{full, s.events[full:s.committed]})
	if err != nil {
		m.w.t.Fatal(err)
	}
	save.State = data
	m.w.tell(save)
}

// settle waits until all of a stream is committed or rejected.
func (m *model) settle(s *owned) {
	for s.committed < len(s.events) && !s.lost {
		m.heard(hear[any](m.w))
	}
}

// heal waits until every stream can be written again.
func (m *model) heal() {
	m.w.t.Helper()
	deadline := time.Now().Add(patience)
	for _, s := range slices.Clone(m.streams) {
		for done := false; !done; {
			if time.Now().After(deadline) {
				m.w.t.Fatalf("%s cannot be written any more", s.name)
			}
			time.Sleep(time.Millisecond) // in a synctest bubble: no real time passes
			done = m.tryWrite(s)
		}
	}
}

// tryWrite tells whether an event of the stream became durable.
func (m *model) tryWrite(s *owned) bool {
	m.hearAll()
	if s.lost {
		m.resume(s)
	}
	if s.droppedBy > 0 {
		return true
	}
	if !m.w.store.Writable() {
		return false
	}
	m.post(s, 1)
	m.settle(s)
	return !s.lost
}
