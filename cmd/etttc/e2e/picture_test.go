package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"elemental/cmd/elemental/providertest"
	"elemental/cmd/etttc/terminaltest"
)

// scene is what the pictures show: a provider and some people who use it.
type scene struct {
	t      *testing.T
	addr   string
	people map[string]*user
}

// updating reports whether the pictures are to be written. The scene is played in any case.
func updating() bool { return os.Getenv("ELEMENTAL_UPDATE") == "1" }

func playScene(t *testing.T) *scene {
	t.Helper()
	args := []string{"--providername", "gopher hole", "--providerwelcome", "welcome to the gopher hole, mind the roots"}
	if updating() {
		args = append(args, "--port", "5005") // the port that people know
	}
	p := providertest.Start(t, elemental, args...)
	s := &scene{t, strings.Replace(p.Addr, "127.0.0.1", "localhost", 1), map[string]*user{}}
	for _, name := range []string{"jonas", "yuki", "hana", "sam", "mira"} {
		s.people[name] = newUser(t, p.Addr, name)
	}
	s.people["jonas"].makes("gophers", "random", "releases")
	s.people["hana"].makes("book club", "next up")
	for name, u := range s.people {
		if name != "jonas" {
			u.joins("gophers")
		}
	}
	s.people["mira"].joins("book club")
	s.people["sam"].Close() // sam has gone home
	s.people["mira"].Close()
	return s
}

// says posts a conversation in a channel, given as lines of "name: text".
func (s *scene) says(server, channel string, lines ...string) {
	s.t.Helper()
	for _, line := range lines {
		name, text, _ := strings.Cut(line, ": ")
		s.people[name].posts(server, channel, text)
	}
}

// earlier is what people wrote before mira came.
func (s *scene) earlier() {
	s.t.Helper()
	s.says("gophers", "general",
		"jonas: morning! the provider has been up since Tuesday, not one restart",
		"yuki: おはよう ☀",
		"hana: I pulled the plug in the middle of the import to see what it does",
		"hana: it came back with all 20,000 messages, none of them twice",
		"jonas: that is the journal. Nobody hears \"posted\" before it is on the disk",
		"yuki: and the clients? mine said \"offline\" for a second and went on as if nothing had happened",
		"jonas: they come back by themselves, log in by key and read what they missed. The whole trick fits on a postcard:",
		"jonas: for event := range subscription.Events() {\n    show(event.Message)\n}",
		"hana: a short postcard :)",
	)
}

// meanwhile is what people write while mira looks at another channel.
func (s *scene) meanwhile() {
	s.t.Helper()
	s.says("gophers", "random", "yuki: 🍵 in the kitchen", "hana: on my way", "jonas: me too")
	s.says("book club", "next up", "hana: mira, it is your turn to choose")
	s.says("gophers", "general",
		"yuki: mira: can you have a look at the back-off? I wrote it up in #releases",
		"hana: it grows and jitters, so that not everybody knocks at once",
	)
}

// mira opens the client.
func (s *scene) mira(start func(testing.TB, int, int, string, []string, []string) *terminaltest.Terminal, cols, rows int, args ...string) *terminaltest.Terminal {
	s.t.Helper()
	term := start(s.t, cols, rows, etttc, append(as(s.t, "mira", args...), s.addr), nil)
	waitForMatch(term, `hana +a short postcard`)
	return term
}

// picture draws the screen as a picture, and writes it to a file if pictures are to be written.
func (s *scene) picture(term *terminaltest.Terminal, name, title string, parts ...string) {
	s.t.Helper()
	svg := term.SVG(title)
	for _, part := range parts {
		if !strings.Contains(svg, part) {
			s.t.Errorf("%s lacks %q", name, part)
		}
	}
	if strings.Contains(svg, "s3cret") {
		s.t.Errorf("%s shows a secret", name)
	}
	if updating() {
		if err := os.WriteFile(filepath.Join("..", "..", "..", "docs", "etttc-"+name+".svg"), []byte(svg), 0o644); err != nil { //nolint:gosec // for all to read
			s.t.Fatal(err)
		}
	}
}

// TestPictures plays the scene of which the documentation's pictures are taken.
// scripts/screenshots runs it with ELEMENTAL_UPDATE=1 to write them.
func TestPictures(t *testing.T) {
	s := playScene(t)
	s.earlier()
	at := []string{"--server", "gophers", "--channel", "general"}
	dark := s.mira(terminaltest.Start, 110, 30, at...)
	light := s.mira(terminaltest.StartLight, 110, 30, at...)
	narrow := s.mira(terminaltest.Start, 48, 20, at...)
	raw := s.mira(terminaltest.Start, 110, 36, append(at, "--raw")...)
	for _, term := range []*terminaltest.Terminal{dark, light, narrow, raw} {
		term.Focus(false)
	}
	s.meanwhile()
	for _, term := range []*terminaltest.Terminal{dark, light} {
		waitForMatch(term, `#random +3 `)
		waitForMatch(term, `#next up +@1 `)
		term.WaitFor("knocks at once")
		term.WaitFor("members 4/5")
		term.Type("sure, give me five minutes")
		term.WaitFor("› sure, give me five minutes")
	}
	s.picture(dark, "chat", "etttc", "mira: can you have", "お")
	s.picture(light, "light", "etttc", "mira: can you have")
	narrow.WaitFor("knocks at once")
	s.picture(narrow, "narrow", "etttc", "knocks at once")
	enter(raw, "sure, give me five minutes")
	waitForMatch(raw, `\d\d:\d\d mira +sure, give me`)
	s.says("gophers", "general", "yuki: no hurry")
	raw.WaitFor(`"call":"newmessage"`) // this is the newest object now, so the regular questions have not pushed it out of the pane yet
	s.picture(raw, "raw", "etttc --raw", "&#34;call&#34;:")

	login := terminaltest.Start(t, 80, 18, etttc, []string{s.addr}, nil)
	login.WaitFor("Enter goes on")
	login.Type("r")
	login.Key("enter")
	enter(login, "ada")
	login.Type("s3cret")
	login.WaitFor("******")
	s.picture(login, "login", "etttc", "egister or")
}
