package screen

import (
	"sort"
	"strings"
	"time"
	"unicode"

	"elemental/client"
	"elemental/cmd/etttc/commands"
)

// mostNotices bounds the notices of a room.
const mostNotices = 500

// tone is how a notice is meant.
type tone int

const (
	tells  tone = iota // the outcome of what the user did
	warns              // something did not work
	greets             // the provider's welcome
)

// notice is a line of ours among the messages of a room: it has a place in
// time, and is gone with the program.
type notice struct {
	id    int64
	after int64 // the index of the message before it; -1 before the first
	at    time.Time
	tone  tone
	text  string // safe to show
}

// room is a channel as the user sees it, or the place outside of all channels.
type room struct {
	place   commands.Place
	history history
	notices []notice // sorted by after, and so by id
	scroll  scroll

	unread    int   // messages not seen yet
	mentioned bool  // one of them names the user
	newFrom   int64 // the unread line stands before this message; -1 nowhere

	loaded  bool      // the newest messages were asked for and came
	stale   bool      // they have to be asked for again: some may have been missed
	loading loading   // the page that is being asked for
	again   time.Time // not to be asked again before
	epoch   int       // changes when answers under way are not wanted any more
}

// loading is which page of a room's history is on its way.
type loading int

const (
	nothing loading = iota
	newestPage
	olderPage
	newerPage
)

func newRoom(at commands.Place) *room { return &room{place: at, newFrom: -1} }

// unplaced is the place of a notice at the end of a history that is not known yet.
const unplaced = int64(1) << 60

// tell adds a notice at the end of what is there now.
func (r *room) tell(n notice) {
	n.after = unplaced
	if r.loaded {
		n.after = r.history.total - 1
	}
	r.notices = append(r.notices, n)
	if len(r.notices) > mostNotices {
		r.notices = r.notices[1:]
	}
}

// take brings events of this room in, and counts what the user has not seen:
// everything by others, unless they are looking.
func (r *room) take(posted []client.Message, me string, looking, attending bool) {
	r.history.merge(posted)
	for _, m := range posted {
		if m.Author == me {
			continue
		}
		if !attending && r.newFrom < 0 {
			r.newFrom = m.Index
		}
		if !looking {
			r.unread++
			r.mentioned = r.mentioned || mentions(m.Text, me)
		}
	}
}

// shrink keeps the newest part of a room that is not on the screen; where that
// is not held, it is loaded when the user comes.
func (r *room) shrink() {
	if r.history.current() {
		r.history.newest(keptAside, keptBytes)
	} else {
		r.history.messages, r.loaded = nil, false
	}
}

// around is the index that the user looks at.
func (r *room) around() int64 {
	if r.scroll.held && r.scroll.bottom.kind == messageItem {
		return r.scroll.bottom.id
	}
	return r.history.end()
}

// load takes in a page of the history.
func (r *room) load(which loading, page client.Page) {
	r.history.merge(page.Messages)
	r.history.total = max(r.history.total, page.Total)
	if which != newestPage {
		return
	}
	r.loaded, r.stale = true, false
	for i := range r.notices {
		r.notices[i].after = min(r.notices[i].after, r.history.total-1)
	}
}

// heard: from now on there are events. What was posted between the newest page
// and them is in neither.
func (r *room) heard() {
	r.stale = true
	if r.loading == newestPage {
		r.loading = nothing
		r.epoch++ // the answer under way may be too old
	}
}

// seen counts everything as read.
func (r *room) seen() { r.unread, r.mentioned = 0, false }

// deleted empties the room, since its channel is gone.
func (r *room) deleted() {
	r.history.clear()
	r.seen()
	for i := range r.notices {
		r.notices[i].after = -1
	}
	r.newFrom, r.loaded, r.loading, r.scroll = -1, false, nothing, scroll{}
	r.epoch++
}

// listed are the notices whose neighbours are held in memory.
func (r *room) listed() []notice {
	from := 0
	if r.history.first > 0 && len(r.history.messages) > 0 {
		from = sort.Search(len(r.notices), func(i int) bool { return r.notices[i].after >= r.history.first-1 })
	}
	to := len(r.notices)
	if !r.history.current() {
		to = sort.Search(len(r.notices), func(i int) bool { return r.notices[i].after >= r.history.end() })
	}
	return r.notices[from:max(from, to)]
}

// mentions reports whether text holds the name as a word of its own, in any case.
func mentions(text, name string) bool {
	if name == "" {
		return false
	}
	text, name = strings.ToLower(text), strings.ToLower(name)
	for at := 0; ; {
		found := strings.Index(text[at:], name)
		if found < 0 {
			return false
		}
		start, end := at+found, at+found+len(name)
		if !endsInWord(text[:start]) && !beginsWithWord(text[end:]) {
			return true
		}
		at = end
	}
}

func inWord(r rune) bool { return unicode.In(r, unicode.L, unicode.M, unicode.N) || r == '_' }

func endsInWord(s string) bool {
	return s != "" && strings.LastIndexFunc(s, inWord) == len(s)-lastSize(s)
}

func beginsWithWord(s string) bool { return strings.IndexFunc(s, inWord) == 0 }

func lastSize(s string) int {
	last := 0
	for i := range s {
		last = i
	}
	return len(s) - last
}
