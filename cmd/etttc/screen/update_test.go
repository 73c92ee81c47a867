package screen

import (
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"elemental/client"
	"elemental/cmd/etttc/commands"
)

func TestCommandAsksForWhatIsMissing(t *testing.T) {
	u := alice(t, 80, 24).page(0).types("/joinserver").presses("enter").sees("server name:", "server password:")
	u.types("demo").presses("enter").types("burrow").sees("******").seesNot("burrow").presses("enter")
	u.sees("/joinserver…").seesNot("server password:")
	to := commands.Place{Server: "demo", Channel: "general"}
	u.gets(ranMsg{at: general, outcome: commands.Outcome{Lines: []string{"successfully joined server"}, Goto: &to, Changed: true}})
	if u.sees("successfully joined server").seesNot("/joinserver…"); u.m.at != to {
		t.Errorf("the user is in %v", u.m.at)
	}
	u.types("/joinserver").presses("enter", "esc").seesNot("server name:").types("x").sees("› x")
}

func TestSecretsAreNeitherShownNorKept(t *testing.T) {
	u := alice(t, 80, 24).page(0).types("/joinserver demo burrow").sees("/joinserver demo ******").seesNot("burrow")
	u.presses("enter").gets(ranMsg{at: general, err: &client.Refusal{Reason: "incorrect server password"}})
	u.sees("incorrect server password").presses("up").sees("› /joinserver demo").seesNot("burrow", "***")
	for _, line := range u.m.input.past {
		if strings.Contains(line, "burrow") {
			t.Errorf("%q is kept", line)
		}
	}
	u.presses("enter").sees("server password:").types("right").presses("enter").sees("/joinserver…")
}

func TestInputHistory(t *testing.T) {
	u := alice(t, 80, 24).page(0)
	for _, text := range []string{"one", "two", "two"} {
		u.types(text).presses("enter")
	}
	u.types("draft").presses("up").sees("› two").presses("up").sees("› one").presses("up").sees("› one")
	u.presses("down", "down").sees("› draft")
	u.presses("ctrl+c").sees("› message to").presses("up").sees("› draft")
}

func TestSeveralLines(t *testing.T) {
	u := alice(t, 80, 24).page(0).types("/help").presses("enter").types("first").presses("alt+enter").types("second").presses("ctrl+j")
	u.gets(tea.PasteMsg{Content: "third\r\nfourth"}).sees("› first\n  second\n  third\n  fourth")
	u.presses("up", "up", "up").types("!").sees("› first!")
	u.presses("up").seesNot("first!").presses("down").sees("first!").presses("enter")
	if got := u.m.outbox.posts[0].text; got != "first!\nsecond\nthird\nfourth" {
		t.Errorf("%q is posted", got)
	}
	u.gets(tea.PasteMsg{Content: strings.Repeat("line\n", 30)}).fits(80, 24)
	u.gets(tea.PasteMsg{Content: strings.Repeat("x", longestInput)}).sees("too much to be pasted")
}

func TestTabCompletes(t *testing.T) {
	u := alice(t, 80, 24).page(0)
	u.types("/gotos").presses("tab").sees("› /gotoserver")
	u.types("rus").presses("tab").sees("› /gotoserver rustaceans").presses("ctrl+u")
	u.types("/goto").presses("tab").sees("[/gotoserver] /gotochannel", "› /gotoserver")
	u.presses("tab").sees("/gotoserver [/gotochannel]", "› /gotochannel").presses("tab").sees("› /gotoserver")
	u.presses("shift+tab").sees("› /gotochannel").types(" ").seesNot("[/goto").types("ne").presses("tab").sees("› /gotochannel news")
	u.presses("ctrl+u").types("hi @car").presses("tab").sees("› hi @carol")
}

