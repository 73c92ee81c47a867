package torture

import (
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
)

// room is a channel of a server.
type room struct{ server, channel string }

// spot is a place in a channel.
type spot struct {
	room
	index int64
}

// ledger is what the tests know of posts; it outlives the provider. Whatever
// anybody was told (an acknowledgement, a push, a page of the history) is a
// claim that a text stands at a place. Claims must never contradict each other:
// that is one text at two places (doubled) or two at one place (lost and
// overwritten, or readers that see different orders).
type ledger struct {
	t  testing.TB
	mu sync.Mutex

	sent   map[string]room // S: each text is used for one post
	at     map[spot]string
	where  map[string]spot
	bound  map[room]int64 // all below was claimed by somebody, or stands below what was
	checks map[room]int64 // how much of it was read back, in order
	last   map[string]int // by room and author, the number of the last post read back
	banned map[string]bool

	acked, pushed, read int // claims of each kind
	target              int // acknowledgements at which reached is closed
	reached             chan struct{}
}

func newLedger(t testing.TB) *ledger {
	return &ledger{
		t: t, sent: map[string]room{}, at: map[spot]string{}, where: map[string]spot{},
		bound: map[room]int64{}, checks: map[room]int64{}, last: map[string]int{},
	}
}

// postText is the text of an author's n-th post, filled up to a size.
func postText(author string, n, size int) string {
	text := fmt.Sprintf("%s/%d/", author, n)
	return text + strings.Repeat("x", max(size-len(text), 0))
}

// sending notes a text before it is sent.
func (l *ledger) sending(r room, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[text] = r
}

// acknowledged notes the answer to a post.
func (l *ledger) acknowledged(r room, text string, index int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.claim("an acknowledgement", spot{r, index}, text)
	if l.acked++; l.acked == l.target {
		close(l.reached)
	}
}

// heard notes a push.
func (l *ledger) heard(r room, text string, index int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pushed++
	l.claim("a push", spot{r, index}, text)
}

// seen notes a message of a page.
func (l *ledger) seen(r room, text string, index int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.read++
	l.claim("a page", spot{r, index}, text)
}

// claim is called with the lock held.
func (l *ledger) claim(source string, s spot, text string) {
	if first, known := l.at[s]; known && first != text {
		l.t.Errorf("%s has %.40q at %v, where %.40q was told before", source, text, s, first)
	}
	if first, known := l.where[text]; known && first != s {
		l.t.Errorf("%s has %.40q at %v, it was told at %v before", source, text, s, first)
	}
	if r, known := l.sent[text]; !known || r != s.room {
		l.t.Errorf("%s has %.40q at %v, which nobody sent there", source, text, s)
	}
	if l.banned[text] {
		l.t.Errorf("%s has %.40q at %v, which was refused", source, text, s)
	}
	l.at[s], l.where[text] = text, s
	l.bound[s.room] = max(l.bound[s.room], s.index+1)
}

// untilAcked gives a channel that is closed after so many more acknowledgements.
func (l *ledger) untilAcked(more int) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.target, l.reached = l.acked+more, make(chan struct{})
	return l.reached
}

// forbid notes texts that were refused for good.
func (l *ledger) forbid(texts map[string]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.banned = maps.Clone(texts)
}

// stands tells whether a text is known to be there.
func (l *ledger) stands(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, known := l.where[text]
	return known
}

// compare reads a room back, what is new since the last time or all of it, and
// holds it against the claims. Posts may go on meanwhile.
func (l *ledger) compare(c *talker, r room, all bool) error {
	l.mu.Lock()
	floor, begin := l.bound[r], l.checks[r]
	l.mu.Unlock()
	head, err := c.ask("getlatestmessages", "servername", r.server, "channel", r.channel, "count", 0)
	if err != nil {
		return err
	}
	if head.Amount < floor {
		l.t.Errorf("%v has %d messages, number %d was told of before", r, head.Amount, floor-1)
	}
	if all {
		begin = 0
	}
	const page = 400
	for ; begin < head.Amount; begin += page {
		end := min(begin+page, head.Amount)
		answer, err := c.ask("getmessages", "servername", r.server, "channel", r.channel, "begin", begin, "end", end)
		if err != nil {
			return err
		}
		if int64(len(answer.Messages)) != end-begin {
			l.t.Errorf("%v: %d messages for [%d,%d)", r, len(answer.Messages), begin, end)
		}
		for i, m := range answer.Messages {
			l.seen(r, m.Text, begin+int64(i))
			l.inOrder(r, m.Text, begin+int64(i))
		}
	}
	return nil
}

// inOrder holds an author's posts in a room against the order in which they
// were sent; those of a room come in the order of their indexes.
func (l *ledger) inOrder(r room, text string, index int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if index < l.checks[r] {
		return // read before
	}
	l.checks[r] = index + 1
	author, rest, _ := strings.Cut(text, "/")
	var n int
	if _, err := fmt.Sscanf(rest, "%d/", &n); err != nil {
		l.t.Errorf("%v has %.40q at %d: %v", r, text, index, err)
	}
	place := r.server + "/" + r.channel + "/" + author
	if last, any := l.last[place]; any && n <= last {
		l.t.Errorf("%v: %.40q stands after number %d of its author", r, text, last)
	}
	l.last[place] = n
}

// figures are for the log of a test.
func (l *ledger) figures() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("%d posts sent, %d acknowledgements, %d pushes, %d messages read in pages, %d different ones known",
		len(l.sent), l.acked, l.pushed, l.read, len(l.where))
}
