package screen

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"elemental/client"
)

// A conversation with all that makes drawing hard: two days, a mention, wide and joined
// characters, texts of several lines, escape sequences.
func conversation() []client.Message {
	all := []client.Message{
		said(0, "alice", "hello everybody"),
		said(1, "bob", "hi @Alice, how are you?"),
		said(2, "carol", "日本語のテキストは幅が二倍あります、そして折り返されます。"),
		said(3, "bob", "👩‍🚀 👨‍👩‍👧‍👦 ❤️ e\u0301 c\u0327 🇩🇪"),
		said(4, "mallory", "\x1b[2J\x1b[31mred\x07 and \u202edesrever"),
		said(5, "alice", "first line\nsecond line\n\tindented"),
		said(6, "bob", "a longer message that has to be broken so that its words continue under the first ones"),
		said(7, "bob", "https://example.org/"+strings.Repeat("path/", 20)),
	}
	for i := range all[:4] {
		all[i].Time = noon.Add(-20 * time.Hour).Add(time.Duration(i) * time.Minute)
	}
	for i := range all[4:] {
		all[4+i].Time = noon.Add(time.Duration(i-10) * time.Minute)
	}
	return all
}

// scenes are the states that are drawn for comparison.
var scenes = map[string]func(t *testing.T, width, height int) *user{
	"login": func(t *testing.T, w, h int) *user {
		return start(t, Config{User: "alice"}, w, h)
	},
	"refused": func(t *testing.T, w, h int) *user {
		u := start(t, Config{}, w, h).presses("enter").types("alice").presses("enter").types("wrong").presses("enter")
		return u.gets(loggedInMsg{user: "alice", err: &client.Refusal{Call: "login", Code: client.WrongPassword, Reason: "password is incorrect"}})
	},
	"offline": func(t *testing.T, w, h int) *user {
		u := start(t, Config{}, w, h)
		return u.gets(statusMsg{client.Status{State: client.Offline, Pause: 3 * time.Second, Err: fmt.Errorf("dial tcp: %w", errors.New("connection refused"))}})
	},
	"chat": func(t *testing.T, w, h int) *user {
		u := alice(t, w, h).page(8, conversation()...)
		news := client.Message{Server: "gophers", Channel: "news", Author: "bob", Text: "alice: read this"}
		rust := client.Message{Server: "rustaceans", Channel: "general", Author: "ferris", Text: "hello"}
		return u.posted(news).posted(rust).types("an answer")
	},
	"dialog": func(t *testing.T, w, h int) *user {
		return alice(t, w, h).page(8, conversation()...).types("/joinserver").presses("enter").types("demo").presses("enter").types("pass")
	},
	"wire": func(t *testing.T, w, h int) *user {
		u := alice(t, w, h).page(8, conversation()...).presses("f2")
		return u.gets(trafficMsg{traffic: []client.Traffic{
			{Sent: true, Time: noon, JSON: []byte(`{"call":"login","usernm":"alice","passwd":"***"}`)},
			{Time: noon, JSON: []byte(`{"resp":true,"key":"***"}`)},
			{Time: noon, JSON: []byte(`{"call":"newmessage","message":"` + strings.Repeat("long ", 100) + `"}`)},
		}})
	},
	"completion": func(t *testing.T, w, h int) *user {
		return alice(t, w, h).page(8, conversation()...).types("/go").presses("tab")
	},
}

var sizes = [][2]int{{40, 10}, {80, 24}, {120, 40}}

func TestScreenLooksAsDrawn(t *testing.T) {
	for name, scene := range scenes {
		for _, size := range sizes {
			file := fmt.Sprintf("%s_%dx%d.txt", name, size[0], size[1])
			t.Run(file, func(t *testing.T) { golden(t, file, scene(t, size[0], size[1]).screen()) })
		}
	}
}

func TestStylesAreAsDrawn(t *testing.T) {
	u := scenes["chat"](t, 80, 24)
	rows, _ := u.m.draw()
	golden(t, "chat_80x24.ansi", strings.Join(rows, "\n")+"\n")
	u.gets(tea.BackgroundColorMsg{Color: lightGrey{}})
	rows, _ = u.m.draw()
	golden(t, "chat_light_80x24.ansi", strings.Join(rows, "\n")+"\n")
}

type lightGrey struct{}

func (lightGrey) RGBA() (r, g, b, a uint32) { return 0xEEEE, 0xEEEE, 0xEEEE, 0xFFFF }

