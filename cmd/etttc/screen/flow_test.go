package screen

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"elemental/client"
)

// top returns the text in the first line of a message by bob that the user sees.
func (u *user) top() string {
	for _, line := range strings.Split(u.screen(), "\n")[1:] {
		if _, text, found := strings.Cut(line, "bob"); found && strings.Contains(text, "message") {
			return strings.TrimSpace(strings.Trim(strings.Split(text, "│")[0], " "))
		}
	}
	return ""
}

func TestScrollingUpLoadsOlderPagesWithoutAJump(t *testing.T) {
	u := alice(t, 80, 24).page(500, numbered(300, 500)...)
	u.sees("message 499.").seesNot("beginning of #general")
	for range 8 {
		u.presses("pgup")
	}
	u.presses("pgup")
	if u.m.here().loading != olderPage {
		t.Fatal("near the top no older page is asked for")
	}
	before := u.top()
	u.page(500, numbered(100, 300)...)
	if after := u.top(); after != before || before == "" {
		t.Fatalf("the view jumped from %q to %q", before, after)
	}
	for range 12 {
		u.presses("pgup")
	}
	u.page(500, numbered(0, 100)...)
	for range 20 {
		u.presses("pgup")
	}
	u.sees("beginning of #general", "message 0.").seesNot("loading…")
	u.presses("ctrl+end").sees("message 499.")
}

func TestTopTellsThatOlderMessagesLoad(t *testing.T) {
	u := alice(t, 80, 24).page(500, numbered(300, 500)...)
	u.presses("ctrl+home").sees("loading…", "message 300.")
}

func TestNewMessagesDoNotMoveAViewThatIsScrolledUp(t *testing.T) {
	u := alice(t, 80, 24).page(200, numbered(0, 200)...).presses("pgup", "pgup")
	before := u.top()
	u.posted(numbered(200, 212)...)
	if after := u.top(); after != before || before == "" {
		t.Fatalf("the view moved from %q to %q", before, after)
	}
	u.sees("↓ 12 new").seesNot("message 211.")
	u.presses("end").sees("message 211.", "─ new ─", "message 200.").seesNot("↓")
}

func TestEveryLineIsReachedOnce(t *testing.T) {
	u := alice(t, 60, 14).page(60, numbered(0, 60)...)
	seen := map[string]bool{}
	for range 100 {
		for _, line := range strings.Fields(u.screen()) {
			seen[line] = true
		}
		u.m.scrollBy(-1)
	}
	for i := range 60 {
		if !seen[fmt.Sprintf("%d.", i)] {
			t.Errorf("message %d was never on the screen", i)
		}
	}
	u.sees("beginning of #general")
	for range 200 {
		u.m.scrollBy(1)
	}
	if u.m.here().scroll.held {
		t.Error("going all the way down does not end at the newest message")
	}
}

// Moving up and down by the same number of lines ends where it began, whatever is in the flow,
// unless it came to an end of the flow.
func TestUpAndDownAreEachOthersOpposite(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	u := alice(t, 60, 14)
	var all []client.Message
	for i := range int64(200) {
		all = append(all, said(i, "bob", strings.Repeat("word ", 1+random.IntN(40))))
	}
	u.page(200, all[:100]...)
	for i := range int64(20) {
		u.m.tell(tells, fmt.Sprintf("notice %d", i))
		u.posted(all[100+5*i : 105+5*i]...)
	}
	f := u.m.flow(60)
	for range 500 {
		from := f.up(f.end(), 100+random.IntN(300))
		by := random.IntN(80)
		if back := f.down(f.up(from, by), by); back != from {
			t.Fatalf("%d lines up and down from %v end at %v", by, from, back)
		}
		if at := f.find(f.anchor(from.item)); at != from.item {
			t.Fatalf("item %d is found again as %d", from.item, at)
		}
	}
}

func TestNoticesKeepTheirPlaceInTime(t *testing.T) {
	u := alice(t, 80, 24).page(2, said(0, "bob", "first"), said(1, "bob", "second"))
	u.m.tell(tells, "a notice")
	u.posted(said(2, "bob", "third"))
	screen := u.screen()
	second, notice, third := strings.Index(screen, "second"), strings.Index(screen, "a notice"), strings.Index(screen, "third")
	if second < 0 || notice < second || third < notice {
		t.Errorf("out of order:\n%s", screen)
	}
}

func TestMemoryOfAChannelIsBounded(t *testing.T) {
	u := alice(t, 80, 24).page(0)
	for begin := int64(0); begin < 10000; begin += 250 {
		u.posted(numbered(begin, begin+250)...)
	}
	if held := len(u.m.here().history.messages); held > mostKept+250 {
		t.Errorf("%d messages are held", held)
	}
	u.sees("message 9999.").presses("ctrl+home")
	for range 40 { // scrolls up until the newest messages are dropped
		first := u.m.here().history.first
		u.page(10000, numbered(first-200, first)...).presses("ctrl+home")
	}
	r := u.m.here()
	if held := len(r.history.messages); held > mostKept+250 || r.history.current() {
		t.Fatalf("%d messages are held, with the newest: %v", held, r.history.current())
	}
	u.presses("ctrl+end")
	if r.loading != newestPage {
		t.Fatal("the newest page is not asked for again")
	}
	u.page(10000, numbered(9800, 10000)...).sees("message 9999.")
}

// Messages that are posted after the first page was read and before events come are in neither,
// so the page is asked for again.
func TestNothingIsMissedBeforeTheEventsBegin(t *testing.T) {
	u := alice(t, 80, 24).page(1, numbered(0, 1)...).gets(subscribedMsg{server: "gophers"})
	u.page(2, numbered(0, 2)...).sees("message 0.", "message 1.", "2 messages")

	u = alice(t, 80, 24)
	early := pageMsg{place: general, epoch: u.m.here().epoch, which: newestPage, page: client.Page{}}
	u.gets(subscribedMsg{server: "gophers"}, early).seesNot("0 messages").page(1, numbered(0, 1)...).sees("message 0.")
}

func TestGoingDownLoadsWhatWasDropped(t *testing.T) {
	u := alice(t, 80, 24).page(5000, numbered(4800, 5000)...)
	u.m.here().history = history{first: 1000, messages: numbered(1000, 1200), total: 5000}
	u.presses("ctrl+home")
	u.page(5000, numbered(800, 1000)...)
	for range 25 {
		u.presses("pgdown")
	}
	if r := u.m.here(); r.loading != newerPage {
		t.Fatal("the newer page is not asked for")
	}
	before := u.top()
	u.page(5000, numbered(1200, 1400)...)
	if u.top() != before {
		t.Fatalf("the view jumped from %q to %q", before, u.top())
	}
	u.presses("pgdown").sees("message 1200.")
}

// PgUp shows every message on the way to the first, whenever the pages arrive.
func TestPagingUpSkipsNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 5 {
		u := alice(t, 120, 40).page(500, numbered(300, 500)...)
		seen := map[string]bool{}
		look := func() {
			for _, word := range strings.Fields(u.screen()) {
				seen[word] = true
			}
		}
		for range 50 {
			look()
			u.presses("pgup")
			look()
			if r := u.m.here(); r.loading == olderPage && random.IntN(3) == 0 {
				first := r.history.first
				u.page(500, numbered(max(first-200, 0), first)...)
			}
		}
		for i := range 500 {
			if !seen[fmt.Sprintf("%d.", i)] {
				t.Fatalf("message %d was skipped", i)
			}
		}
	}
}
