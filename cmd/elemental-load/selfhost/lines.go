package selfhost

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
)

const (
	maxLine  = 4 << 10 // bytes kept of a line; the rest is left out
	maxLines = 100     // lines kept of a log
)

// splitter cuts what is written to it into lines of at most maxLine bytes.
type splitter struct {
	partial []byte
}

// add calls each with every line that text completes.
func (s *splitter) add(text []byte, each func(line string)) {
	for {
		line, rest, complete := bytes.Cut(text, []byte("\n"))
		s.partial = append(s.partial, line[:min(len(line), maxLine-len(s.partial))]...)
		if !complete {
			return
		}
		each(strings.TrimSuffix(string(s.partial), "\r"))
		s.partial = s.partial[:0]
		text = rest
	}
}

// tail keeps the last maxLines lines of what is written to it.
type tail struct {
	mu    sync.Mutex
	lines []string
	splitter
}

func (t *tail) Write(text []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.add(text, func(line string) {
		if len(t.lines) == maxLines {
			t.lines = append(t.lines[:0], t.lines[1:]...)
		}
		t.lines = append(t.lines, line)
	})
	return len(text), nil
}

// text is what is kept, including a last line without an end.
func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(strings.Join(t.lines, "\n") + "\n" + string(t.partial))
}

var startsAt = regexp.MustCompile(`^elemental: listening on (\S+) \(encoding \S+, data in .*, \d+ connections at most\)$`)

// startLine looks for the line in a provider's standard output that says where it
// listens. What comes after is thrown away: it may be a line for every request of the
// load.
type startLine struct {
	found chan string // gets the address, once
	done  bool
	splitter
}

func newStartLine() *startLine { return &startLine{found: make(chan string, 1)} }

func (s *startLine) Write(text []byte) (int, error) {
	if s.done {
		return len(text), nil
	}
	s.add(text, func(line string) {
		if match := startsAt.FindStringSubmatch(line); match != nil && !s.done {
			s.done = true
			s.found <- match[1]
		}
	})
	return len(text), nil
}
