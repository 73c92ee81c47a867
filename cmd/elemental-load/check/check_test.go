package check_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"elemental/cmd/elemental-load/check"
)

// desk is a book with one channel. The test plays the provider: it says what the history
// has.
type desk struct {
	t    *testing.T
	book *check.Book
	c    *check.Channel
}

func newDesk(t *testing.T) *desk {
	b := check.New("load-abc", 0)
	return &desk{t, b, b.Channel("gophers", "general")}
}

// post makes the next message of a lane.
func (d *desk) post(l *check.Lane) (check.Stamp, string) {
	s := l.Next(3*time.Millisecond, 4*time.Millisecond)
	return s, string(d.book.AppendText(nil, s, 120))
}

// posts makes messages that are acknowledged at the indexes from first on.
func (d *desk) posts(l *check.Lane, first int64, n int) (texts []string) {
	for i := range n {
		s, text := d.post(l)
		l.Acknowledged(s.Number, first+int64(i))
		texts = append(texts, text)
	}
	return texts
}

// history lets the book judge a history of these texts.
func (d *desk) history(texts ...string) {
	d.c.Settle(int64(len(texts)))
	h := d.c.History()
	for _, text := range texts {
		h.Read(-1, []byte(text))
	}
	h.Finish()
}

// want expects these violations and no others, such as "lost II" for two lost messages.
func (d *desk) want(violations ...string) {
	d.t.Helper()
	var got []string
	for _, r := range d.book.Reports() {
		got = append(got, string(r.Kind)+" "+strings.Repeat("I", int(r.Count)))
		if len(r.Examples) == 0 || !strings.Contains(r.Examples[0], "gophers/general") {
			d.t.Errorf("the examples do not say where: %q", r.Examples)
		}
	}
	if strings.Join(got, ", ") != strings.Join(violations, ", ") {
		d.t.Errorf("found %q, wanted %q", got, violations)
	}
}

// says expects a report with this example.
func (d *desk) says(example string) {
	d.t.Helper()
	reports := d.book.Reports()
	for _, r := range reports {
		if slices.Contains(r.Examples, example) {
			return
		}
	}
	d.t.Errorf("%q is not in %+v", example, reports)
}

func TestAllIsWell(t *testing.T) {
	d := newDesk(t)
	a, b := d.c.Lane(), d.c.Lane()
	one, two := d.posts(a, 0, 2), d.posts(b, 2, 2)
	s := d.c.Stream(b)
	s.Begin(0)
	for i, text := range one {
		if stamp, ok := s.Pushed(int64(i), []byte(text)); !ok || stamp.Sent != 4*time.Millisecond || stamp.Due != 3*time.Millisecond {
			t.Errorf("%+v %v", stamp, ok)
		}
	}
	s.Own(2)
	s.Own(3)
	d.history(append(one, two...)...)
	d.want()
	if got := d.book.Counts(); got != (check.Counts{Acknowledged: 4, Found: 4, Pushes: 2, Streams: 1}) {
		t.Errorf("%+v", got)
	}
}

func TestLost(t *testing.T) {
	d := newDesk(t)
	texts := d.posts(d.c.Lane(), 0, 4)
	d.history(texts[0], texts[1], texts[3])
	d.want("lost I", "misplaced II") // the messages after the lost one are at other indexes than they were told
}

func TestLastLost(t *testing.T) {
	d := newDesk(t)
	texts := d.posts(d.c.Lane(), 0, 4)
	d.history(texts[:2]...)
	d.want("lost II")
}

// TestLostWithoutIndex: losses are found even if the provider tells no indexes.
func TestLostWithoutIndex(t *testing.T) {
	d := newDesk(t)
	l := d.c.Lane()
	var texts []string
	for range 4 {
		s, text := d.post(l)
		l.Acknowledged(s.Number, -1)
		texts = append(texts, text)
	}
	d.history(texts[0], texts[2], texts[3])
	d.want("lost I")
}

func TestDoubled(t *testing.T) {
	d := newDesk(t)
	l := d.c.Lane()
	s, text := d.post(l)
	l.Acknowledged(s.Number, -1)
	d.history(text, text)
	d.want("doubled I")
}

func TestReordered(t *testing.T) {
	d := newDesk(t)
	l := d.c.Lane()
	a, one := d.post(l)
	b, two := d.post(l)
	l.Acknowledged(a.Number, -1)
	l.Acknowledged(b.Number, -1)
	d.history(two, one)
	d.want("reordered I")
}

