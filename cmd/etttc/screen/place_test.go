package screen

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"elemental/client"
	"elemental/cmd/etttc/commands"
)

// deleted are the ways in which the screen gets to know that #general of gophers was deleted.
var deleted = map[string]func(u *user){
	"event": func(u *user) {
		u.gets(eventsMsg{"gophers", []client.Event{{Kind: client.Deleted, Message: client.Message{Server: "gophers", Channel: "general"}}}})
	},
	"listing": func(u *user) {
		u.gets(listedMsg{servers: []server{{"gophers", []string{"news"}}, {"rustaceans", []string{"general"}}}})
	},
	"members, and then a listing": func(u *user) {
		u.m.members, u.m.side.asking = map[string]client.Members{}, false
		u.gets(membersMsg{server: "gophers", channels: []string{"news"}})
		if !u.m.side.asking {
			u.t.Fatal("no listing is asked for")
		}
		u.gets(listedMsg{servers: []server{{"gophers", []string{"news"}}, {"rustaceans", []string{"general"}}}})
	},
}

// A text typed for a channel that is gone must not be posted in another one.
func TestDraftDoesNotMoveToAnotherChannel(t *testing.T) {
	for name, happens := range deleted {
		t.Run(name, func(t *testing.T) {
			u := alice(t, 40, 10).page(0).types("only for general")
			happens(u)
			u.sees("gophers/#news", "the channel #general was", "deleted, you are in #news (↑", "› message to #news").fits(40, 10)
			u.seesNot("only for general").presses("enter")
			if n := len(u.m.outbox.posts); n != 0 {
				t.Fatalf("%q is posted", u.m.outbox.posts[0].text)
			}
			u.presses("up").sees("› only for general")
		})
	}
}

func TestDraftDoesNotMoveToAnotherServer(t *testing.T) {
	for name, happens := range map[string]func(u *user){
		"ended": func(u *user) {
			u.gets(unsubscribedMsg{"gophers", &client.Refusal{Code: client.ServerGone, Reason: "server was deleted"}})
		},
		"listed": func(u *user) { u.gets(listedMsg{servers: []server{{"rustaceans", []string{"general"}}}}) },
	} {
		t.Run(name, func(t *testing.T) {
			u := alice(t, 80, 24).page(0).types("sent before").presses("enter").types("draft").presses("up").sees("› sent before")
			happens(u)
			u.sees("you are not in gophers any more, but in", "rustaceans/#general", "› message to #general")
			u.presses("up").sees("› sent before").presses("up").sees("› draft") // both texts can be recalled
		})
	}
}

// A completion under way ends with the text that it was for.
func TestDraftThatGoesTakesItsCompletionAlong(t *testing.T) {
	u := alice(t, 80, 24).page(0).types("hello @").presses("tab").sees("[@alice] @bob")
	deleted["event"](u)
	u.seesNot("[@alice]").presses("tab").sees("› message to #news")
}

func TestMovesThatTheUserMakesKeepTheDraft(t *testing.T) {
	alice(t, 80, 24).page(0).types("draft").presses("ctrl+n").sees("› draft", "gophers/#news").seesNot("was deleted")
	u := alice(t, 80, 24).page(0).types("/deletechannel general").presses("enter").types("draft")
	deleted["event"](u)
	u.sees("› draft", "gophers/#news").seesNot("was deleted")
	u = alice(t, 80, 24).page(0).types("draft")
	u.gets(membersMsg{server: "rustaceans", channels: []string{"other"}}).sees("› draft", "gophers/#general").seesNot("was deleted")
}

// An answer from before a channel was made must not lead the user out of it.
func TestOlderAnswerDoesNotLeadOutOfANewChannel(t *testing.T) {
	u := alice(t, 80, 24).page(0)
	to := commands.Place{Server: "gophers", Channel: "fresh"}
	u.gets(ranMsg{at: general, outcome: commands.Outcome{Goto: &to, Changed: true}}).types("draft")
	u.gets(membersMsg{server: "gophers", channels: []string{"general", "news"}}).sees("gophers/#fresh", "› draft").seesNot("was deleted")
}

// A post that is refused because its channel is gone is not put into the input of another
// channel.
func TestRefusedPostStaysOutOfAnotherChannel(t *testing.T) {
	u := alice(t, 80, 24).page(0).types("only for general").presses("enter")
	id := u.m.outbox.posts[0].id
	deleted["event"](u)
	u.gets(postedMsg{id: id, err: &client.Refusal{Code: client.NoSuchChannel, Reason: "channel does not exist"}})
	u.sees("not posted: channel does not exist", "(↑", "brings the text back", "› message to #news")
	u.presses("up").sees("› only for general")
}

