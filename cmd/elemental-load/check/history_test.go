package check_test

import (
	"strings"
	"testing"

	"elemental/cmd/elemental-load/check"
)

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
	one, two := d.two(-1, -1)
	d.history(two, one)
	d.want("reordered I")
}

func TestSameIndexTwice(t *testing.T) {
	d := newDesk(t)
	d.two(0, 0)
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