func TestSameIndexTwice(t *testing.T) {
	d := newDesk(t)
	l := d.c.Lane()
	a, _ := d.post(l)
	b, _ := d.post(l)
	l.Acknowledged(a.Number, 0)
	l.Acknowledged(b.Number, 0)
	d.want("misplaced I")
}

// TestWithoutAnAnswer: a message without an answer may be in the history or not. A
// refused one must not be there.
func TestWithoutAnAnswer(t *testing.T) {
	d := newDesk(t)
	l := d.c.Lane()
	a, one := d.post(l)
	b, _ := d.post(l)
	c, three := d.post(l)
	l.Unsure(a.Number)
	l.Unsure(b.Number)
	l.Refused(c.Number)
	d.history(one, three)
	d.want("refused-done I")
}

func TestForeign(t *testing.T) {
	d := newDesk(t)
	l := d.c.Lane()
	text := d.posts(l, 0, 1)[0]
	unsent := string(d.book.AppendText(nil, check.Stamp{Lane: l.ID, Number: 7}, 120))
	other := strings.Replace(text, "load-abc", "load-xyz", 1)
	odd := strings.Replace(text, " 3000 ", " 30x0 ", 1)
	d.history(text, unsent, text[:len(text)-1], text+"x", other, odd, "hello", "")
	d.want("foreign IIIIIII")
}

// TestAnotherProcess: posts of another process of the run are not judged here.
func TestAnotherProcess(t *testing.T) {
	d := newDesk(t)
	other := check.New("load-abc", 1).Channel("gophers", "general").Lane()
	text := string(d.book.AppendText(nil, other.Next(0, 0), 120))
	d.history(append(d.posts(d.c.Lane(), 0, 1), text)...)
	d.want()
}

func TestPushLost(t *testing.T) {
	d := newDesk(t)
	texts := d.posts(d.c.Lane(), 0, 5)
	s := d.c.Stream(nil)
	s.Begin(1)
	s.Pushed(2, []byte(texts[2]))
	if behind := d.c.Behind(5); behind != 3 {
		t.Errorf("%d behind", behind)
	}
	d.history(texts...)
	d.want("push-lost III") // those at 1, 3 and 4
}

// TestPushAfterTheEnd: when a stream has ended, no more pushes are due, except those that
// a later push had passed over.
func TestPushAfterTheEnd(t *testing.T) {
	d := newDesk(t)
	texts := d.posts(d.c.Lane(), 0, 5)
	s := d.c.Stream(nil)
	s.Begin(0)
	s.Pushed(0, []byte(texts[0]))
	s.Pushed(2, []byte(texts[2]))
	s.Stop()
	if behind := d.c.Behind(5); behind != 0 {
		t.Errorf("%d behind", behind)
	}
	d.history(texts...)
	d.want("push-lost I")
}

func TestPushDoubled(t *testing.T) {
	d := newDesk(t)
	texts := d.posts(d.c.Lane(), 0, 2)
	s := d.c.Stream(nil)
	s.Begin(0)
	for _, i := range []int64{0, 1, 1, 0} {
		s.Pushed(i, []byte(texts[i]))
	}
	d.want("push-doubled II")
}

func TestPushReordered(t *testing.T) {
	d := newDesk(t)
	texts := d.posts(d.c.Lane(), 0, 3)
	s := d.c.Stream(nil)
	s.Begin(0)
	for _, i := range []int64{0, 2, 1} {
		s.Pushed(i, []byte(texts[i]))
	}
	d.history(texts...)
	d.want("push-reordered I")
}

// TestOwnAnswerFirst: the answer to an own post may come before the push of a message
// with a lower index.
func TestOwnAnswerFirst(t *testing.T) {
	d := newDesk(t)
	other, own := d.c.Lane(), d.c.Lane()
	texts := append(d.posts(other, 0, 1), d.posts(own, 1, 1)...)
	texts = append(texts, d.posts(other, 2, 1)...)
	s := d.c.Stream(own)
	s.Begin(0)
	s.Own(1)
	s.Pushed(0, []byte(texts[0]))
	s.Pushed(2, []byte(texts[2]))
	d.history(texts...)
	d.want()
}

