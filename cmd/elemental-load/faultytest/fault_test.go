package faultytest_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"elemental/client"
	"elemental/cmd/elemental-load/faultytest"
)

// TestPushes posts five messages and looks at the pushes that a subscriber gets.
func TestPushes(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault faultytest.Fault
		at    int
		want  []string
	}{
		{"none", faultytest.None, 1, []string{"0 a", "1 b", "2 c", "3 d", "4 end"}},
		{"drop", faultytest.DropPush, 3, []string{"0 a", "1 b", "3 d", "4 end"}},
		{"drop the first", faultytest.DropPush, 1, []string{"1 b", "2 c", "3 d", "4 end"}},
		{"double", faultytest.DoublePush, 3, []string{"0 a", "1 b", "2 c", "2 c", "3 d", "4 end"}},
		{"swap", faultytest.SwapPushes, 3, []string{"0 a", "1 b", "3 d", "2 c", "4 end"}},
		{"change", faultytest.ChangePush, 2, []string{"0 a", "1 b", "2 b", "3 d", "4 end"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			chat := newChat(t, c.fault, c.at)
			chat.struck(false)
			same(t, "posts", chat.posts("a", "b", "c", "d", "end"), []int64{0, 1, 2, 3, 4})
			same(t, "pushes", chat.pushes("end"), c.want)
			same(t, "history", chat.history(), []string{"a", "b", "c", "d", "end"})
			chat.struck(c.fault != faultytest.None)
		})
	}
}

// TestSwapNeedsTwo: a push without a next one is sent late, at the end of the connection.
// Another push is swapped later.
func TestSwapNeedsTwo(t *testing.T) {
	c := newChat(t, faultytest.SwapPushes, 1)
	c.posts("a")
	c.hears.Close()
	c.struck(false)
	again := c.connect("member")
	if _, err := again.Subscribe(c.ctx, server, channel); err != nil {
		t.Fatal(err)
	}
	for !c.proxy.Struck() { // the end of the first connection may not have come through yet
		c.posts("b", "c")
		c.must(c.ctx.Err())
	}
}

// TestPosts looks at the answers that the author gets.
func TestPosts(t *testing.T) {
	t.Run("the same index", func(t *testing.T) {
		c := newChat(t, faultytest.SameIndexTwice, 2)
		same(t, "posts", c.posts("a", "b", "c", "d"), []int64{0, 1, 1, 3})
		same(t, "pushes", c.pushes("d"), []string{"0 a", "1 b", "2 c", "3 d"})
		c.struck(true)
	})
	t.Run("pushed to its author", func(t *testing.T) {
		c := newChat(t, faultytest.PushOwn, 2)
		same(t, "posts", c.posts("a", "b", "c"), []int64{0, 1, 2})
		var heard []string // by two connections, in any order
		for len(heard) < 4 {
			select {
			case m := <-c.heard:
				heard = append(heard, fmt.Sprintf("%d %s", m.Index, m.Text))
			case <-c.ctx.Done():
				t.Fatalf("heard %q", heard)
			}
		}
		slices.Sort(heard)
		same(t, "pushes", heard, []string{"0 a", "1 b", "1 b", "2 c"})
		c.struck(true)
	})
	t.Run("refused, and done", func(t *testing.T) {
		c := newChat(t, faultytest.RefuseDone, 2)
		c.posts("a")
		var refusal *client.Refusal
		if _, err := c.owner.Post(c.ctx, server, channel, "b"); !errors.As(err, &refusal) || refusal.Code != client.Busy || refusal.Reason != "busy, try again" {
			t.Errorf("answered: %v", err)
		}
		same(t, "posts", c.posts("c"), []int64{2})
		same(t, "history", c.history(), []string{"a", "b", "c"})
		c.struck(true)
	})
	t.Run("cut", func(t *testing.T) {
		c := newChat(t, faultytest.Cut, 2)
		c.posts("a")
		if _, err := c.owner.Post(c.ctx, server, channel, "b"); !errors.Is(err, client.ErrUncertain) {
			t.Errorf("answered: %v", err)
		}
		<-c.owner.Done()
		c.struck(true)
		c.owner = c.connect("owner")
		same(t, "posts", c.posts("c"), []int64{2})
		same(t, "history", c.history(), []string{"a", "b", "c"})
	})
}

