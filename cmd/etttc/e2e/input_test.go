package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"elemental/cmd/elemental/providertest"
	"elemental/cmd/etttc/terminaltest"
)

// inGeneral starts alice's screen in the channel general of a server of hers.
func inGeneral(t *testing.T, args ...string) (*user, *terminaltest.Terminal) {
	t.Helper()
	p := providertest.Start(t, elemental)
	alice := newUser(t, p.Addr, "alice")
	alice.makes("gophers", "random")
	term := open(t, p.Addr, as(t, "alice", args...)...)
	term.WaitFor("#general in gophers")
	waitForMatch(term, `members 1/1`)
	return alice, term
}

// posted matches what stands before a text of alice that the provider has: one that is still on its
// way has no time.
const posted = `\d\d:\d\d alice +`

func TestPaste(t *testing.T) {
	alice, term := inGeneral(t)
	term.Type("see: ")
	term.Paste("func main() {\n\tprintln(\"日本\")\n}")
	waitForMatch(term, `› see: func main\(\) \{\n +println\("日本"\)\n +\}`)
	term.Key("enter")
	waitForMatch(term, posted+`see: func main\(\) \{`)
	term.WaitFor("message to #general")
	want := "see: func main() {\n\tprintln(\"日本\")\n}"
	if got := alice.history("gophers", "general"); !slices.Equal(got, []string{want}) {
		t.Errorf("posted %q", got)
	}
}

func TestCompletion(t *testing.T) {
	alice, term := inGeneral(t)
	term.Type("/gotoc")
	term.Key("tab")
	waitForMatch(term, `› /gotochannel`)
	term.Type("ra")
	term.Key("tab")
	waitForMatch(term, `› /gotochannel random`)
	term.Key("enter")
	term.WaitFor("#random in gophers")
	term.Type("it was al")
	term.Key("tab")
	waitForMatch(term, `› it was alice`)
	term.Type("indeed")
	term.Key("enter")
	waitForMatch(term, posted+`it was alice indeed`)
	if got := alice.history("gophers", "random"); !slices.Equal(got, []string{"it was alice indeed"}) {
		t.Errorf("posted %q", got)
	}
	term.Key("up")
	waitForMatch(term, `› it was alice indeed`)
	term.Key("up")
	waitForMatch(term, `› /gotochannel random`)
}

func TestHelpAndMistakes(t *testing.T) {
	_, term := inGeneral(t)
	enter(term, "/help")
	for _, command := range strings.Fields("/createserver /deleteserver /listservers /listchannels /joinserver /gotoserver /gotochannel " +
		"/createchannel /deletechannel /setserverimg /getserverimg /leaveserver /members /passwd /reconnect /help /quit") {
		term.WaitFor(command)
	}
	enter(term, "/joinserfer x y")
	term.WaitFor("/joinserver") // the command that was meant
	enter(term, "/joinserver nowhere x")
	term.WaitFor("server does not exist")
}

// TestTypingWhileMessagesArrive checks that no key is lost while messages come.
func TestTypingWhileMessagesArrive(t *testing.T) {
	alice, term := inGeneral(t)
	var typed []string
	for i := range 25 { // the screen is drawn anew for each key, which
		alice.posts("gophers", "general", fmt.Sprintf("noise %d", i))
		typed = append(typed, fmt.Sprintf("word%d", i))
		term.Type(typed[i] + " ")
	}
	term.Key("enter")
	term.WaitFor("message to #general")
	want := strings.Join(typed, " ")
	waitForMatch(term, posted+`word0 word1`)
	if got := alice.history("gophers", "general"); strings.TrimSpace(got[len(got)-1]) != want {
		t.Errorf("posted %q, typed %q", got[len(got)-1], want)
	}
}

// TestTerminated checks that a signal ends the program and that the terminal is left as it was.
func TestTerminated(t *testing.T) {
	_, term := inGeneral(t)
	term.Signal(syscall.SIGTERM)
	if code := term.Wait(); code != 143 {
		t.Errorf("exit code %d", code)
	}
	checkLeft(t, term)
}

// checkLeft checks that the terminal is as it was before the program.
func checkLeft(t *testing.T, term *terminaltest.Terminal) {
	t.Helper()
	state := term.State()
	state.Title = "" // terminals cannot tell what the title was before
	if state != (terminaltest.State{Cursor: true}) {
		t.Errorf("the terminal is left as %+v", state)
	}
}

// TestQuit checks that the program leaves the terminal as it was, whichever way the user quits.
func TestQuit(t *testing.T) {
	for name, leave := range map[string]func(*terminaltest.Terminal){
		"command": func(term *terminaltest.Terminal) { enter(term, "/quit") },
		"key":     func(term *terminaltest.Terminal) { term.Key("ctrl+d") },
	} {
		t.Run(name, func(t *testing.T) {
			p := providertest.Start(t, elemental)
			newUser(t, p.Addr, "alice").makes("gophers")
			// A program that is slow to begin hides the cursor before it takes the alternate screen,
			// in a frame without a text. This does so each time.
			script := `printf '\033[?25l'; "$0" "$@"; echo "exit code $?"; stty -a`
			term := terminaltest.Start(t, cols, rows, "sh", append([]string{"-c", script, etttc}, as(t, "alice", p.Addr)...), nil)
			term.WaitFor("#general in gophers")
			if state := term.State(); !state.AltScreen || !state.Mouse || !state.Paste {
				t.Errorf("not a full screen: %+v", state)
			}
			leave(term)
			term.WaitFor("exit code 0")
			waitForMatch(term, `\Wicanon\W(.|\n)*\Wecho\W`)
			if code := term.Wait(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			checkLeft(t, term)
		})
	}
}
