package screen

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"elemental/client"
	"elemental/cmd/etttc/commands"
)

func TestPostsKeepTheirOrderAndShowAsPending(t *testing.T) {
	u := alice(t, 80, 24).page(0).types("one").presses("enter").types("two").presses("enter")
	u.sees("… alice one", "… alice two", "› message to #general")
	if len(u.m.outbox.posts) != 2 || !u.m.outbox.sending {
		t.Fatal("not one at a time")
	}
	first := u.m.outbox.posts[0]
	u.gets(postedMsg{id: first.id, message: said(0, "alice", "one")}).seesNot("… alice one").sees("… alice two")
	u.posted(said(0, "alice", "one")) // the event of the same message
	if n := strings.Count(u.screen(), "alice one"); n != 1 {
		t.Errorf("the message is there %d times", n)
	}
	u.gets(statusMsg{client.Status{State: client.Offline}}).sees("waits alice two")
	nonce := u.m.outbox.posts[0].nonce
	u.gets(postedMsg{id: u.m.outbox.posts[0].id, err: fmt.Errorf("message: %w", client.ErrUncertain)})
	if len(u.m.outbox.posts) != 1 || u.m.outbox.posts[0].nonce != nonce {
		t.Error("an uncertain post is not repeated under its nonce")
	}
}

func TestPostedInAChannelThatWasMadeAnew(t *testing.T) {
	u := alice(t, 80, 24).page(7, numbered(0, 7)...).types("the last").presses("enter")
	u.gets(eventsMsg{"gophers", []client.Event{{Kind: client.Deleted, Message: client.Message{Server: "gophers", Channel: "general"}}}})
	u.posted(said(0, "bob", "the first of the new one"))
	u.gets(postedMsg{id: u.m.outbox.posts[0].id, message: said(7, "alice", "the last")})
	r := u.m.room(general)
	if h := r.history; h.total != 1 || len(h.messages) != 1 || h.messages[0].Text != "the first of the new one" {
		t.Errorf("of %d messages there are %+v", h.total, h.messages)
	}
}

func TestRefusedTextComesBack(t *testing.T) {
	refusal := &client.Refusal{Code: client.MessageTooLong, Reason: "message is too long"}
	u := alice(t, 120, 24).page(0).types("much too long").presses("enter")
	u.gets(postedMsg{id: u.m.outbox.posts[0].id, err: refusal})
	u.sees("not posted: message is too long", "› much too long").seesNot("… alice")

	u.presses("ctrl+c").types("//quit not").presses("enter").sees(" /quit not").seesNot("//quit")
	u.gets(postedMsg{id: u.m.outbox.posts[0].id, err: refusal}).sees("› //quit not") // as it was entered, so that it is no command

	u.presses("ctrl+c").types("much too long").presses("enter").types("being typed")
	u.gets(postedMsg{id: u.m.outbox.posts[0].id, err: refusal}).sees("› being typed", "↑ brings the text back")
	u.presses("up").sees("› much too long").presses("down").sees("› being typed")
}

// A refusal does not hide that an earlier try may have posted the text.
func TestRefusedAfterALostAnswer(t *testing.T) {
	u := alice(t, 160, 24).page(0).types("perhaps").presses("enter")
	first := u.m.outbox.posts[0].id
	u.gets(postedMsg{id: first, err: client.ErrUncertain}, retryMsg{first})
	u.gets(postedMsg{id: first, err: &client.Refusal{Code: client.StorageUnavailable, Reason: "storage is unavailable"}})
	u.sees("storage is unavailable, but an earlier try may have been done", "› perhaps")
}

func TestUncertainPostToTheOriginalIsNotRepeated(t *testing.T) {
	u := alice(t, 120, 24).page(0).gets(statusMsg{client.Status{State: client.Online, Original: true}}).sees("online (polling)")
	u.types("once").presses("enter").gets(postedMsg{id: u.m.outbox.posts[0].id, err: client.ErrUncertain})
	u.sees("it may have been done", "› once")
}

func TestPostToTheOriginalStaysUntilItIsFound(t *testing.T) {
	u := alice(t, 80, 24).page(3, numbered(0, 3)...).types("hello").presses("enter")
	u.gets(postedMsg{id: u.m.outbox.posts[0].id, message: client.Message{Index: -1}}).sees("… alice hello")
	u.posted(said(3, "alice", "hello")).seesNot("… alice").sees("alice hello", "4 messages")
	u.types("on a page").presses("enter").gets(postedMsg{id: u.m.outbox.posts[0].id, message: client.Message{Index: -1}})
	u.gets(subscribedMsg{server: "gophers"}).page(5, said(4, "alice", "on a page")).seesNot("… alice").sees("on a page")
	u.types("lost").presses("enter").gets(postedMsg{id: u.m.outbox.posts[0].id, message: client.Message{Index: -1}})
	u.gets(tickMsg{now: noon.Add(time.Minute)}).seesNot("lost")
}