// TestHistory reads a false history in all possible ways, and then posts more.
func TestHistory(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault faultytest.Fault
		lie   []string
	}{
		{"none", faultytest.None, []string{"a", "b", "c", "d", "e", "f"}},
		{"drop", faultytest.DropFromHistory, []string{"a", "b", "d", "e", "f"}},
		{"double", faultytest.DoubleInHistory, []string{"a", "b", "c", "c", "d", "e", "f"}},
		{"swap", faultytest.SwapInHistory, []string{"a", "b", "d", "c", "e", "f"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			chat := newChat(t, c.fault, 2)
			chat.posts("a", "b")
			if total := chat.total(); total != 2 { // too few messages for a fault
				t.Errorf("total %d", total)
			}
			chat.posts("c", "d", "e", "f")
			same(t, "before", chat.history(), []string{"a", "b", "c", "d", "e", "f"})
			chat.struck(false)
			chat.total()
			chat.struck(c.fault != faultytest.None)
			chat.isHistory(c.lie)
			chat.pushes("f")

			next := int64(len(c.lie))
			same(t, "posts", chat.posts("g", "h"), []int64{next, next + 1})
			same(t, "pushes", chat.pushes("h"), []string{fmt.Sprint(next, " g"), fmt.Sprint(next+1, " h")})
			chat.isHistory(append(slices.Clone(c.lie), "g", "h"))
			chat.otherChannel()
		})
	}
}

// isHistory checks that all ways to ask about the channel agree.
func (c *chat) isHistory(all []string) {
	c.t.Helper()
	total := int64(len(all))
	if got := c.total(); got != total {
		c.t.Errorf("total %d, not %d", got, total)
	}
	if got, err := c.owner.Subscribe(c.ctx, server, channel); got != total || err != nil {
		c.t.Errorf("subscribed at %d, not %d (%v)", got, total, err)
	}
	for end := range total + 1 {
		for begin := range end + 1 {
			same(c.t, fmt.Sprintf("from %d to %d", begin, end), c.pages(begin, end), all[begin:end])
		}
		for count := range total + 2 {
			c.isPage(all, count, end)
		}
	}
	c.isPage(all, total+1, -1)
	c.isPage(all, 2, -1)
}

// isPage checks the newest messages before an index. If before is negative, they are the
// newest of all.
func (c *chat) isPage(all []string, count, before int64) {
	c.t.Helper()
	page, err := c.owner.Latest(c.ctx, server, channel, int(count), before)
	c.must(err)
	end := int64(len(all))
	if before >= 0 {
		end = before
	}
	var want []string
	for i := max(0, end-count); i < end; i++ {
		want = append(want, fmt.Sprint(i, " ", all[i]))
	}
	var got []string
	for _, m := range page.Messages {
		got = append(got, fmt.Sprint(m.Index, " ", m.Text))
	}
	same(c.t, fmt.Sprintf("%d before %d", count, before), got, want)
	if page.Total != int64(len(all)) {
		c.t.Errorf("total %d, not %d", page.Total, len(all))
	}
}

// otherChannel checks that another channel is told truly.
func (c *chat) otherChannel() {
	c.t.Helper()
	c.must(c.owner.CreateChannel(c.ctx, server, "news"))
	for i := range int64(4) {
		if m, err := c.owner.Post(c.ctx, server, "news", "x"); m.Index != i || err != nil {
			c.t.Errorf("answered %d (%v)", m.Index, err)
		}
	}
	if total, err := c.owner.Total(c.ctx, server, "news"); total != 4 || err != nil {
		c.t.Errorf("total %d (%v)", total, err)
	}
}
