package screen

import (
	"sort"

	"elemental/client"
)

// kind says what an item of a flow is.
type kind int

const (
	headItem    kind = iota // the line above the first message that is loaded
	messageItem             // named by its index
	noticeItem              // named by its id
	pendingItem             // named by its id
)

// anchor names an item, so that it is found again after others were added or dropped.
type anchor struct {
	kind kind
	id   int64
}

// scroll is the part of a room that the user looks at: its end, also when new messages come, or a
// fixed place.
type scroll struct {
	held   bool
	bottom anchor // if held: the lowest item on the screen
	below  int    // if held: how many of that item's lines are below the screen
	seen   int64  // if held: how many messages there were when the user scrolled up
}

// flow is a room from top to bottom as a list of items: the head, the messages and notices in the
// order of time, and what is about to be posted. Only the items that are on the screen are
// wrapped into lines, so the cost does not grow with the history.
type flow struct {
	room    *room
	notices []notice
	pending []pending
	ink     ink
}

// spot is a place in a flow: an item, and how many of its lines are below the place.
type spot struct{ item, below int }

func (m *model) flow(width int) flow {
	r := m.here()
	return flow{room: r, notices: r.listed(), pending: m.pendingIn(r.place), ink: m.ink(r, width)}
}

func (f flow) messages() []client.Message { return f.room.history.messages }

func (f flow) last() int { return len(f.messages()) + len(f.notices) + len(f.pending) }

// end returns the spot at the end of the flow.
func (f flow) end() spot { return spot{f.last(), 0} }

// before returns how many of the loaded messages are above a notice.
func (f flow) before(n notice) int {
	h := &f.room.history
	return int(min(max(n.after+1-h.first, 0), int64(len(h.messages))))
}

// at returns the kind of item k, and its number among the items of that kind.
func (f flow) at(k int) (kind, int) {
	if k == 0 {
		return headItem, 0
	}
	k--
	if past := k - len(f.messages()) - len(f.notices); past >= 0 {
		return pendingItem, past
	}
	j := sort.Search(len(f.notices), func(j int) bool { return f.before(f.notices[j])+j >= k })
	if j < len(f.notices) && f.before(f.notices[j])+j == k {
		return noticeItem, j
	}
	return messageItem, k - j
}

func (f flow) anchor(k int) anchor {
	switch kind, i := f.at(k); kind {
	case messageItem:
		return anchor{kind, f.messages()[i].Index}
	case noticeItem:
		return anchor{kind, f.notices[i].id}
	case pendingItem:
		return anchor{kind, f.pending[i].id}
	default:
		return anchor{}
	}
}

// find returns the number of the item that an anchor names. If that is gone, it returns the item
// in its place now.
func (f flow) find(a anchor) int {
	switch a.kind {
	case messageItem:
		i := int(min(max(a.id-f.room.history.first, 0), int64(len(f.messages()))))
		earlier := sort.Search(len(f.notices), func(j int) bool { return f.before(f.notices[j]) > i })
		return min(1+i+earlier, f.last())
	case noticeItem:
		j := sort.Search(len(f.notices), func(j int) bool { return f.notices[j].id >= a.id })
		if j == len(f.notices) {
			return f.last()
		}
		return 1 + f.before(f.notices[j]) + j
	case pendingItem:
		return f.last()
	default:
		return 0
	}
}

// lines returns item k as it is drawn, in at least one line.
func (f flow) lines(k int) []string {
	switch kind, i := f.at(k); kind {
	case messageItem:
		return f.ink.message(f.messages(), i)
	case noticeItem:
		return f.ink.notice(f.notices[i])
	case pendingItem:
		return f.ink.pending(f.pending[i])
	default:
		return f.ink.head(f.room)
	}
}

// up and down move a spot by lines, but not beyond the ends of the flow.
func (f flow) up(s spot, by int) spot {
	for ; by > 0; by-- {
		if s.below++; s.below >= len(f.lines(s.item)) {
			if s.item == 0 {
				return spot{0, 0}
			}
			s = spot{s.item - 1, 0}
		}
	}
	return s
}

func (f flow) down(s spot, by int) spot {
	for ; by > 0; by-- {
		if s.below > 0 {
			s.below--
		} else if s.item < f.last() {
			s = spot{s.item + 1, len(f.lines(s.item+1)) - 1}
		} else {
			return s
		}
	}
	return s
}

// above returns the lines that end at a spot, up to height of them, and the number of the item
// that the first line belongs to.
func (f flow) above(s spot, height int) (lines []string, top int) {
	var upward [][]string
	taken := 0
	for k := s.item; k >= 0 && taken < height; k-- {
		block := f.lines(k)
		if k == s.item {
			block = block[:max(len(block)-s.below, 0)]
		}
		block = block[max(len(block)-(height-taken), 0):]
		upward, taken, top = append(upward, block), taken+len(block), k
	}
	for i := len(upward) - 1; i >= 0; i-- {
		lines = append(lines, upward[i]...)
	}
	return lines, top
}

// spot returns the place that the user looks at, moved so that the screen is as full as possible.
func (f flow) spot(s scroll, height int) spot {
	if !s.held {
		return f.end()
	}
	at := spot{f.find(s.bottom), 0}
	at.below = min(s.below, len(f.lines(at.item))-1)
	if lines, _ := f.above(at, height); len(lines) < height {
		at = f.down(at, height-len(lines))
	}
	return at
}

// hold returns the scroll with which the user looks at a spot. was is the scroll before.
func (f flow) hold(at spot, was scroll) scroll {
	if at == f.end() && f.room.history.current() {
		return scroll{}
	}
	now := scroll{held: true, bottom: f.anchor(at.item), below: at.below, seen: was.seen}
	if !was.held {
		now.seen = f.room.history.total
	}
	return now
}
