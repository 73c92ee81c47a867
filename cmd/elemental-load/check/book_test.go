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

// two makes two messages, and then has them acknowledged at these indexes; -1 for none.
func (d *desk) two(first, second int64) (one, other string) {
	l := d.c.Lane()
	a, one := d.post(l)
	b, other := d.post(l)
	l.Acknowledged(a.Number, first)
	l.Acknowledged(b.Number, second)
	return one, other
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
