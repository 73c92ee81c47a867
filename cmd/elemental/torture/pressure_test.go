package torture

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"elemental/cmd/elemental/providertest"
)

// pressure is a number of clients who post one message after the other, and go
// on when they are refused, until the connection ends.
type pressure struct {
	t    *testing.T
	addr string
	book *ledger
	size int     // of a text
	seat *talker // a reader, logged in before there was trouble

	running sync.WaitGroup
	lives   int

	mu      sync.Mutex
	wanted  map[int]bool  // posters who are to be refused
	reached chan struct{} // closed when none is left
	refused map[string]bool
	others  map[string]int // refusals other than for the storage

	acked, no atomic.Int64
}

const pressers = 8

var pressedRooms = []room{{"s", "general"}, {"s", "tea"}}

func newPressure(t *testing.T, p *providertest.Provider, size int) *pressure {
	t.Helper()
	u := &pressure{t: t, addr: p.Addr, book: newLedger(t), size: size, refused: map[string]bool{}, others: map[string]int{}}
	u.seat = u.sit("reader")
	_, err := u.seat.ask("createserver", "servername", "s", "serverpasswd", passwordFor("s"))
	if err == nil {
		_, err = u.seat.ask("createchannel", "servername", "s", "name", pressedRooms[1].channel)
	}
	if err != nil {
		t.Fatal(err)
	}
	u.press()
	return u
}

// sit makes a user who is logged in.
func (u *pressure) sit(user string) *talker {
	u.t.Helper()
	c, err := dialTalker(u.addr)
	if err == nil {
		u.t.Cleanup(c.close)
		err = c.enter(user)
	}
	if err != nil {
		u.t.Fatal(err)
	}
	return c
}

// press lets everybody post, in a life of their own after each start.
func (u *pressure) press() {
	u.t.Helper()
	u.lives++
	name := func(i int) string { return fmt.Sprint("poster", i, "-", u.lives) }
	var seats []*talker
	for i := range pressers {
		c := u.sit(name(i))
		if _, err := c.ask("joinserver", "servername", "s", "serverpasswd", passwordFor("s")); err != nil {
			u.t.Fatal(err)
		}
		seats = append(seats, c)
	}
	for i, c := range seats {
		u.running.Go(func() { u.post(c, name(i), i) })
	}
}

func (u *pressure) post(c *talker, name string, who int) {
	r := pressedRooms[who%len(pressedRooms)]
	for n := 0; ; n++ {
		text := postText(name, n, u.size)
		u.book.sending(r, text)
		answer, err := c.ask("message", "servername", r.server, "channel", r.channel, "msg", text)
		no := refusal{}
		switch {
		case err == nil:
			u.acked.Add(1)
			u.book.acknowledged(r, text, answer.Index)
		case errors.As(err, &no):
			u.no.Add(1)
			u.noteRefusal(who, text, no.code)
			time.Sleep(time.Millisecond) // a pace for the attempts
		default:
			return
		}
	}
}

func (u *pressure) noteRefusal(who int, text, code string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if code != "storage_unavailable" {
		u.others[code]++ // of unknown outcome, or not done
		return
	}
	u.refused[text] = true
	if delete(u.wanted, who); len(u.wanted) == 0 && u.reached != nil {
		close(u.reached)
		u.reached = nil
	}
}

// awaitRefused waits until every poster was refused for the storage, from now on.
func (u *pressure) awaitRefused(p *providertest.Provider) {
	u.t.Helper()
	reached := make(chan struct{})
	u.mu.Lock()
	u.wanted, u.reached = map[int]bool{}, reached
	for i := range pressers {
		u.wanted[i] = true
	}
	u.mu.Unlock()
	u.await(p, reached, "everybody to be refused")
}

// awaitPosts waits for so many more acknowledgements.
func (u *pressure) awaitPosts(p *providertest.Provider, more int) {
	u.t.Helper()
	u.await(p, u.book.untilAcked(more), "acknowledgements")
}

func (u *pressure) await(p *providertest.Provider, reached <-chan struct{}, what string) {
	u.t.Helper()
	select {
	case <-reached:
	case <-p.Exited():
		u.t.Fatal("the provider ended by itself")
	case <-time.After(patience):
		u.t.Fatalf("waiting for %s: %d acknowledged, %d refused", what, u.acked.Load(), u.no.Load())
	}
}

// readsGoOn asks all that can be asked without writing.
func (u *pressure) readsGoOn() {
	u.t.Helper()
	u.askAround(pressedRooms[0])
	u.readBack(u.seat)
}

// askAround makes all calls that only read, about one room.
func (u *pressure) askAround(r room) {
	u.t.Helper()
	for _, call := range []string{
		"ping", "getprovidername", "getjoinedservers", "getserverchannels", "getservermembers", "gettotalmessages", "getmessages",
	} {
		if _, err := u.seat.ask(call, "servername", r.server, "channel", r.channel, "begin", 0, "end", 0); err != nil {
			u.t.Errorf("while nothing can be written: %v", err)
		}
	}
}

// readBack holds the whole history against the book.
func (u *pressure) readBack(c *talker) {
	u.t.Helper()
	for _, r := range pressedRooms {
		if err := u.book.compare(c, r, true); err != nil {
			u.t.Errorf("reading %v: %v", r, err)
		}
	}
}

// forbidRefused is called once the provider writes again: what it refused must
// not come up any more, not even after a crash.
func (u *pressure) forbidRefused() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.book.forbid(u.refused)
}

// revive starts the provider that was ended, and reads everything back.
func (u *pressure) revive(p *providertest.Provider) {
	u.t.Helper()
	u.running.Wait()
	p.Start()
	u.seat = u.sit("reader")
	u.readBack(u.seat)
}

// troubles are the lines of the log that are more than information.
func troubles(t *testing.T, p *providertest.Provider) []string {
	t.Helper()
	var found []string
	text := p.Stderr.Text()
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "level=INFO") {
			found = append(found, strings.TrimSpace(line))
		}
	}
	if strings.Contains(text, passwordFor("")) || strings.Contains(text, "poster0-1/") {
		t.Errorf("the log tells secrets, or messages:\n%.2000s", text)
	}
	return found
}