func TestUnreadAndMentions(t *testing.T) {
	in := func(channel string, index int64, text string) client.Message {
		return client.Message{Server: "gophers", Channel: channel, Index: index, Author: "bob", Text: text, Time: noon}
	}
	u := alice(t, 80, 24).page(0).posted(in("news", 7, "malice"), in("news", 8, "x"))
	u.sees("#news      2").seesNot("@")
	u.posted(in("news", 9, "Alice, look")).sees("#news     @3")
	u.posted(in("general", 0, "seen at once")).sees("seen at once", "#general     │").seesNot("─ new ─")
	u.presses("alt+a").sees("▸ #news     ", "─ new ─", "Alice, look").seesNot("@3")
	u.page(10, in("news", 6, "before"), in("news", 7, "malice")).sees("before")
	if screen := u.screen(); strings.Index(screen, "before") > strings.Index(screen, "─ new ─") {
		t.Errorf("the unread line is not after what was read:\n%s", screen)
	}
	u.presses("ctrl+p", "ctrl+n").seesNot("─ new ─").presses("alt+a").sees("gophers/#news") // nothing is unread
}

func TestMovingBetweenChannels(t *testing.T) {
	u := alice(t, 80, 24).page(0)
	for _, step := range []struct{ key, want string }{
		{"ctrl+n", "gophers/#news"}, {"alt+down", "rustaceans/#general"}, {"ctrl+n", "gophers/#general"},
		{"ctrl+p", "rustaceans/#general"}, {"alt+up", "gophers/#news"},
	} {
		u.presses(step.key).sees(step.want)
	}
	u.gets(tea.MouseClickMsg{Button: tea.MouseLeft, X: 5, Y: 5}).sees("rustaceans/#general")
	for _, below := range []int{6, 20} { // the last of the six rows is at 5
		u.gets(tea.MouseClickMsg{Button: tea.MouseLeft, X: 5, Y: below}).sees("rustaceans/#general")
	}
}

// What came while the user had scrolled up is still marked when they come back from another
// channel.
func TestLeavingAChannelKeepsTheMarkOfWhatWasNotSeen(t *testing.T) {
	u := alice(t, 80, 24).page(100, numbered(0, 100)...).presses("pgup").posted(said(100, "bob", "not seen"))
	u.presses("ctrl+n").sees("#general   1").presses("ctrl+p").sees("─ new ─", "not seen")
	u.presses("ctrl+n", "ctrl+p").sees("not seen").seesNot("─ new ─")
}

func TestWheelScrolls(t *testing.T) {
	u := alice(t, 80, 24).page(100, numbered(0, 100)...)
	u.gets(tea.MouseWheelMsg{Button: tea.MouseWheelUp}).seesNot("message 99.").sees("message 98.")
	for _, sideways := range []tea.MouseButton{tea.MouseWheelLeft, tea.MouseWheelRight} {
		u.gets(tea.MouseWheelMsg{Button: sideways}).seesNot("message 99.").sees("message 98.")
	}
	u.gets(tea.MouseWheelMsg{Button: tea.MouseWheelDown}).sees("message 99.")
}

func TestMembers(t *testing.T) {
	u := alice(t, 120, 24).page(0).sees("members 2/3", "● alice, owner", "● bob", "○ carol")
	u.presses("f4").seesNot("● bob").presses("f4").sees("● bob")
	u.gets(membersMsg{server: "gophers", err: client.ErrNotOffered}).seesNot("members")
}

func TestNarrowTerminalShowsOneListAtATime(t *testing.T) {
	u := alice(t, 40, 10).page(1, said(0, "bob", "hello")).sees("hello").seesNot("rustaceans", "members")
	u.presses("f3").sees("rustaceans").seesNot("hello").presses("f4").sees("members", "carol").seesNot("rustaceans")
	u.presses("esc").sees("hello").gets(tea.WindowSizeMsg{Width: 39, Height: 10}).sees("too small")
	u.gets(tea.WindowSizeMsg{Width: 20, Height: 5}).sees("too small", "40×10")
	u.gets(tea.WindowSizeMsg{Width: 3, Height: 2}).gets(tea.WindowSizeMsg{Width: 1, Height: 1})
}

