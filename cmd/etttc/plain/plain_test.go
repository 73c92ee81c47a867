package plain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"elemental/client"
	"elemental/client/visible"
	"elemental/cmd/etttc/commands"
)

// consoleOf returns a console that reads a file with that text.
func consoleOf(t *testing.T, text string) *console {
	t.Helper()
	path := filepath.Join(t.TempDir(), "input")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return newConsole(file, io.Discard)
}

func TestLines(t *testing.T) {
	longest := strings.Repeat("x", mostLine)
	for text, want := range map[string][]string{
		"":                               {},
		"one":                            {"one"},
		"one\n":                          {"one"},
		"one\r\ntwo\r\n\nthree":          {"one", "two", "", "three"},
		longest + "\nnext":               {longest, "next"},
		longest + "\r\nnext":             {longest, "next"},
		longest:                          {longest},
		longest + "x\nnext":              {"too long", "next"},
		longest + longest + "\nnext\n":   {"too long", "next"},
		longest + longest:                {"too long"},
		"\n" + longest + "x":             {"", "too long"},
		strings.Repeat("y", 64<<10) + "": {strings.Repeat("y", 64<<10)},
	} {
		c := consoleOf(t, text)
		var got []string
		for {
			line, err := c.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if errors.Is(err, errTooLong) {
				line = "too long"
			}
			got = append(got, line)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%.20q… of %d bytes gives %d lines, want %d: %.100q", text, len(text), len(got), len(want), got)
		}
	}
}

func TestOwn(t *testing.T) {
	o := newOwn("alice")
	post := func(index int64, text string) {
		o.begin()
		o.finish(client.Message{Index: index, Text: text, Author: "alice"}, true)
	}
	post(3, "mine")
	post(5, "mine")
	for _, c := range []struct {
		m    client.Message
		mine bool
	}{
		{client.Message{Index: 2, Author: "alice", Text: "mine"}, false},
		{client.Message{Index: 3, Author: "alice", Text: "mine"}, true},
		{client.Message{Index: 4, Author: "bob", Text: "mine"}, false},
		{client.Message{Index: 5, Author: "alice", Text: "mine"}, true},
		{client.Message{Index: 6, Author: "alice", Text: "mine"}, false},
	} {
		if got := o.is(c.m); got != c.mine {
			t.Errorf("message %d: %v", c.m.Index, got)
		}
	}
	post(7, "in a channel that was deleted before it was heard")
	post(0, "in the one made anew")
	post(1, "in the one made anew")
	for index := range int64(2) {
		if !o.is(client.Message{Index: index, Author: "alice"}) {
			t.Errorf("message %d of the channel made anew is another's", index)
		}
	}
	post(2, "in a channel that was deleted before it was heard")
	if o.is(client.Message{Index: 2, Author: "alice", Time: time.Unix(1, 0)}) {
		t.Error("another's message is taken for the one that a deleted channel had in its place")
	}
	post(-1, "unknown place") // the original provider does not tell the index
	if o.is(client.Message{Index: 7, Author: "alice", Text: "another"}) || !o.is(client.Message{Index: 8, Author: "alice", Text: "unknown place"}) {
		t.Error("a post whose place is unknown is not found by its text")
	}
}

// While a post is under way, it is not known whether a message is this program's own.
func TestOwnWaitsForThePost(t *testing.T) {
	o := newOwn("alice")
	o.begin()
	found := make(chan bool)
	go func() { found <- o.is(client.Message{Index: 0, Author: "alice"}) }()
	o.finish(client.Message{Index: 0, Author: "alice"}, true)
	if !<-found {
		t.Error("the post that was under way is not ours")
	}
	o.begin()
	go func() { found <- o.is(client.Message{Index: 1, Author: "alice"}) }()
	o.end()
	if <-found {
		t.Error("a post that was never answered is ours")
	}
}

// The number of own posts that have not come back is limited.
func TestOwnIsBounded(t *testing.T) {
	o := newOwn("alice")
	for i := range mostUnheard {
		o.begin()
		o.finish(client.Message{Index: int64(i), Author: "alice"}, true)
	}
	begun := make(chan bool)
	go func() {
		o.begin()
		begun <- true
	}()
	select {
	case <-begun:
		t.Fatal("one more post begins")
	default:
	}
	o.is(client.Message{Index: 0, Author: "alice"})
	<-begun
	o.end()
	o.begin() // waits for nobody
	kept := len(o.unheard)
	if o.finish(client.Message{Index: mostUnheard, Author: "alice"}, true); len(o.unheard) != kept {
		t.Error("posts are kept after the end")
	}
}

