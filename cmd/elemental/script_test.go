package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// TestScripts plays testdata/scripts/*.txt; README.txt there says how they read.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/scripts/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		if filepath.Base(file) == "README.txt" {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) { playFile(t, file, string(text)) })
	}
}

// playFile plays each situation of a file on a provider of its own.
func playFile(t *testing.T, file, text string) {
	var current *script
	line := 0
	scripts := []*script{}
	for row := range strings.Lines(text) {
		line++
		row = strings.TrimSpace(row)
		if title, found := strings.CutPrefix(row, "== "); found {
			current = &script{title: title, file: file}
			scripts = append(scripts, current)
		} else if row != "" && !strings.HasPrefix(row, "#") {
			current.steps = append(current.steps, step{line, row})
		}
	}
	for _, s := range scripts {
		t.Run(s.title, func(t *testing.T) {
			t.Parallel()
			s.play(t)
		})
	}
}

type step struct {
	line int
	text string
}

// script is one situation and what is said in it.
type script struct {
	title, file string
	steps       []step

	t       *testing.T
	p       *provider
	people  map[string]*client
	noted   map[string]any // placeholders' values
	current step
}

func (s *script) play(t *testing.T) {
	s.t, s.people, s.noted = t, map[string]*client{}, map[string]any{}
	var options []string
	for len(s.steps) > 0 && strings.HasPrefix(s.steps[0].text, "options ") {
		options = append(options, strings.Fields(s.steps[0].text)[1:]...)
		s.steps = s.steps[1:]
	}
	s.p = startProvider(t, options...)
	for _, s.current = range s.steps {
		s.do(s.current.text)
	}
}

func (s *script) fail(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s:%d: %s\n%s", s.file, s.current.line, s.current.text, fmt.Sprintf(format, args...))
}

func (s *script) do(text string) {
	s.t.Helper()
	words := strings.Fields(text)
	verb := strings.Join(words[1:min(2, len(words))], "")
	switch {
	case words[0] == "given":
		s.given(words[1:])
	case text == "stop and start":
		s.p.Stop()
		s.again()
	case text == "kill and start":
		s.p.Kill()
		s.again()
	case verb == "closed":
		s.person(words[0]).hungUp()
	case strings.HasSuffix(words[0], ">>"):
		s.sendRaw(strings.TrimSuffix(words[0], ">>"), strings.TrimSpace(text[len(words[0]):]))
	case strings.HasSuffix(words[0], ">"):
		s.person(strings.TrimSuffix(words[0], ">")).send(s.fillIn(text[len(words[0]):]))
	case strings.HasSuffix(words[0], "<"):
		s.expect(s.person(strings.TrimSuffix(words[0], "<")), text[len(words[0]):])
	default:
		s.fail("not understood")
	}
}

// again starts the stopped provider on its folder; all connections are new.
func (s *script) again() {
	s.t.Helper()
	for _, c := range s.people {
		c.close()
	}
	s.people = map[string]*client{}
	s.p.Start()
}

func (s *script) person(name string) *client {
	s.t.Helper()
	if s.people[name] == nil {
		s.people[name] = s.p.dial()
	}
	return s.people[name]
}

// given makes a situation: see README.txt.
func (s *script) given(words []string) {
	s.t.Helper()
	switch {
	case len(words) == 2 && words[0] == "account":
		s.person("registrar").must("register", "usernm", words[1], "passwd", passwordOf(words[1]))
	case len(words) == 2 && words[0] == "user":
		s.given([]string{"account", words[1]})
		s.given([]string{"login", words[1]})
	case len(words) == 2 && words[0] == "login":
		s.person(words[1]).must("login", "usernm", words[1], "passwd", passwordOf(words[1]))
	case len(words) == 4 && words[0] == "server":
		s.person(words[3]).makeServer(words[1])
	case len(words) == 4 && words[0] == "member":
		s.person(words[1]).joinServer(words[3])
	case len(words) == 6 && words[0] == "channel":
		s.person(words[5]).must("createchannel", "servername", words[3], "name", words[1])
	case len(words) == 7 && words[1] == "messages":
		s.givenMessages(words)
	default:
		s.fail("not understood")
	}
}

// givenMessages plays `given 3 messages of alice in gophers general`.
func (s *script) givenMessages(words []string) {
	s.t.Helper()
	count, err := strconv.Atoi(words[0])
	if err != nil {
		s.fail("%v", err)
	}
	for i := range count {
		s.person(words[3]).post(words[5], words[6], strconv.Itoa(i))
	}
}

func (s *script) sendRaw(name, quoted string) {
	s.t.Helper()
	text, err := strconv.Unquote(quoted)
	if err != nil {
		s.fail("%v", err)
	}
	s.person(name).send(text)
}

// fillIn puts noted values in the place of "$name".
func (s *script) fillIn(text string) string {
	s.t.Helper()
	for name, value := range s.noted {
		encoded, err := json.Marshal(value)
		if err != nil {
			s.fail("%v", err)
		}
		text = strings.ReplaceAll(text, strconv.Quote(name), string(encoded))
	}
	return text
}

func (s *script) expect(c *client, pattern string) {
	s.t.Helper()
	var want any
	if err := json.Unmarshal([]byte(pattern), &want); err != nil {
		s.fail("%v", err)
	}
	got := map[string]any(c.hear())
	if !s.fits(want, any(got)) {
		encoded, _ := json.Marshal(got)
		s.fail(" got %s", encoded)
	}
}

// fits compares what was heard with the script's line.
func (s *script) fits(want, got any) bool {
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		return ok && s.fitsObject(want, got)
	case []any:
		got, ok := got.([]any)
		if !ok || len(got) != len(want) {
			return false
		}
		for i := range want {
			if !s.fits(want[i], got[i]) {
				return false
			}
		}
		return true
	case string:
		return s.fitsText(want, got)
	default:
		return reflect.DeepEqual(want, got)
	}
}

// fitsObject allows the code beside a reason, which scripts may leave out.
func (s *script) fitsObject(want, got map[string]any) bool {
	for key, value := range want {
		if _, there := got[key]; !there || !s.fits(value, got[key]) {
			return false
		}
	}
	for key := range got {
		if _, wanted := want[key]; !wanted && (key != "code" || got["reason"] == nil) {
			return false
		}
	}
	return true
}

func (s *script) fitsText(want string, got any) bool {
	switch {
	case want == "*":
		return true
	case want == "<timestamp>":
		seconds, ok := got.(float64)
		return ok && seconds > 1_500_000_000 && seconds < 10_000_000_000
	case want == "<key>":
		key, ok := got.(string)
		return ok && len(key) == 25
	case strings.HasPrefix(want, "$"):
		if noted, there := s.noted[want]; there {
			return reflect.DeepEqual(noted, got)
		}
		s.noted[want] = got
		return true
	default:
		return want == got
	}
}