// TestCutBehindOwnAnswer: a push that was on its way when the connection ended is not
// due, even if the answer to a later, own post has come.
func TestCutBehindOwnAnswer(t *testing.T) {
	d := newDesk(t)
	other, own := d.c.Lane(), d.c.Lane()
	texts := append(d.posts(other, 0, 1), d.posts(own, 1, 1)...)
	s := d.c.Stream(own)
	s.Begin(0)
	s.Own(1)
	s.Stop()
	d.history(texts...)
	d.want()
}

// TestOwnWithoutAnswer: an own post is not pushed, even if its answer was lost.
func TestOwnWithoutAnswer(t *testing.T) {
	d := newDesk(t)
	own := d.c.Lane()
	a, text := d.post(own)
	own.Unsure(a.Number)
	s := d.c.Stream(own)
	s.Begin(0)
	d.history(text)
	d.want()
}

// TestPushBeforeAnswer: a push may come before the answer to the subscription.
func TestPushBeforeAnswer(t *testing.T) {
	d := newDesk(t)
	texts := d.posts(d.c.Lane(), 0, 3)
	s := d.c.Stream(nil)
	s.Pushed(1, []byte(texts[1]))
	s.Begin(1)
	s.Pushed(2, []byte(texts[2]))
	d.history(texts...)
	d.want()
}

// TestManyPushesBeforeAnswer: pushes before the answer to the subscription count as
// received, however many there are.
func TestManyPushesBeforeAnswer(t *testing.T) {
	d := newDesk(t)
	const many = 1<<16 + 3
	texts := d.posts(d.c.Lane(), 0, many)
	s := d.c.Stream(nil)
	for i, text := range texts {
		s.Pushed(int64(i), []byte(text))
	}
	s.Begin(many - 2)
	d.history(texts...)
	d.want()
}

// TestOddPushesBeforeAnswer: pushes before the answer are judged when the answer has
// come.
func TestOddPushesBeforeAnswer(t *testing.T) {
	d := newDesk(t)
	texts := d.posts(d.c.Lane(), 0, 7)
	s := d.c.Stream(nil)
	for _, i := range []int64{0, 0, 1, 3, 2, 3, 5} {
		s.Pushed(i, []byte(texts[i]))
	}
	s.Begin(2)
	s.Pushed(6, []byte(texts[6]))
	d.history(texts...)
	d.want("push-lost I", "push-doubled I", "push-reordered I") // 4 is lost, 3 is doubled, 2 comes after 3
}

// TestPushOfOwn: a connection must not get pushes of its own posts, neither before it
// knows their index nor afterwards. Such a push does not make others count as lost or
// doubled.
func TestPushOfOwn(t *testing.T) {
	d := newDesk(t)
	other, own := d.c.Lane(), d.c.Lane()
	texts := append(d.posts(own, 0, 2), d.posts(other, 2, 1)...)
	s := d.c.Stream(own)
	s.Begin(0)
	s.Pushed(0, []byte(texts[0]))
	s.Own(0)
	s.Own(1)
	s.Pushed(1, []byte(texts[1]))
	s.Pushed(2, []byte(texts[2]))
	d.history(texts...)
	d.want("push-own II")
}

// TestReadersDisagree: the message that was pushed with an index and the one that was
// read there must be the same.
func TestReadersDisagree(t *testing.T) {
	d := newDesk(t)
	l := d.c.Lane()
	_, one := d.post(l)
	_, two := d.post(l)
	s := d.c.Stream(nil)
	s.Begin(0)
	s.Pushed(0, []byte(one))
	d.c.Saw(0, []byte(two))
	d.want("misplaced I")
	d.says("gophers/general at 0: post 0 of lane 1, and post 1 of lane 1 (read)")
}

// TestNonsenseIndex: an index that is far too large takes no memory.
func TestNonsenseIndex(t *testing.T) {
	d := newDesk(t)
	l := d.c.Lane()
	a, text := d.post(l)
	l.Acknowledged(a.Number, 1<<60)
	s := d.c.Stream(nil)
	s.Begin(0)
	s.Pushed(1<<60, []byte(text))
	d.want("misplaced III")
	d.says("gophers/general: a push tells index 1152921504606846976 where 0 was due")
}

// TestPushedThenLost: a pushed message was on disk, so it must be in the history,
// whatever its sender was told.
func TestPushedThenLost(t *testing.T) {
	d := newDesk(t)
	l := d.c.Lane()
	texts := d.posts(l, 0, 1)
	a, two := d.post(l)
	s := d.c.Stream(nil)
	s.Begin(0)
	s.Pushed(0, []byte(texts[0]))
	s.Pushed(1, []byte(two))
	l.Unsure(a.Number)
	s.Stop()
	d.history(texts[0])
	d.want("lost I")
}

