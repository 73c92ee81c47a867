package live

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
)

// show is the goroutine that writes everything, until Close.
func (d *Display) show() {
	defer close(d.done)
	for {
		select {
		case <-d.wake:
			d.write(d.frame(false))
		case <-d.closed:
			d.write(d.frame(true))
			return
		}
		if d.terminal {
			select {
			case <-time.After(pause):
			case <-d.closed:
			}
		}
	}
}

// frame is the text to be written now: the lines that wait and, on a terminal, the bar.
func (d *Display) frame(last bool) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if last && !d.terminal {
		d.add(d.phases.end(time.Now())...)
	}
	lines := d.lines
	if d.left > 0 {
		lines = append(lines, fmt.Sprintf("… and %d more lines", d.left))
	}
	d.lines, d.left = nil, 0
	switch {
	case !d.terminal:
		return joined(lines, "\n")
	case last:
		return d.bar.without(lines)
	case d.latest == nil:
		return joined(lines, "\r\n")
	}
	return d.bar.frame(lines, *d.latest)
}

// joined puts an end of line behind each line.
func joined(lines []string, end string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, end) + end
}

// write writes text. Errors are ignored: there is nobody to tell.
func (d *Display) write(text string) {
	if text != "" {
		_, _ = io.WriteString(d.out, text)
	}
}

// printable replaces characters that could move the cursor or are invisible. The text may
// contain words of others, such as a provider's.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || !unicode.IsControl(r) && !unicode.Is(unicode.Cf, r) {
			return r
		}
		return '\uFFFD'
	}, strings.TrimRight(text, "\n"))
}
