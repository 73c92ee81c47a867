package check_test

import (
	"testing"

	"elemental/cmd/elemental-load/check"
)

// subscribed is the stream of a connection that has subscribed at an index. It posts in
// its own lane, if any.
func (d *desk) subscribed(own *check.Lane, at int64) *check.Stream {
	s := d.c.Stream(own)
	s.Begin(at)
	return s
}

// push has the texts at these indexes pushed.
func push(s *check.Stream, texts []string, indexes ...int64) {
	for _, i := range indexes {
		s.Pushed(i, []byte(texts[i]))
	}
}

func TestPushLost(t *testing.T) {
	d := newDesk(t)
	texts := d.posts(d.c.Lane(), 0, 5)
	s := d.subscribed(nil, 1)
	push(s, texts, 2)
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
	s := d.subscribed(nil, 0)
	push(s, texts, 0, 2)
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
	s := d.subscribed(nil, 0)
	push(s, texts, 0, 1, 1, 0)
	d.want("push-doubled II")
}

func TestPushReordered(t *testing.T) {
	d := newDesk(t)
	texts := d.posts(d.c.Lane(), 0, 3)
	s := d.subscribed(nil, 0)
	push(s, texts, 0, 2, 1)
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
	s := d.subscribed(own, 0)
	s.Own(1)
	push(s, texts, 0, 2)
	d.history(texts...)
	d.want()
}

// TestCutBehindOwnAnswer: a push that was on its way when the connection ended is not
// due, even if the answer to a later, own post has come.
func TestCutBehindOwnAnswer(t *testing.T) {
	d := newDesk(t)
	other, own := d.c.Lane(), d.c.Lane()
	texts := append(d.posts(other, 0, 1), d.posts(own, 1, 1)...)
	s := d.subscribed(own, 0)
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
	d.subscribed(own, 0)
	d.history(text)
	d.want()
}

// TestPushBeforeAnswer: a push may come before the answer to the subscription.
func TestPushBeforeAnswer(t *testing.T) {
	d := newDesk(t)
	texts := d.posts(d.c.Lane(), 0, 3)
	s := d.c.Stream(nil)
	push(s, texts, 1)
	s.Begin(1)
	push(s, texts, 2)
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
	push(s, texts, 0, 0, 1, 3, 2, 3, 5)
	s.Begin(2)
	push(s, texts, 6)
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
	s := d.subscribed(own, 0)
	push(s, texts, 0)
	s.Own(0)
	s.Own(1)
	push(s, texts, 1, 2)
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
	s := d.subscribed(nil, 0)
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
	s := d.subscribed(nil, 0)
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
	s := d.subscribed(nil, 0)
	push(s, texts, 0)
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
	s := d.subscribed(nil, 0)
	push(s, texts, 0)
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
	s := d.subscribed(nil, 0)
	s.Pushed(0, []byte(text))
	d.history()
	d.want("lost I", "foreign I")
}

// TestPushBelowTheSubscription: a push that was on its way when the subscription began is
// not due. If it comes, it does no harm.
func TestPushBelowTheSubscription(t *testing.T) {
	d := newDesk(t)
	texts := d.posts(d.c.Lane(), 0, 2)
	s := d.subscribed(nil, 1)
	push(s, texts, 0) // was on its way when the subscription began
	push(s, texts, 1)
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
	d.subscribed(own, 0)
	d.c.Settle(3)
	d.c.FinishUnread()
	d.want("push-lost II")
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