// TestLastPushesLost: the last pushes of a run are due as well.
func TestLastPushesLost(t *testing.T) {
	d := newDesk(t)
	texts := d.posts(d.c.Lane(), 0, 3)
	s := d.c.Stream(nil)
	s.Begin(0)
	s.Pushed(0, []byte(texts[0]))
	d.c.Settle(3)
	s.Stop()
	d.history(texts...)
	d.want("push-lost II")
}

// TestPushOfAnotherChannel: a push of a text that was posted in another channel is
// foreign.
func TestPushOfAnotherChannel(t *testing.T) {
	d := newDesk(t)
	other := d.book.Channel("gophers", "other").Lane()
	_, text := d.post(other)
	s := d.c.Stream(nil)
	s.Begin(0)
	s.Pushed(0, []byte(text))
	d.history()
	d.want("lost I", "foreign I")
}

// TestPushBelowTheSubscription: a push that was on its way when the subscription began is
// not due. If it comes, it does no harm.
func TestPushBelowTheSubscription(t *testing.T) {
	d := newDesk(t)
	texts := d.posts(d.c.Lane(), 0, 2)
	s := d.c.Stream(nil)
	s.Begin(1)
	s.Pushed(0, []byte(texts[0])) // was on its way when the subscription began
	s.Pushed(1, []byte(texts[1]))
	d.history(texts...)
	d.want()
}

// TestUnread: if the history is not read, a missing push that may be an own post without
// an answer is not reported as lost.
func TestUnread(t *testing.T) {
	d := newDesk(t)
	own, other := d.c.Lane(), d.c.Lane()
	a, _ := d.post(own)
	own.Unsure(a.Number)
	d.posts(other, 1, 2)
	s := d.c.Stream(own)
	s.Begin(0)
	d.c.Settle(3)
	d.c.FinishUnread()
	d.want("push-lost II")
}

// TestCountedTooFew: a count must not be lower than what was acknowledged before it was asked.
func TestCountedTooFew(t *testing.T) {
	d := newDesk(t)
	d.posts(d.c.Lane(), 0, 3)
	known := d.c.Known()
	d.posts(d.c.Lane(), 3, 1)
	d.c.Counted(known, 3) // the fourth was posted after Known
	d.want()
	d.c.Counted(d.c.Known(), 3)
	d.want("lost I")
}

// TestShort: an answer with fewer messages than there are is a loss.
func TestShort(t *testing.T) {
	d := newDesk(t)
	d.c.Short(0, 5, 3)
	d.want("lost I")
	d.says("gophers/general: 3 messages were answered for 0 up to 5")
}

// TestHistoryOfAnotherChannel: in a history, a text that was posted in another channel is
// foreign, and a wrong index is reported.
func TestHistoryOfAnotherChannel(t *testing.T) {
	d := newDesk(t)
	_, text := d.post(d.book.Channel("gophers", "other").Lane())
	mine := d.posts(d.c.Lane(), 1, 1)
	h := d.c.History()
	h.Read(0, []byte(text))
	h.Read(7, []byte(mine[0]))
	h.Finish()
	d.want("misplaced I", "foreign I")
}

func TestTextSizes(t *testing.T) {
	b := check.New("load-abc", 5)
	l := b.Channel("s", "c").Lane()
	for _, size := range []int{1, check.LeastSize, 100, 4000, 1 << 20, 1 << 30} {
		s := l.Next(time.Hour, 2*time.Hour)
		text := b.AppendText(nil, s, size)
		if want := min(max(size, check.LeastSize), 1<<20); len(text) != want {
			t.Errorf("%d bytes for %d", len(text), size)
		}
		if got, ok := b.Read(text); !ok || got != s {
			t.Errorf("%d bytes: %+v %v", size, got, ok)
		}
	}
}

func BenchmarkPushed(b *testing.B) {
	book := check.New("load-abc", 0)
	c := book.Channel("s", "c")
	l := c.Lane()
	s := c.Stream(nil)
	s.Begin(0)
	var text []byte
	b.ReportAllocs()
	for i := range int64(b.N) {
		text = book.AppendText(text[:0], l.Next(0, 0), 200)
		s.Pushed(i, text)
	}
}
