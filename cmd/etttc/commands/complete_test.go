package commands

import (
	"slices"
	"strings"
	"testing"
)

var known = Names{
	Servers:  []string{"demo", "Demo two", `a "b"`, "bad\u202ename"},
	Channels: []string{"general", "off topic"},
	Members:  []string{"alice", "Albert", "bob"},
}

// The "|" marks the cursor.
func TestComplete(t *testing.T) {
	for _, c := range []struct {
		line string
		want []string
		from string // the word that is replaced
	}{
		{"/jo|", []string{"/joinserver"}, "/jo"},
		{"/GOTO|", []string{"/gotoserver", "/gotochannel"}, "/GOTO"},
		{" /q|", []string{"/quit"}, "/q"},
		{"/jo| demo", []string{"/joinserver"}, "/jo"},
		{"/zz|", nil, "/zz"},
		{"/gotoserver |", []string{"demo", `"Demo two"`, `"a ""b"""`}, ""},
		{"/gotoserver d|", []string{"demo", `"Demo two"`}, "d"},
		{"/gotoserver demo t|", []string{`"Demo two"`}, "demo t"},
		{"/gotoserver demo |", []string{`"Demo two"`}, "demo "},
		{`/gotoserver "demo t|`, []string{`"Demo two"`}, `"demo t`},
		{`/gotoserver "a ""|`, []string{`"a ""b"""`}, `"a ""`},
		{"/gotoserver bad|", nil, "bad"},
		{"/deleteserver d|", []string{"demo", `"Demo two"`}, "d"},
		{"/deleteserver demo |", nil, ""},
		{"/deleteserver demo d|", nil, "d"},
		{"/deleteserver demo d e|", nil, "e"},
		{"/joinserver d|", nil, "d"},
		{"/gotochannel o|", []string{`"off topic"`}, "o"},
		{"/help /cr|", []string{"createserver", "createchannel"}, "/cr"},
		{"/nothing d|", nil, ""},
		{"hi al|", []string{"alice", "Albert"}, "al"},
		{"hi @A|", []string{"@alice", "@Albert"}, "@A"},
		{"hi\u3000b|", []string{"bob"}, "b"},
		{"hi @|", []string{"@alice", "@Albert", "@bob"}, "@"},
		{"//al|", nil, "//al"},
		{"hi |", nil, ""},
		{"|", nil, ""},
	} {
		cursor := strings.Index(c.line, "|")
		line := strings.Replace(c.line, "|", "", 1)
		start, got := Complete(line, cursor, known)
		if !slices.Equal(got, c.want) || start > cursor || line[start:cursor] != c.from {
			t.Errorf("%q: %q for %q, want %q for %q", c.line, got, line[min(start, cursor):cursor], c.want, c.from)
		}
	}
}

// A name that completion offers is parsed as that same name.
func TestCompletionIsUnderstood(t *testing.T) {
	for _, name := range []string{"demo", "my server", `"`, `'`, `a "b" 'c'`, " ", "it's"} {
		_, offered := Complete("/deleteserver ", len("/deleteserver "), Names{Servers: []string{name}})
		if len(offered) != 1 {
			t.Fatalf("%q: %q", name, offered)
		}
		for _, command := range []string{"/deleteserver ", "/gotoserver "} {
			if _, args, err := Parse(command + offered[0]); err != nil || !slices.Equal(args, []string{name}) {
				t.Errorf("%s%s is %q, %v", command, offered[0], args, err)
			}
		}
	}
}

func FuzzComplete(f *testing.F) {
	f.Add("/gotoserver d", 13)
	f.Add(`/gotoserver "a b`, 5)
	f.Fuzz(func(t *testing.T, line string, cursor int) {
		start, _ := Complete(line, cursor, known)
		if start < 0 || start > max(0, min(cursor, len(line))) {
			t.Fatalf("Complete(%q, %d) begins at %d", line, cursor, start)
		}
	})
}
