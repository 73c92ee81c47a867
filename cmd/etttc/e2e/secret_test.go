package e2e_test

import (
	"regexp"
	"strings"
	"testing"

	"elemental/cmd/elemental/providertest"
	"elemental/cmd/etttc/terminaltest"
)

// TestWire shows the JSON of everything that has secrets in it, typed in dialogs and in lines. No
// secret may ever have been printed.
func TestWire(t *testing.T) {
	p := providertest.Start(t, elemental)
	newUser(t, p.Addr, "owner").makes("gophers")
	term := open(t, p.Addr, "--raw")
	register(term, "alice")
	term.WaitFor(`"call":"login"`)
	term.WaitFor(`"usernm":"alice"`)
	enter(term, "/joinserver gophers s3cret-but-wrong")
	term.WaitFor("incorrect server password")
	enter(term, "/joinserver gophers "+passwordOf("gophers"))
	term.WaitFor(`"call":"getservermembers"`)
	waitForMatch(term, `(?s)successfully joined server.*F1 help`) // a dialog opens when no other command is under way
	enter(term, "/passwd")
	term.WaitFor("new password again:")
	for _, answer := range []string{passwordOf("alice"), "s3cret-newer", "s3cret-newer"} {
		enter(term, answer)
	}
	term.WaitFor(`"call":"changepasswd"`)
	term.WaitFor("password has been changed")
	term.Key("up")
	term.Key("up")
	waitForMatch(term, `› /joinserver gophers\n`)
	term.Key("ctrl+c")
	term.WaitFor("message to #general")
	enter(term, "/quit")
	if code := term.Wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	checkNoSecret(t, term)
}

func checkNoSecret(t *testing.T, term *terminaltest.Terminal) {
	t.Helper()
	output := term.Output()
	if at := strings.Index(output, "s3cret"); at >= 0 {
		t.Errorf("a secret was printed: %q", output[max(at-80, 0):min(at+80, len(output))])
	}
	if key := regexp.MustCompile(`"key":"[A-Za-z0-9]+`).FindString(output); key != "" {
		t.Errorf("a key was printed: %s", key)
	}
	if !strings.Contains(output, `"key"`) || !strings.Contains(output, `"passwd"`) {
		t.Error("neither a key nor a password was masked")
	}
}

// TestHostileTexts has others post texts that could steer a terminal. They are shown as text.
func TestHostileTexts(t *testing.T) {
	p := providertest.Start(t, elemental, "--providerwelcome", "welcome \x1b]2;pwned\a\x1b[2J")
	owner := newUser(t, p.Addr, "owner")
	owner.makes("gophers")
	newUser(t, p.Addr, "alice").joins("gophers")
	owner.posts("gophers", "general", "before", "\x1b[2J\x1b[H\x1b[?1049l\x1b[?25l erased?", "\x1b]2;pwned\a titled?", "\a\a\a rung?",
		"\u202Edetrever?", "\u009b31m C1?", "\x1b]52;c;cHduZWQ=\a copied?", "\x1bP+q544e\x1b\\ asked?", "over\rwritten? \b\b\b", "\u2066\u200bhidden?")
	term := open(t, p.Addr, as(t, "alice", "--raw")...)
	term.WaitFor("hidden?")
	owner.posts("gophers", "general", "\x1b[31m\x1b]2;pwned\alive?") // by a push, too
	for _, text := range []string{"before", "erased?", "titled?", "rung?", "detrever?", "C1?", "copied?", "asked?", "written?", "live?", "pwned"} {
		term.WaitFor(text)
	}
	state := term.State()
	if strings.Contains(state.Title, "pwned") || state.Bells > 0 || !state.AltScreen {
		t.Errorf("others steer the terminal: %+v", state)
	}
	for _, sequence := range []string{"\u202e", "\u2066", "\u200b", "\u009b", "\x1b]52", "\x1bP+q544e", "\x1b]2;pwned"} {
		if strings.Contains(term.Output(), sequence) {
			t.Errorf("%q reached the terminal", sequence)
		}
	}
}

// TestNoColour checks that with NO_COLOR nothing is printed in colour, and all else is as usual.
func TestNoColour(t *testing.T) {
	p := providertest.Start(t, elemental)
	alice := newUser(t, p.Addr, "alice")
	alice.makes("gophers")
	alice.posts("gophers", "general", "hello")
	colour := regexp.MustCompile(`\x1b\[([\d:]+;)*(3[0-8]|4[0-8]|9[0-7]|10[0-7])([;:][\d;:]*)?m`)
	for _, row := range []struct {
		env  string
		want bool
	}{{"NO_COLOR=1", false}, {"NO_COLOR=", true}} {
		term := terminaltest.Start(t, cols, rows, etttc, as(t, "alice", p.Addr), []string{row.env})
		waitForMatch(term, `alice +hello`)
		waitForMatch(term, `members \d/1`)
		if got := colour.FindString(term.Output()); (got != "") != row.want {
			t.Errorf("%s: %q", row.env, got)
		}
	}
}
