package live_test

import (
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"testing"
	"time"

	"elemental/cmd/elemental-load/live"
	"elemental/cmd/etttc/terminaltest"
)

// With this variable set, the test binary is a program with a display. The value says
// what it shows.
const asProgram = "LIVE_PROGRAM"

var shown = map[string]live.Progress{
	"load": {
		Phase: "load", Elapsed: 13 * time.Second, Of: 30 * time.Second, Rate: 12345, P99: 3214 * time.Microsecond, Connections: 200,
	},
	"trouble": {
		Phase: "load", Elapsed: 13 * time.Second, Of: 30 * time.Second, Rate: 1234567, P99: 1250 * time.Millisecond,
		Errors: 1234, Connections: 50000, Note: "the generator is behind: distrust the figures",
	},
	"users":   {Phase: "users", Done: 1999, Total: 2000, Unit: "users"},
	"unknown": {Phase: "checking", Done: 5000, Unit: "messages", Connections: 1},
}

// program shows the same progress again and again, until Ctrl-C. If two names are given,
// the first Ctrl-C lets it show the second one.
func program(how string) int {
	interrupt := make(chan os.Signal, 1)
	signal.Notify(interrupt, os.Interrupt)
	names, noColour := strings.CutSuffix(how, " without colour")
	d := live.New(os.Stderr, true, !noColour)
	fmt.Println("before")
	name, next, both := strings.Cut(names, " then ")
	for i := 0; ; i++ {
		d.Update(shown[name])
		if i == 3 {
			d.Line("a warning")
		}
		select {
		case <-time.After(20 * time.Millisecond): // the pace of the updates
		case <-interrupt:
			if both {
				name, both = next, false
				continue
			}
			d.Close()
			fmt.Println("after")
			return 7
		}
	}
}

func start(t *testing.T, cols, rows int, how string) *terminaltest.Terminal {
	t.Helper()
	return terminaltest.Start(t, cols, rows, os.Args[0], nil, []string{asProgram + "=" + how})
}

// shows waits until the screen has these lines and nothing else.
func shows(term *terminaltest.Terminal, lines ...string) {
	want := strings.Join(lines, "\n")
	term.WaitUntil(fmt.Sprintf("%q", want), func(screen string) bool { return strings.TrimRight(screen, "\n") == want })
}

// showsAll waits until the warning and all of the bar are on the screen.
func showsAll(term *terminaltest.Terminal) {
	term.WaitUntil("a warning and the bar", func(screen string) bool {
		return strings.Contains(screen, "a warning") && strings.Contains(screen, " connections")
	})
}

const (
	loadAt80 = "load  █████████████████░░░░░░░░░░░░░░░░░░░░░░░   43%  13s of 30s"
	loadAt40 = "load  ███████░░░░░░░░   43%  13s of 30s"
)

// TestBar looks at everything that may be shown, in a usual and in a narrow terminal.
func TestBar(t *testing.T) {
	for _, c := range []struct {
		how  string
		cols int
		want []string
	}{
		{"load", 80, []string{loadAt80, "12,345/s  p99 3.21ms  0 errors  200 connections"}},
		{"load", 40, []string{loadAt40, "12.3k/s  p99 3.21ms  err 0  conn 200"}},
		{"load", 20, []string{"load  ███░░░░   43%", "12.3k/s  p99 3.21m…"}},
		{"load", 9, []string{"load   …", "12.3k/s…"}},
		{"trouble", 80, []string{loadAt80, "1,234,567/s  p99 1.25s  1,234 errors  50,000 connections",
			"the generator is behind: distrust the figures"}},
		{"trouble", 40, []string{loadAt40, "1.2M/s  p99 1.25s  err 1.2k  conn 50.0k",
			"the generator is behind: distrust the …"}},
		{"users", 80, []string{"users  ████████████████████████████████████████   99%  1,999 of 2,000 users"}},
		{"users", 40, []string{"users  ██████████████████████████   99%"}},
		{"unknown", 40, []string{"checking  5,000 messages", "0/s  p99 -  0 errors  1 connection"}},
	} {
		t.Run(fmt.Sprintf("%s at %d", c.how, c.cols), func(t *testing.T) {
			shows(start(t, c.cols, 12, c.how), append([]string{"before", "a warning"}, c.want...)...)
		})
	}
}

// TestCtrlC: Ctrl-C ends the program with a signal, which would not come if the terminal
// were in raw mode. Nothing of the bar is left.
func TestCtrlC(t *testing.T) {
	term := start(t, 80, 10, "load")
	term.WaitFor("a warning")
	term.Key("ctrl+c")
	if code := term.Wait(); code != 7 {
		t.Errorf("exit code %d", code)
	}
	shows(term, "before", "a warning", "after")
}

// TestNothingIsSwitched: no terminal mode is set and the cursor is never hidden. So the
// terminal is left in order even if the program is killed.
func TestNothingIsSwitched(t *testing.T) {
	term := start(t, 80, 10, "trouble")
	showsAll(term)
	if term.State() != (terminaltest.State{Cursor: true}) || strings.Contains(term.Output(), "\x1b[?") {
		t.Errorf("%+v %q", term.State(), term.Output())
	}
}

// TestResize makes the terminal narrower and wider again.
func TestResize(t *testing.T) {
	term := start(t, 80, 10, "load")
	shows(term, "before", "a warning", loadAt80, "12,345/s  p99 3.21ms  0 errors  200 connections")
	term.TellSize(40, 10)
	shows(term, "before", "a warning", loadAt40, "12.3k/s  p99 3.21ms  err 0  conn 200")
	term.Resize(40, 10)
	shows(term, "before", "a warning", loadAt40, "12.3k/s  p99 3.21ms  err 0  conn 200")
	term.Resize(100, 10)
	shows(term, "before", "a warning", loadAt80, "12,345/s  p99 3.21ms  0 errors  200 connections")
}

// TestFewerLines: a phase may have fewer lines than the one before.
func TestFewerLines(t *testing.T) {
	term := start(t, 80, 10, "trouble then users")
	term.WaitFor("distrust")
	term.Key("ctrl+c")
	shows(term, "before", "a warning", "users  ████████████████████████████████████████   99%  1,999 of 2,000 users")
}

// TestLowTerminal: the terminal may have fewer rows than the bar has lines.
func TestLowTerminal(t *testing.T) {
	shows(start(t, 80, 2, "trouble"), "a warning", loadAt80)
}

var styled = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// TestColours: errors are red if there are any. Without colour nothing is styled.
func TestColours(t *testing.T) {
	for how, red := range map[string]bool{"load": false, "trouble": true} {
		term := start(t, 80, 10, how)
		showsAll(term)
		if got := strings.Contains(term.Output(), "\x1b[1;31m"); got != red || !styled.MatchString(term.Output()) {
			t.Errorf("%s: %q", how, term.Output())
		}
	}
	term := start(t, 80, 10, "trouble without colour")
	showsAll(term)
	if found := styled.FindString(term.Output()); found != "" {
		t.Errorf("without colour: %q in %q", found, term.Output())
	}
}