// flood posts long messages to a channel of gophers, and returns how many bytes of them are held.
func (u *user) flood(channel string, count int) (held int) {
	text := strings.Repeat("x", 16<<10)
	for i := range count {
		u.posted(client.Message{Server: "gophers", Channel: channel, Index: int64(i), Author: "bob", Text: text, Time: noon})
	}
	for _, message := range u.m.room(commands.Place{Server: "gophers", Channel: channel}).history.messages {
		held += len(message.Text)
	}
	return held
}

func TestChannelsNobodyLooksAtAreBounded(t *testing.T) {
	u := alice(t, 80, 24).page(0)
	if held := u.flood("news", 1000); held > keptBytes {
		t.Errorf("%d bytes are held", held)
	}
	u.sees(" 999+ ").presses("ctrl+n")
	if r := u.m.here(); r.loading != newestPage || r.history.end() != 1000 {
		t.Errorf("page %v is asked for after %d", r.loading, r.history.end())
	}
	for i := range int64(1000) { // short messages
		u.posted(said(i, "bob", "x"))
	}
	if n := len(u.m.room(general).history.messages); n != keptAside {
		t.Errorf("%d messages are held", n)
	}
}

func TestChannelUnderAListIsBounded(t *testing.T) {
	for _, list := range []string{"f3", "f4"} {
		u := alice(t, 40, 10).page(0).presses(list)
		for i := int64(0); i < 2*mostKept; i += batch {
			u.posted(numbered(i, i+batch)...)
		}
		if n := len(u.m.here().history.messages); n > mostKept {
			t.Errorf("%d messages are held", n)
		}
		u.presses("esc").sees("message 6143.")
	}
}

// The limit also holds while the user is at the top and waits for older messages.
func TestChannelIsBoundedWhileItWaitsForHistory(t *testing.T) {
	u := alice(t, 80, 24).page(1200, numbered(1000, 1200)...).presses("ctrl+home").sees("message 1000.")
	if loading := u.m.here().loading; loading != olderPage {
		t.Fatalf("page %v is asked for", loading)
	}
	for i := int64(1200); i < 1200+2*mostKept; i += batch {
		u.posted(numbered(i, i+batch)...)
	}
	if n := len(u.sees("message 1000.").m.here().history.messages); n > mostKept {
		t.Errorf("%d messages are held", n)
	}
}

// does runs what Update has returned and gives the model the outcomes of commands.
func (u *user) does(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case tea.BatchMsg:
		for _, each := range msg {
			u.does(each)
		}
	case ranMsg:
		u.gets(msg)
	}
}

// A command that had to wait, or whose dialog was open, is done where it was entered, wherever the
// user is by then.
func TestCommandRunsWhereItWasEntered(t *testing.T) {
	to, wires := obedient(t)
	who, err := client.Dial(t.Context(), to, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(who.Close)
	gone := unsubscribedMsg{"gophers", &client.Refusal{Code: client.ServerGone, Reason: "server was deleted"}}
	there, fresh := commands.Place{Server: "rustaceans", Channel: "general"}, commands.Place{Server: "fresh", Channel: "general"}
	for name, c := range map[string]struct {
		enter func(u *user) tea.Msg // returns what makes the command run
		wire  string
		at    commands.Place // where the user is afterwards
	}{
		"it waited for another command": {func(u *user) tea.Msg {
			u.types("/listchannels").presses("enter").types("/deletechannel news").presses("enter", "ctrl+n", "ctrl+n")
			return ranMsg{at: general}
		}, "deletechannel gophers news", there},
		"its server was deleted while it asked": {func(u *user) tea.Msg {
			u.types("/deletechannel").presses("enter").gets(gone).types("general")
			return keyNamed("enter")
		}, "deletechannel gophers general", there},
		"it leads elsewhere": {func(u *user) tea.Msg {
			u.types("/createserver").presses("enter").gets(gone).types("fresh").presses("enter")
			return keyNamed("enter")
		}, "createserver fresh ", fresh},
	} {
		t.Run(name, func(t *testing.T) {
			u := alice(t, 80, 24).page(0)
			u.m.net = &net{ctx: t.Context(), who: who}
			_, cmd := u.m.Update(c.enter(u))
			u.does(cmd)
			if wire := <-wires; wire != c.wire || u.m.at != c.at {
				t.Errorf("%q is sent, the user is in %v", wire, u.m.at)
			}
		})
	}
}
