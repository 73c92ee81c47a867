package result

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"elemental/client/visible"
)

// Compare compares sides, for a terminal: it shows them beside each other and says how
// each differs from the first beyond noise. It begins with whatever makes the comparison
// doubtful. It needs at least two sides.
func Compare(w io.Writer, sides []Side, colour bool) error {
	if len(sides) < 2 {
		return errors.New("comparing takes at least two sides")
	}
	for _, s := range sides {
		if len(s.Runs) == 0 {
			return fmt.Errorf("there is no run in %s", s.Label)
		}
	}
	c := &comparison{sheet: newSheet(colour), base: &sides[0], measures: measures(sides)}
	c.doubts(sides)
	const beside = 2 // how many sides fit into the columns beside the base
	for others := range slices.Chunk(sides[1:], beside) {
		c.figures(others)
		c.gap()
	}
	for i := range sides[1:] {
		c.summary(&sides[i+1])
	}
	_, err := io.WriteString(w, c.String())
	return err
}

type comparison struct {
	*sheet
	base     *Side
	measures []measure
}

func (c *comparison) doubts(sides []Side) {
	var said []string
	for i := range sides {
		said = append(said, sides[i].caveats()...)
		if i > 0 {
			said = append(said, unlike(c.base, &sides[i])...)
		}
	}
	for _, text := range said {
		c.paragraph(odd, 0, text)
	}
	if len(said) > 0 {
		c.gap()
	}
}

// figures writes the table of the base and some other sides.
func (c *comparison) figures(others []Side) {
	t := table{head: []string{"", c.base.heading()}}
	for i := range others {
		t.head = append(t.head, others[i].heading(), "change")
	}
	for i := range c.measures {
		m := &c.measures[i]
		if !m.known(others) {
			continue
		}
		from := m.of(c.base)
		cells := []string{m.name, m.shown(from)}
		how := ordinary
		for j := range others {
			to := m.of(&others[j])
			text := change(from, to)
			if sampled(c.base, &others[j]).judge(m, c.base, &others[j]) == apart {
				text += " *"
				how = m.inkOf(from, to)
			} else {
				text += "  "
			}
			cells = append(cells, m.shown(to), text)
		}
		t.add(how, cells...)
	}
	c.table(t)
}

func (s *Side) heading() string {
	const most = 16
	text := []rune(visible.Line(s.Label))
	if len(text) > most {
		text = append([]rune("…"), text[len(text)-most+1:]...) // the end of a path tells it from others
	}
	return string(text)
}

// inkOf is the colour of a change: for the better or for the worse.
func (m *measure) inkOf(from, to float64) ink {
	if (to > from) == m.moreIsGood {
		return right
	}
	return wrong
}

// manifold is the factor from which on a change is written as a factor and not in
// percent.
const manifold = 10

// change writes a change, in percent of the base; "" if one of the values is not known.
func change(from, to float64) string {
	switch {
	case math.IsNaN(from) || math.IsNaN(to):
		return ""
	case from == to:
		return "="
	case from == 0:
		return "new"
	case to >= manifold*from:
		return "×" + decimal(to/from)
	}
	if percent := math.Round((to - from) / from * 100); percent != 0 {
		return fmt.Sprintf("%+.0f%%", percent)
	}
	return "0%"
}

// summary says how one side differs from the base.
func (c *comparison) summary(other *Side) {
	s := sampled(c.base, other)
	c.paragraph(strong, 0, fmt.Sprintf("%s against %s", other.Label, c.base.Label)) // whole: shortened, they may look the same
	c.paragraph(dim, 0, s.said())
	var same []string
	known := false
	for i := range c.measures {
		m := &c.measures[i]
		from, to := m.of(c.base), m.of(other)
		j := s.judge(m, c.base, other)
		known = known || j != oneUnknown
		switch {
		case j == apart:
			c.paragraph(m.inkOf(from, to), 2, m.moved(from, to)+", beyond noise")
		case j == unjudged:
			c.paragraph(ordinary, 2, m.moved(from, to)+", not judged: there are not enough samples of it")
		case j == alike && math.Abs(to-from) > worthTelling*math.Abs(from):
			c.paragraph(ordinary, 2, m.moved(from, to)+", "+s.notShown())
		case j == alike:
			same = append(same, m.name)
		}
	}
	if len(same) > 0 {
		c.paragraph(ordinary, 2, "no difference beyond noise in: "+strings.Join(same, ", "))
	}
	if !known {
		c.paragraph(ordinary, 2, "nothing was measured on both sides")
	}
	c.gap()
}

// worthTelling is a difference, as a part of the base, that is mentioned even if the
// samples do not confirm it.
const worthTelling = 0.25

// notShown says why a large difference does not count.
func (s sampling) notShown() string {
	if s.runs {
		return "within noise"
	}
	return "but most of the run does not show it: some moments made it, and only more runs tell whether by chance"
}

// moved writes both values and the change.
func (m *measure) moved(from, to float64) string {
	text := fmt.Sprintf("%s: %s → %s", m.name, m.shown(from), m.shown(to))
	if by := change(from, to); by != "" && by != "new" {
		text += " (" + by + ")"
	}
	return text
}

// said describes the samples in words.
func (s sampling) said() string {
	switch {
	case s.runs:
		return fmt.Sprintf("Judged by runs: %d and %d.", s.n[0], s.n[1])
	case s.enough:
		return fmt.Sprintf("Judged by stretches of %s of the runs: %d and %d. They know nothing of the difference "+
			"from run to run; five runs of each side would (a folder with their folders).", lasting(float64(s.length)), s.n[0], s.n[1])
	default:
		return fmt.Sprintf("Too short to judge: there are %d and %d seconds, and no five runs of each side.", s.n[0], s.n[1])
	}
}
