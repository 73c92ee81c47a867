package live

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// form says how much room the figures may take.
type form int

const (
	long form = iota
	short
)

// parts makes the figures of the load, the most important ones first.
func parts(p Progress, f form) []string {
	rate := number(int64(math.Round(p.Rate)))
	if f == short {
		rate = compact(p.Rate)
	}
	p99 := "-"
	if p.P99 > 0 {
		p99 = latency(p.P99)
	}
	return []string{rate + "/s", "p99 " + p99, errorsPart(p, f), connectionsPart(p, f)}
}

func errorsPart(p Progress, f form) string {
	if f == short {
		return "err " + compact(float64(p.Errors))
	}
	return counted(p.Errors, "error", "errors")
}

func connectionsPart(p Progress, f form) string {
	if f == short {
		return "conn " + compact(float64(p.Connections))
	}
	return counted(int64(p.Connections), "connection", "connections")
}

func counted(n int64, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + more
}

// times tells how far the load is, as times.
func times(p Progress) string { return seconds(p.Elapsed) + " of " + seconds(p.Of) }

// amount tells how far any other phase is.
func amount(p Progress) string {
	if p.Total > 0 {
		return amountOf(number(p.Done)+" of "+number(p.Total), p.Total, p.Unit)
	}
	return amountOf(number(p.Done), p.Done, p.Unit)
}

// amountOf puts the unit behind a number. The unit is a plural, such as "users".
func amountOf(text string, n int64, unit string) string {
	if n == 1 {
		unit = strings.TrimSuffix(unit, "s")
	}
	return strings.TrimSpace(text + " " + printable(unit))
}

// share is how far the phase is, from 0 to 1. It returns false if that is not known.
func share(p Progress) (float64, bool) {
	switch {
	case p.Of > 0:
		return min(max(float64(p.Elapsed)/float64(p.Of), 0), 1), true
	case p.Total > 0:
		return min(max(float64(p.Done)/float64(p.Total), 0), 1), true
	}
	return 0, false
}

// number writes a count with commas between the thousands.
func number(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// compact writes a count in at most five characters: 999, 1.2k, 123k, 12.3M.
func compact(n float64) string {
	for _, unit := range []string{"", "k", "M", "G"} {
		switch {
		case unit == "" && n < 999.5:
			return strconv.FormatFloat(n, 'f', 0, 64)
		case n < 99.95 && unit != "":
			return strconv.FormatFloat(n, 'f', 1, 64) + unit
		case n < 999.5:
			return strconv.FormatFloat(n, 'f', 0, 64) + unit
		}
		n /= 1000
	}
	return "many"
}

// latency writes a time with three digits if it is short (0.04ms, 3.21ms, 45.1ms, 1.25s),
// and in whole seconds from a minute on.
func latency(d time.Duration) string {
	switch ms := float64(d) / float64(time.Millisecond); {
	case ms < 9.995:
		return fmt.Sprintf("%.2fms", ms)
	case ms < 99.95:
		return fmt.Sprintf("%.1fms", ms)
	case ms < 999.5:
		return fmt.Sprintf("%.0fms", ms)
	case d < 60*time.Second:
		return fmt.Sprintf("%.2fs", d.Seconds())
	}
	return seconds(d)
}

// seconds writes a time in whole seconds, rounded down. A time below one second is
// written in tenths.
func seconds(d time.Duration) string {
	if d < time.Second && d > 0 {
		return fmt.Sprintf("%.1fs", d.Truncate(100*time.Millisecond).Seconds())
	}
	return d.Truncate(time.Second).String()
}
