package screen

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"elemental/client"
	"elemental/cmd/etttc/commands"
)

// user drives a model as a user and a provider would, and looks at what it shows. Commands are
// not run: the tests send the answers instead.
type user struct {
	t *testing.T
	m *model
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

var general = commands.Place{Server: "gophers", Channel: "general"}

// start opens the screen with a provider that can be reached.
func start(t *testing.T, c Config, width, height int) *user {
	t.Helper()
	if c.Address == "" {
		c.Address = "localhost:5005"
	}
	u := &user{t, newModel(c)}
	u.m.now = noon
	u.gets(tea.WindowSizeMsg{Width: width, Height: height})
	u.gets(statusMsg{client.Status{State: client.Online}})
	u.gets(providerMsg{provider: client.Provider{Name: "LOCALPROVIDER", Welcome: "welcome to your LOCALPROVIDER"}})
	return u
}

// alice opens the screen with alice logged in, in gophers/#general with some messages.
func alice(t testing.TB, width, height int) *user {
	test, _ := t.(*testing.T)
	u := &user{test, newModel(Config{Address: "localhost:5005", User: "alice", Password: "secret"})}
	u.m.now = noon
	for _, msg := range []tea.Msg{
		tea.WindowSizeMsg{Width: width, Height: height},
		statusMsg{client.Status{State: client.Online}},
		providerMsg{provider: client.Provider{Name: "LOCALPROVIDER", Welcome: "welcome to your LOCALPROVIDER"}},
		loggedInMsg{user: "alice"},
		listedMsg{servers: []server{{"gophers", []string{"general", "news"}}, {"rustaceans", []string{"general"}}}},
		membersMsg{server: "gophers", channels: []string{"general", "news"}, members: client.Members{Owner: "alice", Members: []client.Member{
			{User: "alice", Online: true}, {User: "bob", Online: true}, {User: "carol"},
		}}},
		tickMsg{now: noon, lag: 12 * time.Millisecond},
	} {
		u.gets(msg)
	}
	return u
}

func (u *user) gets(msgs ...tea.Msg) *user {
	for _, msg := range msgs {
		u.m.Update(msg)
	}
	return u
}

// page answers the question for history that is under way.
func (u *user) page(total int64, messages ...client.Message) *user {
	r := u.m.here()
	return u.gets(pageMsg{place: r.place, epoch: r.epoch, which: r.loading, page: client.Page{Messages: messages, Total: total}})
}

// posted sends what a subscription delivers.
func (u *user) posted(messages ...client.Message) *user {
	events := make([]client.Event, len(messages))
	for i, m := range messages {
		events[i] = client.Event{Kind: client.Posted, Message: m}
	}
	return u.gets(eventsMsg{messages[0].Server, events})
}

// types enters text key by key; presses presses keys by name.
func (u *user) types(text string) *user {
	for _, r := range text {
		u.gets(tea.KeyPressMsg{Text: string(r), Code: r})
	}
	return u
}

func (u *user) presses(names ...string) *user {
	for _, name := range names {
		u.gets(keyNamed(name))
	}
	return u
}

// keyNamed returns a key as the terminal reports it.
func keyNamed(name string) tea.KeyPressMsg {
	codes := map[string]rune{
		"enter": tea.KeyEnter, "tab": tea.KeyTab, "esc": tea.KeyEscape, "up": tea.KeyUp, "down": tea.KeyDown,
		"left": tea.KeyLeft, "right": tea.KeyRight, "home": tea.KeyHome, "end": tea.KeyEnd, "pgup": tea.KeyPgUp,
		"pgdown": tea.KeyPgDown, "backspace": tea.KeyBackspace, "delete": tea.KeyDelete,
		"f1": tea.KeyF1, "f2": tea.KeyF2, "f3": tea.KeyF3, "f4": tea.KeyF4,
	}
	var key tea.KeyPressMsg
	parts := strings.Split(name, "+")
	for _, mod := range parts[:len(parts)-1] {
		key.Mod |= map[string]tea.KeyMod{"ctrl": tea.ModCtrl, "alt": tea.ModAlt, "shift": tea.ModShift}[mod]
	}
	last := parts[len(parts)-1]
	if code, named := codes[last]; named {
		key.Code = code
	} else {
		key.Code = []rune(last)[0]
	}
	return key
}

// screen returns what the user sees, without styles and without spaces at the ends of lines.
func (u *user) screen() string {
	rows, _ := u.m.draw()
	for i := range rows {
		rows[i] = strings.TrimRight(u.plain(rows[i]), " ")
	}
	return strings.Join(rows, "\n") + "\n"
}

// plain returns a row without styles.
func (u *user) plain(row string) string { return ansi.Strip(row) }

func (u *user) sees(parts ...string) *user {
	u.t.Helper()
	screen := u.screen()
	for _, part := range parts {
		if !strings.Contains(screen, part) {
			u.t.Fatalf("no %q on the screen:\n%s", part, screen)
		}
	}
	return u
}

func (u *user) seesNot(parts ...string) *user {
	u.t.Helper()
	screen := u.screen()
	for _, part := range parts {
		if strings.Contains(screen, part) {
			u.t.Fatalf("%q is on the screen:\n%s", part, screen)
		}
	}
	return u
}

// said returns a message in gophers/#general, posted a minute after the one before it.
func said(index int64, author, text string) client.Message {
	return client.Message{
		Server: "gophers", Channel: "general", Index: index, Author: author, Text: text,
		Time: noon.Add(time.Duration(index-1000) * time.Minute),
	}
}

// numbered returns messages of bob whose texts have their indexes.
func numbered(begin, end int64) []client.Message {
	var all []client.Message
	for i := begin; i < end; i++ {
		all = append(all, said(i, "bob", fmt.Sprintf("message %d.", i)))
	}
	return all
}