func TestSlashes(t *testing.T) {
	u := alice(t, 80, 24).page(0).types("//shrug").presses("enter")
	if got := u.m.outbox.posts[0].text; got != "/shrug" {
		t.Errorf("%q is posted", got)
	}
	u.types("/nonsense").presses("enter").sees("!")
	if len(u.m.outbox.posts) != 1 {
		t.Error("an unknown command is posted")
	}
}

func TestLinesAfterACommandWaitForIt(t *testing.T) {
	u := alice(t, 80, 24).page(0).types("/gotochannel news").presses("enter").types("hello news").presses("enter")
	if len(u.m.outbox.posts) != 0 {
		t.Fatal("posted before the command has led elsewhere")
	}
	to := commands.Place{Server: "gophers", Channel: "news"}
	u.gets(ranMsg{at: general, outcome: commands.Outcome{Goto: &to}})
	if len(u.m.outbox.posts) != 1 || u.m.outbox.posts[0].at != to {
		t.Errorf("posts: %+v", u.m.outbox.posts)
	}
}

func TestQuittingWaitsForWhatIsPending(t *testing.T) {
	u := alice(t, 80, 24).page(0).types("last words").presses("enter")
	_, cmd := u.m.Update(keyNamed("ctrl+c"))
	if quits(cmd, 100*time.Millisecond) { // the program must not end
		t.Fatal("it ends at once")
	}
	u.sees("sending what is pending")
	_, cmd = u.m.Update(postedMsg{id: u.m.outbox.posts[0].id, message: said(0, "alice", "last words")})
	if !quits(cmd, 20*time.Second) {
		t.Fatal("it does not end when all is sent")
	}
}

func TestWhatWasNotSentIsToldInTheEnd(t *testing.T) {
	u := alice(t, 80, 24).page(0).types("half")
	var out bytes.Buffer
	if err := u.m.tellUnsent(&out); err != nil { // the draft was not entered
		t.Fatal(err)
	}
	if got := out.String(); got != "not sent: half\n" {
		t.Errorf("%q", got)
	}
}

// A post under way may be with the provider; what waits behind it is not.
func TestWhatMayHaveBeenSentIsToldInTheEnd(t *testing.T) {
	const doubtful, not = "not acknowledged, it may have been sent: //one\n", "not sent: //one\n"
	online, offline := statusMsg{client.Status{State: client.Online}}, statusMsg{client.Status{State: client.Offline}}
	busy := &client.Refusal{Code: client.Busy}
	for _, c := range []struct {
		first  client.State
		then   []tea.Msg
		answer error
		want   string
	}{
		{client.Online, nil, nil, doubtful},
		{client.Online, []tea.Msg{offline}, nil, doubtful},
		{client.Offline, nil, nil, not},
		{client.Offline, []tea.Msg{online}, nil, doubtful},
		{client.Online, nil, busy, not},
		{client.Online, nil, client.ErrLost, not},
		{client.Online, nil, client.ErrUncertain, doubtful},
	} {
		u := alice(t, 80, 24).page(0).gets(statusMsg{client.Status{State: c.first}}).types("//one").presses("enter").types("two").presses("enter").gets(c.then...)
		id := u.m.outbox.posts[0].id
		if c.answer != nil {
			u.gets(postedMsg{id: id, err: c.answer})
		}
		checkUnsent(t, u, c.want+"not sent: two\n")
		if c.want == doubtful && c.answer != nil { // a later try makes it no less doubtful
			u.gets(retryMsg{id}, postedMsg{id: id, err: busy})
			checkUnsent(t, u, c.want+"not sent: two\n")
		}
	}
}

func checkUnsent(t *testing.T, u *user, want string) {
	t.Helper()
	var out bytes.Buffer
	if err := u.m.tellUnsent(&out); !errors.Is(err, errUnsent) || out.String() != want {
		t.Errorf("%v, and told is\n%s, want\n%s", err, out.String(), want)
	}
}

// quits reports whether a command ends the program within that time.
func quits(cmd tea.Cmd, within time.Duration) bool {
	if cmd == nil {
		return false
	}
	done := make(chan tea.Msg, 1)
	go func() { done <- cmd() }()
	select {
	case msg := <-done:
		_, ends := msg.(tea.QuitMsg)
		return ends
	case <-time.After(within):
		return false
	}
}

func TestPostThatIsTriedAgainHoldsUpTheOthers(t *testing.T) {
	u := alice(t, 80, 24).page(0).types("one").presses("enter").types("two").presses("enter")
	first := u.m.outbox.posts[0]
	u.gets(postedMsg{id: first.id, err: &client.Refusal{Code: client.Busy, Reason: "busy, try again"}})
	if !u.m.outbox.sending || u.m.outbox.posts[0].nonce != first.nonce {
		t.Error("another is posted meanwhile, or the same under another nonce")
	}
	u.gets(retryMsg{first.id}, postedMsg{id: first.id, message: said(0, "alice", "one")})
	if next := u.m.outbox.posts[0]; next.text != "two" || !u.m.outbox.sending {
		t.Errorf("%q is next", next.text)
	}
}
