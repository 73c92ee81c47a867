package main

import (
	"fmt"
	"os"
	"sync"
	"testing"
)

// rounds is how often a loop test loops: more with ELEMENTAL_LONG=1.
func rounds(short, long int) int {
	if os.Getenv("ELEMENTAL_LONG") != "" {
		return long
	}
	return short
}

// TestKilledUnderLoad kills the provider again and again while four clients
// post. Nothing acknowledged may be missing or doubled, nothing may be there
// that nobody sent, and each client's order holds.
func TestKilledUnderLoad(t *testing.T) {
	p := startProvider(t, "--snapshotinterval", "50ms", "--segmentsize", "16KiB")
	p.join("writer0").makeServer("gophers")
	book := &postBook{acked: map[string]int{}, sent: map[string]bool{}}
	for round := range rounds(3, 150) {
		book.postUntilKilled(p, round, 150)
		p.Start()
		book.compare(p, round)
		if t.Failed() {
			return
		}
	}
}

// postBook is what the test knows of its posts. It outlives the provider.
type postBook struct {
	mu    sync.Mutex
	acked map[string]int // text to index
	sent  map[string]bool
	total int
}

const writers = 4

// postUntilKilled lets the writers post and kills the provider once enough is
// acknowledged, while posts are under way.
func (b *postBook) postUntilKilled(p *provider, round, enough int) {
	p.t.Helper()
	b.total = 0
	reached := make(chan struct{})
	var running sync.WaitGroup
	for w := range writers {
		c := p.join(fmt.Sprintf("writer%d", w))
		c.joinServer("gophers")
		running.Go(func() { b.write(c, round, w, enough, reached) })
	}
	select {
	case <-reached:
	case <-p.Exited():
	}
	p.Kill()
	running.Wait()
}

// write keeps eight posts under way until the connection ends.
func (b *postBook) write(c *client, round, writer, enough int, reached chan struct{}) {
	var waiting []string
	for n := 0; ; n++ {
		text := fmt.Sprintf("%d/%d/%d", round, writer, n)
		b.mu.Lock()
		b.sent[text] = true
		b.mu.Unlock()
		c.send(request("message", "servername", "gophers", "channel", "general", "msg", text))
		if waiting = append(waiting, text); len(waiting) < 8 {
			continue
		}
		raw, open := c.next()
		if !open {
			return
		}
		b.acknowledge(c, waiting[0], string(raw), enough, reached)
		waiting = waiting[1:]
	}
}

func (b *postBook) acknowledge(c *client, text, answer string, enough int, reached chan struct{}) {
	var index int
	if _, err := fmt.Sscanf(answer, `{"resp":true,"index":%d,`, &index); err != nil {
		c.t.Errorf("%s was answered with %s", text, answer)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.acked[text] = index
	if b.total++; b.total == enough {
		close(reached)
	}
}

// compare reads the whole channel and holds it against the book.
func (b *postBook) compare(p *provider, round int) {
	p.t.Helper()
	found := map[string]int{}
	lastOf := map[string]int{}
	for index, text := range p.history("writer0", "gophers", "general") {
		if !b.sent[text] {
			p.t.Errorf("round %d: %q at %d was never sent", round, text, index)
		}
		if first, twice := found[text]; twice {
			p.t.Errorf("round %d: %q is at %d and at %d", round, text, first, index)
		}
		found[text] = index
		var r, w, n int
		if _, err := fmt.Sscanf(text, "%d/%d/%d", &r, &w, &n); err != nil {
			p.t.Errorf("%q: %v", text, err)
		}
		sender := fmt.Sprintf("%d/%d", r, w)
		if last, seen := lastOf[sender]; seen && n < last {
			p.t.Errorf("round %d: %q stands after %s/%d", round, text, sender, last)
		}
		lastOf[sender] = n
	}
	for text, index := range b.acked {
		if at, there := found[text]; !there || at != index {
			p.t.Errorf("round %d: %q was acknowledged at %d, found at %d (%v)", round, text, index, at, there)
		}
	}
}

func (p *provider) history(user, server, channel string) []string {
	p.t.Helper()
	return p.join(user).history(server, channel)
}

// history is all texts of a channel, read in pages.
func (c *client) history(server, channel string) []string {
	c.t.Helper()
	const page = 400
	where := []any{"servername", server, "channel", channel}
	amount := int(c.must("gettotalmessages", where...)["amount"].(float64))
	var texts []string
	for begin := 0; begin < amount; begin += page {
		end := min(begin+page, amount)
		answer := c.must("getmessages", append(where, "begin", begin, "end", end)...)
		for _, message := range answer["messages"].([]any) {
			texts = append(texts, message.(map[string]any)["message"].(string))
		}
	}
	if len(texts) != amount {
		c.t.Errorf("%d messages were announced, %d came", amount, len(texts))
	}
	return texts
}
