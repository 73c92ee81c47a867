package screen

import (
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"elemental/client"
)

// went returns the traffic of numbered objects.
func went(from, to int) trafficMsg {
	var msg trafficMsg
	for i := from; i < to; i++ {
		msg.traffic = append(msg.traffic, client.Traffic{Time: noon, JSON: fmt.Appendf(nil, `{"object":"%d."}`, i)})
	}
	return msg
}

// wireTop returns the number of the first object that the pane shows.
func (u *user) wireTop() string {
	_, rest, _ := strings.Cut(u.screen(), `{"object":"`)
	number, _, _ := strings.Cut(rest, `"`)
	return number
}

func TestWirePaneFollowsUnlessItIsScrolledUp(t *testing.T) {
	u := alice(t, 80, 24).page(0).presses("f2").gets(went(0, 100)).sees(`"99."`).seesNot("wire, scrolled up")
	u.gets(went(100, 110)).sees(`"109."`)
	u.presses("shift+pgup").sees("wire, scrolled up").seesNot(`"109."`)
	top := u.wireTop()
	u.gets(went(110, 150))
	if got := u.wireTop(); got != top || top == "" {
		t.Errorf("the pane moved from %s to %s", top, got)
	}
	u.presses("alt+pgdown", "shift+pgdown", "shift+pgdown", "shift+pgdown", "shift+pgdown", "shift+pgdown").sees(`"149."`)
	u.gets(went(150, 151)).sees(`"150."`).seesNot("wire, scrolled up")
}

// When old objects are dropped, the part of the pane that the user reads does not move.
func TestWirePaneStaysWhenOldObjectsGo(t *testing.T) {
	u := alice(t, 80, 24).page(0).presses("f2").gets(went(0, mostWire), tea.WindowSizeMsg{Width: 80, Height: 30}).presses("shift+pgup")
	top := u.wireTop()
	u.gets(went(mostWire, mostWire+100))
	if got := u.wireTop(); got != top || top == "" {
		t.Errorf("the pane moved from %s to %s", top, got)
	}
	for range 80 {
		u.presses("shift+pgup")
	}
	u.sees(`"100."`).gets(went(400, 410)).sees(`"110."`).fits(80, 30) // what the user read is dropped
}

func TestWheelScrollsWhatIsUnderIt(t *testing.T) {
	u := alice(t, 80, 24).page(100, numbered(0, 100)...).presses("f2").gets(went(0, 100))
	u.gets(tea.MouseWheelMsg{Button: tea.MouseWheelUp, X: 30, Y: 15}).sees("message 99.", `"96."`).seesNot(`"97."`)
	u.gets(tea.MouseWheelMsg{Button: tea.MouseWheelUp, X: 30, Y: 5}).sees(`"96."`).seesNot("message 99.")
	u.gets(tea.MouseWheelMsg{Button: tea.MouseWheelDown, X: 30, Y: 15}).sees(`"99."`)
	u.presses("f2").gets(tea.MouseWheelMsg{Button: tea.MouseWheelDown, X: 30, Y: 15}).sees("message 99.")
}

func TestWirePaneScrollsDuringTheLogin(t *testing.T) {
	u := start(t, Config{Raw: true}, 80, 24).gets(went(0, 50)).sees(`"49."`).presses("shift+pgup").seesNot(`"49."`)
	u.types("r").sees("(r)egister or (l)ogin: r")
}

func TestHugeObjectIsCut(t *testing.T) {
	u := alice(t, 80, 24).page(0).presses("f2")
	u.gets(trafficMsg{traffic: []client.Traffic{{Time: noon, JSON: []byte(`{"begin":"` + strings.Repeat("日本", 1<<20) + "end")}}})
	u.sees(`{"begin":"`, "…").seesNot("end").fits(80, 24)
	if n := len(u.m.wire.rows); n != mostWireRows {
		t.Errorf("it takes %d rows", n)
	}
}

// A dialog gets its height first; the wire pane gets what is left.
func TestWirePaneLeavesRoomForDialogs(t *testing.T) {
	for height := 10; height <= 40; height++ {
		u := start(t, Config{Raw: true}, 40, height).gets(went(0, 50)).presses("enter").types("alice").presses("enter").types("wrong").presses("enter")
		u.gets(loggedInMsg{user: "alice", err: &client.Refusal{Code: client.WrongPassword, Reason: "password is incorrect"}})
		u.sees("Welcome to localhost:5005", "(r)eg", "username", "› password", "login failed, password is", "╰").fits(40, height)
		rows, cursor := u.m.draw()
		if row := u.plain(rows[cursor.Y]); !strings.Contains(row, "› password") {
			t.Errorf("in %d rows the cursor is in %q", height, row)
		}
		if shown := strings.Contains(u.screen(), "wire"); shown != (height >= 15) {
			t.Errorf("the pane in %d rows: %v", height, shown)
		}
	}
	u := alice(t, 40, 10).page(0).presses("f2").sees("wire").types("/passwd").presses("enter")
	u.sees("old password", "new password again", "Enter goes on", "╰").presses("esc").sees("wire")
}