// golden compares the screen with a file; with ELEMENTAL_UPDATE=1 it writes the file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if os.Getenv("ELEMENTAL_UPDATE") == "1" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the screen differs from %s:\n%s", file, got)
	}
}

// Whatever is shown, the screen is filled exactly: no row too many, and none too wide.
func TestNothingOverflows(t *testing.T) {
	for name, scene := range scenes {
		for _, method := range []ansi.Method{ansi.WcWidth, ansi.GraphemeWidth} {
			t.Run(fmt.Sprint(name, method), func(t *testing.T) {
				for _, width := range []int{1, 39, 40, 41, 57, 63, 64, 79, 80, 120, 131} {
					for _, height := range []int{1, 9, 10, 11, 14, 24, 40} {
						u := scene(t, width, height)
						u.m.cells = cells{method}
						for _, key := range []string{"", "f3", "f4", "pgup", "f2", "pgup", "esc", "end"} {
							if key != "" {
								u.presses(key)
							}
							u.fits(width, height)
						}
					}
				}
			})
		}
	}
}

// fits checks the size of the screen, and that the cursor is on it.
func (u *user) fits(width, height int) *user {
	u.t.Helper()
	rows, cursor := u.m.draw()
	if len(rows) != height {
		u.t.Fatalf("%d rows in %d×%d:\n%s", len(rows), width, height, u.screen())
	}
	for _, row := range rows {
		if got := u.m.cells.width(row); got != width || strings.Contains(row, "\n") {
			u.t.Fatalf("%d columns in %d×%d: %q", got, width, height, row)
		}
	}
	if cursor != nil && (cursor.X < 0 || cursor.X >= width || cursor.Y < 0 || cursor.Y >= height) {
		u.t.Fatalf("the cursor is at %d, %d in %d×%d", cursor.X, cursor.Y, width, height)
	}
	return u
}

// Names, reasons and texts of others reach the terminal only as text.
func TestNothingOfOthersSteersTheTerminal(t *testing.T) {
	const evil = "\x1b]0;owned\x07\x1b[31m\u202e\u009b31m"
	u := start(t, Config{User: "alice", Password: "secret"}, 120, 40)
	u.gets(
		providerMsg{provider: client.Provider{Name: "name" + evil, Welcome: "welcome" + evil}},
		loggedInMsg{user: "alice"},
		listedMsg{servers: []server{{"server" + evil, []string{"general", "channel" + evil}}}},
		membersMsg{server: "server" + evil, members: client.Members{Members: []client.Member{{User: "member" + evil, Online: true}}}},
	)
	u.page(1, client.Message{Server: "server" + evil, Channel: "general", Author: "author" + evil, Text: "text" + evil, Time: noon})
	u.gets(statusMsg{client.Status{State: client.Offline, Err: &client.Refusal{Reason: "reason" + evil}}})
	u.gets(trafficMsg{traffic: []client.Traffic{{JSON: []byte("json" + evil)}}}).presses("f2")
	u.sees("name", "server", "channel", "member", "author", "text", "reason", "json")
	rows, _ := u.m.draw()
	for _, row := range rows {
		for _, bad := range []string{"\x07", "\x1b]", "\u202e", "\u009b", "\x1b[31m"} {
			if strings.Contains(row, bad) {
				t.Errorf("%q reaches the terminal: %q", bad, row)
			}
		}
	}
	if title := u.m.View().WindowTitle; strings.ContainsAny(title, "\x1b\x07") {
		t.Errorf("the window's title is %q", title)
	}
}

// BenchmarkKey presses a key below texts that fill the screen.
func BenchmarkKey(b *testing.B) {
	u := alice(b, 120, 40)
	long := numbered(0, 200)
	for i := range long {
		long[i].Text = strings.Repeat("several words of alice ", 40)
	}
	u.m.room(general).load(newestPage, client.Page{Messages: long, Total: 200})
	for b.Loop() {
		u.presses("x", "backspace").m.View()
	}
}

func BenchmarkScreenOf5000Messages(b *testing.B) {
	u := alice(b, 120, 40)
	u.m.room(general).load(newestPage, client.Page{Messages: numbered(0, 5000), Total: 5000})
	for b.Loop() {
		u.m.Update(tickMsg{now: noon})
		u.m.View()
	}
}

func BenchmarkEventsOfAFlood(b *testing.B) {
	u := alice(b, 120, 40)
	u.m.room(general).load(newestPage, client.Page{})
	next := int64(0)
	for b.Loop() {
		u.posted(numbered(next, next+batch)...)
		u.m.View()
		next += batch
	}
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "events/s")
}
