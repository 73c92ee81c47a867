package screen

import (
	"sort"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"elemental/client"
	"elemental/cmd/etttc/commands"
)

// mostNotices is how many notices a room keeps.
const mostNotices = 500

// tone says what kind of notice it is.
type tone int

const (
	tells  tone = iota // the outcome of what the user did
	warns              // something did not work
	greets             // the provider's welcome
)

// notice is a line of this program among the messages of a room. It has a place between them and
// is not kept when the program ends.
type notice struct {
	id    int64
	after int64 // index of the message above it; -1 above the first
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

	unread    int   // messages by others that the user has not seen
	mentioned bool  // one of those messages has the user's name in it
	newFrom   int64 // index of the message below the line that marks new ones; -1 if there is no such line

	loaded  bool      // the newest messages have been loaded
	stale   bool      // the newest messages have to be asked for again: some may have been missed
	loading loading   // the page that was asked for and has not come yet
	again   time.Time // no page is asked for before this time
	epoch   int       // grows when answers under way are not wanted any more
}

// loading says which page of a room's history was asked for.
type loading int

const (
	nothing loading = iota
	newestPage
	olderPage
	newerPage
)

func newRoom(at commands.Place) *room { return &room{place: at, newFrom: -1} }

// unplaced is the place of a notice while the length of the history is not known yet: at its end.
const unplaced = int64(1) << 60

// tell adds a notice below what the room holds now.
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

// take takes in new messages and counts those that the user has not seen. Those are messages by
// others, unless the user looks at the end of this room. attending says that the terminal has the
// focus too; otherwise the line that marks new messages is set.
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

// shrink keeps only the newest part of a room that is not on the screen. If that part is not
// held, it is loaded when the user comes back.
func (r *room) shrink() {
	if r.history.current() {
		r.history.newest(keptAside, keptBytes)
	} else {
		r.history.messages, r.loaded = nil, false
	}
}

// around returns the index of the message that the user looks at.
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

// heard is called when the subscription has begun: from now on there are events. Messages that
// were posted after the newest page was read and before that are in neither, so the page is asked
// for again.
func (r *room) heard() {
	r.stale = true
	if r.loading == newestPage {
		r.loading = nothing
		r.epoch++ // the page under way may be too old
	}
}

// seen counts all messages as read.
func (r *room) seen() { r.unread, r.mentioned = 0, false }

// deleted empties the room, since its channel was deleted.
func (r *room) deleted() {
	r.history.clear()
	r.seen()
	for i := range r.notices {
		r.notices[i].after = -1
	}
	r.newFrom, r.loaded, r.loading, r.scroll = -1, false, nothing, scroll{}
	r.epoch++
}

// listed returns the notices that belong between the messages that are held.
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

// mentions reports whether the name is in the text as a word of its own, in upper or lower case.
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
	last, _ := utf8.DecodeLastRuneInString(s)
	return inWord(last)
}

func beginsWithWord(s string) bool { return strings.IndexFunc(s, inWord) == 0 }
