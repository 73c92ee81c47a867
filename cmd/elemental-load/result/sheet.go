package result

import (
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"elemental/client/visible"
)

const (
	columns  = 80
	labelled = 12 // width of the word before a fact
)

// ink is how a text is to look.
type ink int

const (
	ordinary ink = iota
	strong
	dim
	right
	odd
	wrong
)

func inkOf(l level) ink {
	switch l {
	case good:
		return right
	case doubt:
		return odd
	case bad:
		return wrong
	default:
		return ordinary
	}
}

// sheet collects text of 80 columns for a terminal. The text may come from anybody.
type sheet struct {
	strings.Builder
	inks map[ink]lipgloss.Style // empty: no colours
}

func newSheet(colour bool) *sheet {
	s := new(sheet)
	if colour {
		plain := lipgloss.NewStyle()
		s.inks = map[ink]lipgloss.Style{
			strong: plain.Bold(true), dim: plain.Faint(true), right: plain.Foreground(lipgloss.Green),
			odd: plain.Foreground(lipgloss.Yellow).Bold(true), wrong: plain.Foreground(lipgloss.Red).Bold(true),
		}
	}
	return s
}

// inked is a text in an ink. It must not have line breaks.
func (s *sheet) inked(i ink, text string) string {
	if style, known := s.inks[i]; known && text != "" {
		return style.Render(text)
	}
	return text
}

func (s *sheet) line(i ink, text string) {
	s.WriteString(s.inked(i, text) + "\n")
}

func (s *sheet) gap() { s.WriteString("\n") }

// paragraph writes text of others, indented and wrapped to the columns.
func (s *sheet) paragraph(i ink, indent int, text string) {
	for _, l := range broken(text, columns-indent) {
		s.line(i, strings.Repeat(" ", indent)+l)
	}
}

// broken wraps text of others into lines no wider than width.
func broken(text string, width int) []string {
	lines := strings.Split(ansi.Wrap(visible.Line(text), width, ""), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines
}

// facts writes a block of facts with a word in the margin. It writes nothing if there are
// no facts.
func (s *sheet) facts(label string, facts []string) {
	for i, f := range facts {
		s.fact(i == 0, label, ordinary, f)
	}
}

// fact writes one fact of a block. Only the first one has the word, after an empty line.
func (s *sheet) fact(first bool, label string, i ink, text string) {
	margin := ""
	if first {
		margin = label
		s.gap()
	}
	for _, l := range broken(text, columns-labelled) {
		s.WriteString(s.inked(dim, margin) + strings.Repeat(" ", labelled-len(margin)) + s.inked(i, l) + "\n")
		margin = ""
	}
}

// table has one column of words and then columns of figures.
type table struct {
	head []string
	rows []row
}

type row struct {
	ink   ink
	cells []string
}

func (t *table) add(i ink, cells ...string) { t.rows = append(t.rows, row{i, cells}) }

// The limits of the first column's width.
const (
	widestWord = 24
	leastWord  = 8
)

// table writes a table with the words to the left and the figures to the right. The gap
// between columns is as wide as fits.
func (s *sheet) table(t table) {
	rows := append([]row{{dim, t.head}}, t.rows...)
	widths := make([]int, len(t.head))
	for c := range widths {
		for _, r := range rows {
			r.cells[c] = visible.Line(r.cells[c])
			widths[c] = max(widths[c], ansi.StringWidth(r.cells[c]))
		}
	}
	total := 0
	for _, w := range widths[1:] {
		total += w
	}
	widths[0] = min(widths[0], widestWord, max(columns-total-len(widths)+1, leastWord))
	total += widths[0]
	between := 1
	for between < 3 && total+(between+1)*(len(widths)-1) <= columns {
		between++
	}
	for _, r := range rows {
		s.line(r.ink, strings.TrimRight(aligned(r.cells, widths, between), " "))
	}
}

func aligned(cells []string, widths []int, between int) string {
	var out strings.Builder
	for c, cell := range cells {
		cell = ansi.Truncate(cell, widths[c], "…")
		space := strings.Repeat(" ", widths[c]-ansi.StringWidth(cell))
		if c == 0 {
			out.WriteString(cell + space)
			continue
		}
		out.WriteString(strings.Repeat(" ", between) + space + cell)
	}
	return out.String()
}
