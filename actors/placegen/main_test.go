package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// root is the module's.
const root = "../.."

func TestThePlacesAreWhatTheSourceSays(t *testing.T) {
	want, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, "actors", "telemetry", "places.go"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the source has changed: go generate ./actors/telemetry")
	}
}

// TestEachPlaceIsAHandler looks up the lines that the table names.
func TestEachPlaceIsAHandler(t *testing.T) {
	text, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`{"session", "Request"}: *{"actors/session.go", N, "(*session).onRequest"}`,
		`{"directory", "post"}: *{"actors/directory.go", N, "(*children).deliver"}`,
		`{"server", "post"}: *{"actors/serverchannels.go", N, "(*server).forward"}`,
		`{"server", "stayed"}: *{"actors/directory.go", N, "(*children).stayed"}`,
		`{"channel", "post"}: *{"actors/channel.go", N, "(*channel).onPost"}`,
		`{"channel", "countMessages"}: *{"actors/channel.go", N, "(*channel).command"}`,
		`{"channel", "Committed"}: *{"actors/durable.go", N, "(*durable).onCommitted"}`,
		`{"channel", "saveNow"}: *{"actors/durable.go", N, "(*durable).saveAnew"}`,
		`{"persistence", "Append"}: *{"persistence/append.go", N, "(*core).append"}`,
		`{"router", "publish"}: *{"actors/fanout.go", N, "(*router).onPublish"}`,
		`{"user", "hashDone"}: *{"actors/user.go", N, "(*user).onHashDone"}`,
		`{"reader", ""}: *{"transport/conn.go", N, "(*conn).accept"}`,
	} {
		if line := find(text, want); line == "" {
			t.Errorf("no %s", want)
		} else {
			check(t, line)
		}
	}
}

// find finds the line of the table that is like a wanted one, where * is any space and N
// any number.
func find(table []byte, want string) string {
	key, value, _ := strings.Cut(want, ": *")
	before, after, _ := strings.Cut(value, "N")
	for line := range strings.Lines(string(table)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, key+":") && strings.Contains(line, before) && strings.HasSuffix(line, after+",") {
			return line
		}
	}
	return ""
}

// check sees that the method, or a case of its switch, is where the line says.
func check(t *testing.T, line string) {
	t.Helper()
	_, value, _ := strings.Cut(line, ":")
	parts := strings.Split(strings.Trim(strings.TrimSpace(value), "{},"), ", ")
	file, number, function := strings.Trim(parts[0], `"`), parts[1], strings.Trim(parts[2], `"`)
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, digit := range number {
		at = 10*at + int(digit-'0')
	}
	there := strings.Split(string(text), "\n")[at-1]
	name := function[strings.LastIndexByte(function, '.')+1:]
	if !strings.Contains(there, ") "+name+"(") && !strings.Contains(there, "case ") {
		t.Errorf("%s: there is %q", line, there)
	}
}