// A click where the terminal is too small to show anything does nothing.
func TestClickOnATerminalThatIsTooSmall(t *testing.T) {
	u := alice(t, 80, 24).page(0)
	for _, height := range []int{1, 2, 9} {
		u.gets(tea.WindowSizeMsg{Width: 80, Height: height}, tea.MouseClickMsg{Button: tea.MouseLeft, X: 5, Y: 3})
	}
	u.gets(tea.WindowSizeMsg{Width: 80, Height: 24}).sees("gophers/#general")
}

func TestListsClosedOnANarrowTerminalComeBackOnAWideOne(t *testing.T) {
	u := alice(t, 40, 10).page(0).presses("f3", "f3", "f4", "f4").seesNot("rustaceans", "carol")
	u.gets(tea.WindowSizeMsg{Width: 120, Height: 40}).sees("rustaceans", "carol")
	u.presses("f3", "f4").seesNot("rustaceans", "carol")
}

func TestWirePane(t *testing.T) {
	u := alice(t, 80, 24).page(0).gets(trafficMsg{traffic: []client.Traffic{{Sent: true, Time: noon, JSON: []byte(`{"call":"ping"}`)}, {Time: noon, JSON: []byte(`{"resp":true}`)}}, missed: 3})
	u.seesNot("ping").presses("f2").sees(`→ {"call":"ping"}`, `← {"resp":true}`, "3 not shown").presses("esc").seesNot("ping")
	for range 10 {
		u.gets(trafficMsg{traffic: make([]client.Traffic, 100)})
	}
	if n := len(u.m.wire.objects); n != mostWire {
		t.Errorf("%d objects are kept", n)
	}
	start(t, Config{Raw: true}, 80, 24).sees("wire, F2 closes")
}

// quits reports whether a command ends the program at once.

func TestMentionsAreWords(t *testing.T) {
	for text, want := range map[string]bool{
		"alice": true, "@Alice!": true, "hi ALICE": true, "malice": false, "alices": false, "alice_x": false,
		"malice alice": true, "": false, "élalice": false, "日本alice": false, "(alice)": true,
	} {
		if got := mentions(text, "alice"); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestHelpTellsKeysOnOneScreen(t *testing.T) {
	u := alice(t, 120, 30).page(0).presses("f1").sees("F1                 these", "F2                 the JSON", "/help lists the commands")
	u.gets(tea.WindowSizeMsg{Width: 60, Height: 40}).sees("F2 — the JSON")
}

func TestHelpTellsCommands(t *testing.T) {
	u := alice(t, 120, 40).page(0)
	u.gets(ranMsg{aside: true, at: general, outcome: commands.Outcome{Lines: []string{"/one      first", "/two x    second"}}})
	u.sees("/one      first", "/two x    second")
}

func TestUnreadLineStandsWhereTheUserLookedAway(t *testing.T) {
	u := alice(t, 80, 24).page(1, said(0, "bob", "seen")).gets(tea.BlurMsg{}).posted(said(1, "bob", "not seen"))
	screen := u.sees("─ new ─").screen()
	if line := strings.Index(screen, "─ new ─"); line < strings.Index(screen, "bob seen") || line > strings.Index(screen, "not seen") {
		t.Errorf("the unread line is out of place:\n%s", screen)
	}
	u.gets(tea.FocusMsg{}).presses("esc").seesNot("─ new ─")
}

func TestStrangerMakesTheMembersBeAskedFor(t *testing.T) {
	u := alice(t, 80, 24).page(0)
	u.m.asked = noon.Add(-time.Minute)
	u.posted(said(0, "bob", "a member"))
	if u.m.asked.Equal(noon) {
		t.Error("asked for because of a member")
	}
	u.posted(said(1, "dave", "I am new here"))
	if !u.m.asked.Equal(noon) {
		t.Error("not asked for because of a stranger")
	}
}

// A list that was asked for before something changed is not used.

func TestChannelThatWasLeftKeepsItsNewest(t *testing.T) {
	u := alice(t, 80, 24).page(1000, numbered(0, 1000)...).presses("ctrl+n")
	if held := len(u.m.room(general).history.messages); held != keptAside {
		t.Errorf("%d messages are held", held)
	}
	u.presses("ctrl+p").sees("message 999.")
}