// A message that came before the end is asked about after it, if a command ends the subscription at
// that moment.
func TestOwnAfterTheEnd(t *testing.T) {
	o := newOwn("alice")
	o.begin()
	o.finish(client.Message{Index: 0, Author: "alice"}, true)
	o.end()
	if !o.is(client.Message{Index: 0, Author: "alice"}) {
		t.Error("this program's own post is taken for another's")
	}
}

// Trouble with the provider ends the run of a script. The error names the line that was not done,
// if there is one.
func TestTroubleEndsTheRun(t *testing.T) {
	s := &session{}
	for _, want := range []string{
		"not posted, no answer came, it may have been done",
		"not posted, no answer came, it may have been done; line 1 was not acknowledged (0 messages before it were), what follows it was not read",
	} {
		if err := s.failed("not posted", client.ErrUncertain); err == nil || err.Error() != want {
			t.Errorf("at line %d: %v", s.line, err)
		}
		s.line++
	}
}

func TestTextClock(t *testing.T) {
	zone := time.FixedZone("east", 3600)
	now := time.Date(2026, 5, 4, 0, 30, 0, 0, zone)
	var out bytes.Buffer
	teller := &textTeller{out: &output{w: &out}, err: &output{w: io.Discard}, now: func() time.Time { return now }}
	for _, when := range []time.Time{now.Add(-time.Minute).UTC(), now.Add(-time.Hour)} {
		teller.message(client.Message{Server: "de\x1bmo", Channel: "a\nb", Author: "al\u202eice", Text: "x\ny", Time: when})
	}
	want := "[00:29:00] de␛mo/a⏎b al‹U+202E›ice: x\n    y\n[2026-05-03 23:30:00] de␛mo/a⏎b al‹U+202E›ice: x\n    y\n"
	if out.String() != want {
		t.Errorf("printed\n%swant\n%s", out.String(), want)
	}
}

// While a question waits, nothing is printed into its line; but the text that is held back is
// limited.
func TestQuestionHoldsBack(t *testing.T) {
	var screen bytes.Buffer
	h := &hold{terminal: &screen}
	out := &output{w: &screen, hold: h}
	shows := func(want string) {
		t.Helper()
		if got := screen.String(); got != want {
			t.Errorf("printed\n%q, want\n%q", got, want)
		}
		screen.Reset()
	}
	out.write("before\n")
	if err := h.ask("name: "); err != nil {
		t.Fatal(err)
	}
	out.write("one\n")
	out.write("two\n")
	shows("before\nname: ")
	h.answered()
	out.write("after\n")
	shows("one\ntwo\nafter\n")

	if err := h.ask("name: "); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", mostHeld) + "\n"
	out.write(long)
	out.write("held\n")
	shows("name: \n" + long + "name: ")
	h.end()
	shows("\nheld\n")
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestPrintingFails(t *testing.T) {
	teller := &jsonTeller{out: &output{w: fullDisk{}}}
	teller.notice("x")
	teller.deleted(commands.Place{})
	if err := teller.broken(); err == nil || err.Error() != "printing: no space left" {
		t.Errorf("a full disk gives %v", err)
	}
}

// All times of JSON events are in the same zone.
func TestJSONTimes(t *testing.T) {
	var out bytes.Buffer
	teller := &jsonTeller{out: &output{w: &out}}
	when := time.Date(2026, 5, 4, 0, 30, 0, 0, time.FixedZone("east", 3600))
	teller.wire(client.Traffic{Time: when, JSON: []byte("{}")})
	teller.message(client.Message{Time: when})
	if n := strings.Count(out.String(), `"time":"2026-05-03T23:30:00Z"`); n != 2 {
		t.Errorf("printed\n%s", out.String())
	}
}

func FuzzJSON(f *testing.F) {
	f.Add("hello")
	f.Add("\uffff\U00010000")
	f.Add("\x1b[31m\u202e\U000E0041\u0085\x7f\xff\"\\u0000")
	f.Fuzz(func(t *testing.T, text string) {
		var out bytes.Buffer
		teller := &jsonTeller{out: &output{w: &out}}
		teller.message(client.Message{Text: text, Server: text, Author: text})
		line := out.String()
		if strings.Count(line, "\n") != 1 || !utf8.ValidString(line) {
			t.Fatalf("%q is not one line", line)
		}
		for _, r := range strings.TrimSuffix(line, "\n") {
			if !visible.Rune(r) {
				t.Fatalf("%U in %q", r, line)
			}
		}
		var back event
		if err := json.Unmarshal([]byte(line), &back); err != nil {
			t.Fatal(err)
		}
		if *back.Text != string([]rune(text)) {
			t.Fatalf("%q comes back as %q", text, *back.Text)
		}
	})
}
