package result

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// number writes a count with commas between the thousands: "12,345".
func number(n int64) string {
	text := strconv.FormatInt(n, 10)
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// decimal writes one digit after the point below a hundred, and none above.
func decimal(v float64) string {
	if math.Abs(v) >= 99.95 {
		return number(int64(math.Round(v)))
	}
	return strconv.FormatFloat(v, 'f', 1, 64)
}

// latency writes a time in milliseconds: "820 µs", "4.1 ms", "2.3 s".
func latency(ms float64) string {
	switch {
	case ms <= 0:
		return "0 ms"
	case ms < 0.9995:
		return fmt.Sprintf("%.0f µs", ms*1000)
	case ms < 999.5:
		return decimal(ms) + " ms"
	default:
		return decimal(ms/1000) + " s"
	}
}

// rate writes a number per second: "1,234/s".
func rate(perSecond float64) string {
	if perSecond == math.Trunc(perSecond) {
		return number(int64(perSecond)) + "/s"
	}
	return decimal(perSecond) + "/s"
}

// size writes a number of bytes: "12.4 MiB".
func size(bytes float64) string {
	const step = 1024
	units := [...]string{"B", "KiB", "MiB", "GiB", "TiB"}
	unit := 0
	for math.Abs(bytes) >= step && unit < len(units)-1 {
		bytes /= step
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%.0f B", bytes)
	}
	return decimal(bytes) + " " + units[unit]
}

// cores writes a share of one core in percent: "183% of a core".
func cores(percent float64) string { return decimal(percent) + "% of a core" }

// lasting writes a number of seconds as people say it: "10s", "1m30s".
func lasting(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d < time.Minute {
		return strconv.FormatFloat(math.Round(seconds*10)/10, 'f', -1, 64) + "s"
	}
	return d.Round(time.Second).String()
}

// plural writes a count and the word for it: "1 push", "2 pushes".
func plural(n int64, one, many string) string {
	if n == 1 {
		return number(n) + " " + one
	}
	return number(n) + " " + many
}
