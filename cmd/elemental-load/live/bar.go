package live

import (
	"fmt"
	"io"
	"os"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"
)

// bar draws the progress in place, on two lines, or three with a note.
//
// The cursor rests at the start of the first line. Each drawing erases everything from
// there on. So nothing is left of the last drawing, even if the terminal became narrower
// and wrapped its lines, and what somebody types meanwhile is overwritten.
type bar struct {
	colour bool
	size   func() (cols, rows int)
}

// The colours are the terminal's own, so that they fit its background.
var (
	filled   = lipgloss.NewStyle().Foreground(lipgloss.Color("4"))
	troubled = lipgloss.NewStyle().Foreground(lipgloss.Color("1")).Bold(true)
	noted    = lipgloss.NewStyle().Foreground(lipgloss.Color("3"))
	faint    = lipgloss.NewStyle().Faint(true)
)

const (
	widestBar  = 40
	leastBar   = 5 // a shorter bar tells nothing
	separation = "  "
)

// sizeOf returns a function that asks for the terminal's size, since asking each time is
// quicker than to be told of changes. If the size is not known it is 80 by 24.
func sizeOf(w io.Writer) func() (cols, rows int) {
	file, isFile := w.(*os.File)
	if isFile {
		lipgloss.EnableLegacyWindowsANSI(file)
	}
	return func() (int, int) {
		if isFile {
			if cols, rows, err := term.GetSize(int(file.Fd())); err == nil && cols > 0 && rows > 0 {
				return cols, rows
			}
		}
		return 80, 24
	}
}

// without writes the lines and no bar. The last drawing is erased.
func (b bar) without(lines []string) string {
	return "\r" + ansi.EraseScreenBelow + joined(lines, "\r\n")
}

// frame writes the lines, which stay, and draws the bar below them.
func (b bar) frame(lines []string, p Progress) string {
	cols, rows := b.size()
	drawn := b.draw(p, cols-1) // writing into the last column would leave it unclear where the cursor is
	drawn = drawn[:max(1, min(len(drawn), rows-1))]
	var text strings.Builder
	if len(lines) > 0 {
		text.WriteString(b.without(lines))
	} else {
		text.WriteString("\r") // nothing is erased first, which would flicker
	}
	for i, line := range drawn {
		if i > 0 {
			text.WriteString("\r\n")
		}
		text.WriteString(line + ansi.EraseLineRight)
	}
	text.WriteString(ansi.EraseScreenBelow + "\r")
	if len(drawn) > 1 {
		text.WriteString(ansi.CursorUp(len(drawn) - 1))
	}
	return text.String()
}

// draw makes the bar's lines, none wider than width.
func (b bar) draw(p Progress, width int) []string {
	lines := []string{b.track(p, width)}
	if p.Of > 0 || p.Rate > 0 || p.Errors > 0 || p.Connections > 0 {
		lines = append(lines, b.figures(p, width))
	}
	if p.Note != "" {
		lines = append(lines, noted.Render(strings.ReplaceAll(printable(p.Note), "\n", " ")))
	}
	for i, line := range lines {
		if !b.colour {
			line = ansi.Strip(line)
		}
		lines[i] = ansi.Truncate(line, max(width, 1), "…")
	}
	return lines
}

// track makes the first line: the phase, the bar, the percentage, and the amounts behind
// it.
func (b bar) track(p Progress, width int) string {
	name, of := printable(p.Phase), amount(p)
	if p.Of > 0 {
		of = times(p)
	}
	done, known := share(p)
	if !known {
		return name + separation + of
	}
	percent := fmt.Sprintf("%3d%%", int(100*done)) // rounded down: all is done at 100% alone
	room := width - ansi.StringWidth(name+percent+of) - 3*len(separation)
	if room < leastBar { // then without the amounts
		of = ""
		room = width - ansi.StringWidth(name+percent) - 2*len(separation)
	}
	if room < leastBar {
		return name + separation + percent
	}
	words := []string{name, strip(done, min(room, widestBar)), percent}
	if of != "" {
		words = append(words, faint.Render(of))
	}
	return strings.Join(words, separation)
}

// strip draws the bar alone. The library bubbles has one too, but would bring in another
// library for the physics of springs.
func strip(done float64, width int) string {
	full := int(done*float64(width) + 0.5)
	return filled.Render(strings.Repeat("█", full)) + faint.Render(strings.Repeat("░", width-full))
}

// figures makes the second line: the figures of the load, in the long form if it fits.
func (b bar) figures(p Progress, width int) string {
	words := parts(p, long)
	if ansi.StringWidth(strings.Join(words, separation)) > width {
		words = parts(p, short)
	}
	if p.Errors > 0 {
		words[2] = troubled.Render(words[2])
	}
	return strings.Join(words, separation)
}
