package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// markdown is the table: a line for each contestant of each row, with the medians of its
// turns.
func (r *Results) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d processors, Linux %s, %s, on %s. Turns of %s, medians of those after the first, least and most in brackets.\n\n",
		r.Processors, r.Kernel, r.Go, r.Begun.Format("2006-01-02"), r.Turn)
	b.WriteString("| row | | figure | ratio | target | CPU per op | switches per op | also |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|\n")
	for _, row := range r.Rows {
		for i := range row.Contestants {
			b.WriteString(row.line(&row.Contestants[i], i == 0))
		}
	}
	return b.String()
}

func (r *Row) line(c *Contestant, first bool) string {
	if len(c.counted()) == 0 {
		return fmt.Sprintf("| %s | %s | not measured |||||| \n", r.Name, c.Name)
	}
	name := ""
	if first {
		name = "`" + r.Name + "` " + r.About
	}
	ratio := spread(r.ratios(c), "")
	if r.By != "" && ratio != "" {
		ratio += " of " + r.By
	}
	cells := []string{
		name, c.Name, spread(c.each(figure), r.Unit), ratio, r.judged(c),
		perOp(median(c.each(cpu)), "µs"), perOp(median(c.each(switches)), ""), c.others(),
	}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

// judged lists the targets, and says for each whether it was met.
func (r *Row) judged(c *Contestant) string {
	var told []string
	for _, t := range r.Targets {
		values := r.values(c, t.Of)
		if c.Peer || len(values) == 0 {
			continue
		}
		value, sign, bound := median(values), "≥", t.Least
		met := value >= t.Least
		if t.Most > 0 {
			sign, bound, met = "≤", t.Most, value <= t.Most
		}
		verdict := "**missed**"
		if met {
			verdict = "met"
		}
		told = append(told, fmt.Sprintf("%s %s %s: %s", t.Of, sign, amount(bound, t.Unit), verdict))
	}
	return strings.Join(told, "; ")
}

// others are the medians of a contestant's other figures.
func (c *Contestant) others() string {
	var told []string
	for _, a := range c.counted()[0].Also {
		told = append(told, a.Name+" "+spread(c.each(also(a.Name)), a.Unit))
	}
	return strings.Join(told, "; ")
}

// spread writes the median, and the lowest and highest value if they look different.
func spread(values []float64, unit string) string {
	if len(values) == 0 {
		return ""
	}
	low, high := number(slices.Min(values)), number(slices.Max(values))
	text := amount(median(values), unit)
	if low == high {
		return text
	}
	return fmt.Sprintf("%s (%s–%s)", text, low, high)
}

func perOp(value float64, unit string) string {
	if value == 0 {
		return ""
	}
	return amount(value, unit)
}

// amount writes a number with its unit.
func amount(value float64, unit string) string {
	if unit == "" || strings.HasPrefix(unit, "/") {
		return number(value) + unit
	}
	return number(value) + " " + unit
}

// number writes at least three digits from 1 on, two below, and commas between the
// thousands.
func number(value float64) string {
	switch size := math.Abs(value); {
	case size == 0:
		return "0"
	case size < 1:
		return strconv.FormatFloat(value, 'g', 2, 64)
	case size < 10:
		return strconv.FormatFloat(value, 'f', 2, 64)
	case size < 100:
		return strconv.FormatFloat(value, 'f', 1, 64)
	}
	digits := strconv.FormatFloat(value, 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
