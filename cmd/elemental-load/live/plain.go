package live

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// phases decides when to write a line about the run if there is no terminal.
type phases struct {
	last     Progress
	began    time.Time // when the phase began
	told     time.Time // when its last line was written
	underWay bool
}

// lines returns the lines that are due: one when a phase begins, one when it ends, and
// some in between.
func (s *phases) lines(p Progress, now time.Time) []string {
	var lines []string
	switch {
	case !s.underWay || p.Phase != s.last.Phase:
		lines = append(s.end(now), beginning(p))
		s.underWay, s.began, s.told = true, now, now
	case now.Sub(s.told) >= interval(now.Sub(s.began)) && !complete(p): // a complete phase gets its last line at once
		lines = []string{between(p)}
		s.told = now
	}
	s.last = p
	return lines
}

// interval is the time between two lines of a phase that began so long ago. It grows, so
// that a long run does not fill a log.
func interval(since time.Duration) time.Duration {
	switch {
	case since <= 10*time.Second:
		return time.Second
	case since <= 2*time.Minute:
		return 5 * time.Second
	}
	return 30 * time.Second
}

// end returns the last line of the phase that is under way, if there is one.
func (s *phases) end(now time.Time) []string {
	if !s.underWay {
		return nil
	}
	s.underWay = false
	p, took := s.last, now.Sub(s.began)
	if p.Of > 0 {
		mean := number(int64(math.Round(p.Mean))) + "/s" // without latency, of which only the last second's is known
		return []string{ended(p) + ": " + strings.Join([]string{times(p), mean, errorsPart(p, long), connectionsPart(p, long)}, ", ")}
	}
	text := ended(p) + ": "
	if p.Done > 0 || p.Total > 0 {
		text += amount(p) + " "
	}
	text += "in " + latency(took)
	if p.Errors > 0 {
		text += ", " + errorsPart(p, long)
	}
	return []string{text}
}

// complete tells whether all of a phase is done. It is false if the total is not known.
func complete(p Progress) bool {
	done, known := share(p)
	return known && done == 1
}

func ended(p Progress) string {
	if _, known := share(p); !known || complete(p) {
		return printable(p.Phase) + " done"
	}
	return printable(p.Phase) + " ended early"
}

func beginning(p Progress) string {
	switch {
	case p.Of > 0:
		return fmt.Sprintf("%s: for %s, %s", printable(p.Phase), seconds(p.Of), connectionsPart(p, long))
	case p.Total > 0:
		return printable(p.Phase) + ": " + amountOf(number(p.Total), p.Total, p.Unit)
	}
	return printable(p.Phase) + ": begun"
}

// between is a line in the middle of a phase.
func between(p Progress) string {
	var words []string
	if p.Of > 0 {
		words = append([]string{times(p)}, parts(p, long)...)
	} else {
		words = append(words, amount(p))
		if p.Errors > 0 {
			words = append(words, errorsPart(p, long))
		}
	}
	if p.Note != "" {
		words = append(words, printable(p.Note))
	}
	return printable(p.Phase) + ": " + strings.Join(words, ", ")
}
