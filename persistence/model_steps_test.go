package persistence

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// This file is what the model does in its life: posts, drops, saves, and the end of it.

// step does one thing.
func (m *model) step() {
	m.hearAll()
	s := m.streams[m.rng.IntN(len(m.streams))]
	switch {
	case s.droppedBy > 0:
	case s.resting && m.rng.IntN(4) > 0:
		m.w.tell(&checkpointDue{})
	case s.lost:
		m.resume(s)
	case s == m.mortal && m.rng.IntN(3) > 0:
		m.live()
	default:
		switch dice := m.rng.IntN(100); {
		case dice < 68:
			m.post(s, 1+m.rng.IntN(4), "post")
		case dice < 73:
			m.post(s, 300, "post")
		case dice < 74:
			m.post(s, 1500, "post")
		case dice < 87:
			m.save(s)
		case dice < 91 && s.parent == m.parent && !m.parent.lost:
			m.drop(s)
			m.next(s)
		default:
			m.settle(s)
		}
	}
}

func (m *model) post(s *owned, n int, word string, drops ...Stream) {
	for range n {
		m.serial++
		data := fmt.Sprintf("%d-%s-%s", m.serial, word, strings.Repeat("x", m.rng.IntN(30)))
		s.events = append(s.events, data)
		m.w.tell(&Append{Stream: s.name, Epoch: s.epoch, Event: event(uint64(len(s.events)), `"`+data+`"`), Drops: drops, ReplyTo: m.w.owner})
	}
}

// drop ends a stream.
func (m *model) drop(s *owned) {
	m.post(s.parent, 1, "end", s.name)
	s.droppedBy = uint64(len(s.parent.events))
	s.dropData = s.parent.events[s.droppedBy-1]
}

// next begins a stream that follows a dropped one.
func (m *model) next(s *owned) {
	parts := s.name.Parts()
	m.begin(&owned{name: StreamOf(append(parts[:len(parts)-1:len(parts)-1], fmt.Sprintf("i%d", m.serial))...), parent: m.parent})
}

func (m *model) begin(s *owned) {
	m.streams = append(m.streams, s)
	m.resume(s)
}

// live does what happens to a server: it is made with its first channel, it is
// deleted with it, a tombstone is saved, the journal goes on, and the name is
// used again, with the old event numbers and so the old names of channels.
func (m *model) live() {
	s := m.mortal
	m.settle(s)
	switch dice := m.rng.IntN(10); {
	case s.lost:
	case m.child != nil && m.child.droppedBy > 0: // its end was refused, or its files are still there
		m.resume(m.child)
	case m.child != nil && dice < 5:
		m.end()
	case m.child != nil:
		m.post(s, 1, "post")
	case !s.gone() || dice < 2:
		m.found()
	case s.goneAt < s.committed || s.savedAt < uint64(s.committed):
		m.save(s)
	case dice < 8: // only without an owner a tombstone goes
		m.w.tell(&Release{Stream: s.name, Epoch: s.epoch})
		s.resting, s.lost = true, true
	default:
		m.w.tell(&checkpointDue{})
	}
}

// gone tells whether the last event is the end.
func (s *owned) gone() bool {
	return s.committed > 0 && strings.Contains(s.events[s.committed-1], "-end-")
}

func (m *model) found() {
	s := m.mortal
	m.post(s, 1, "made")
	if m.settle(s); s.lost {
		return
	}
	m.child = &owned{name: StreamOf("servers", "mortal", "channels", "c", fmt.Sprint(s.committed)), parent: s}
	m.begin(m.child)
}

func (m *model) end() {
	child := m.child
	m.drop(child)
	if m.settle(m.mortal); m.mortal.lost {
		return
	}
	m.resume(child)
}

// save hands over a snapshot of what is committed.
func (m *model) save(s *owned) {
	if s.saving || s.lost || s.committed == 0 || s.droppedBy > 0 {
		return
	}
	s.saving = true
	full := s.committed / PageItems * PageItems
	gone := s == m.mortal && s.gone()
	if gone { // a removal takes the pages first, so a tombstone may not need any
		full = 0
	}
	save := &SaveSnapshot{Stream: s.name, Epoch: s.epoch, Seq: uint64(s.committed), ReplyTo: m.w.owner}
	for first := s.paged; first < full; {
		count := full - first // in few files, or in many
		if m.rng.IntN(3) == 0 {
			count = PageItems
		}
		if count > PageItems {
			m.told.large++
		}
		events := s.events[first : first+count]
		items := several{count, func(i int) string { return `"` + events[i] + `"` }}
		save.Pages = append(save.Pages, Page{First: uint64(first), Items: items})
		first += count
	}
	s.pageTry, s.saveTry = full, save.Seq
	if gone {
		save.Gone = true
		s.goneAt = s.committed
	}
	data, err := json.Marshal(state{full, s.events[full:s.committed]})
	if err != nil {
		m.w.t.Fatal(err)
	}
	save.State = data
	m.w.tell(save)
}

// settle waits until all of a stream is committed or rejected.
func (m *model) settle(s *owned) {
	m.w.t.Helper()
	for s.committed < len(s.events) && !s.lost {
		m.heard(m.hear())
	}
}

// settleAll waits until every event is answered.
func (m *model) settleAll() {
	m.w.t.Helper()
	for _, s := range m.streams {
		m.settle(s)
	}
}

// heal waits until every stream can be written again: no later than a second
// after the fault is over, which may begin meanwhile.
func (m *model) heal(over func() time.Time) {
	m.w.t.Helper()
	start := time.Now()
	for _, s := range slices.Clone(m.streams) {
		for !m.tryWrite(s) {
			if now := time.Now(); now.Sub(start) > time.Second && now.Sub(over()) > time.Second {
				m.w.t.Fatalf("%s cannot be written: writable %v, %v", s.name, m.w.store.Writable(), m.refused)
			}
			time.Sleep(time.Millisecond) // in a synctest bubble: no real time passes
		}
	}
}

// tryWrite tells whether an event of the stream became durable.
func (m *model) tryWrite(s *owned) bool {
	m.hearAll()
	if s.droppedBy > 0 && !s.lost {
		return true
	}
	if s.lost && !m.resume(s) {
		return false
	}
	if !m.w.store.Writable() {
		return false
	}
	if m.find(s.name) != s { // it had ended
		return true
	}
	m.post(s, 1, "post")
	m.settle(s)
	return !s.lost
}
