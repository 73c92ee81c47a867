package selfhost

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
)

const (
	maxLine  = 4 << 10 // of a line, what is beyond is left out
	maxLines = 100     // of a log
)

// splitter cuts what is written to it into lines of bounded length.
type splitter struct {
	partial []byte
}

// add gives each line that text completes to each.
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

// tail keeps the last lines of what is written to it.
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

// text is what is kept, the line that has no end yet included.
func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(strings.Join(t.lines, "\n") + "\n" + string(t.partial))
}

var startsAt = regexp.MustCompile(`^elemental: listening on (\S+) \(encoding \S+, data in .*, \d+ connections at most\)$`)

// startLine looks for a provider's start line in its standard output. What
// follows is thrown away: it may be every request of the load.
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
