package result

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Expectation is a threshold that a run is to meet, such as "post.p99<20ms".
// ParseExpectation makes it.
type Expectation struct {
	text        string
	operation   string // "" for the main operation, or for the whole run
	uncorrected bool
	figure      figure
	operator    string
	value       float64 // in milliseconds, in bytes, or as it was given
}

// Operation is the operation that is meant; "" for the main one, or for the whole run.
func (e Expectation) Operation() string { return e.operation }

// kind says how the value of a figure is written.
type kind int

const (
	aTime kind = iota
	aNumber
	aSize
	aRate
	aPercent
)

// figure is something of a run about which an expectation can be made.
type figure struct {
	name         string
	kind         kind
	ofOperations bool // may be, or can only be, of one operation
	ofRun        bool // without an operation it is of the whole run, not of the main operation
}

// figures lists all figures, in the order in which error messages list them.
var figures = []figure{
	{"p50", aTime, true, false}, {"p90", aTime, true, false}, {"p95", aTime, true, false}, {"p99", aTime, true, false},
	{"p99.9", aTime, true, false}, {"p99.99", aTime, true, false}, {"max", aTime, true, false},
	{"mean", aTime, true, false}, {"min", aTime, true, false},
	{"rate", aRate, true, false}, {"done", aNumber, true, false},
	{"errors", aNumber, true, true}, {"refused", aNumber, true, true}, {"failed", aNumber, true, true},
	{"violations", aNumber, false, true}, {"behind", aNumber, false, true}, {"heldback", aNumber, false, true},
	{"cpu", aPercent, false, true}, {"memory", aSize, false, true}, {"memoryperconn", aSize, false, true},
}

// operators has the longer ones first, since a shorter one may be the beginning of a
// longer one.
var operators = []string{"<=", ">=", "!=", "<", ">", "="}

// ParseExpectation reads an expectation of the form
//
//	[operation.][uncorrected.]figure operator value
//
// The operators are < <= > >= = !=. The figures p50 to p99.99, max, mean and min are
// corrected latencies, compared with a time (20ms, 1.5s, 800us). These, rate (done per
// second) and done are of the main operation if none is named. errors (refused and
// failed), refused and failed are of all operations together, or of the named one.
// violations, behind (0 or 1), heldback, cpu (percent of a core), memory and
// memoryperconn (sizes such as 200MiB) are of the whole run. The caller has to check that
// the named operation exists.
func ParseExpectation(text string) (Expectation, error) {
	e, err := parseExpectation(strings.TrimSpace(text))
	if err != nil {
		return Expectation{}, fmt.Errorf("the expectation %q: %w", text, err)
	}
	return e, nil
}

func parseExpectation(text string) (Expectation, error) {
	at := strings.IndexAny(text, "<>=!")
	if at < 0 {
		return Expectation{}, fmt.Errorf("there is no operator; it is one of %s, as in p99<20ms", strings.Join(operators, " "))
	}
	e := Expectation{text: text}
	for _, o := range operators {
		if strings.HasPrefix(text[at:], o) {
			e.operator = o
			break
		}
	}
	if e.operator == "" {
		return Expectation{}, fmt.Errorf("the operator is one of %s", strings.Join(operators, " "))
	}
	err := e.subject(strings.TrimSpace(text[:at]))
	if err == nil {
		e.value, err = e.figure.parse(strings.TrimSpace(text[at+len(e.operator):]))
	}
	return e, err
}

// subject reads the part before the operator.
func (e *Expectation) subject(text string) error {
	at := slices.IndexFunc(figures, func(f figure) bool { return text == f.name || strings.HasSuffix(text, "."+f.name) })
	if at < 0 {
		return fmt.Errorf("there is no figure %q; there are %s", text, figureNames())
	}
	what := figures[at]
	e.figure = what
	e.operation = strings.TrimSuffix(strings.TrimSuffix(text, what.name), ".")
	if before, found := strings.CutSuffix("."+e.operation, ".uncorrected"); found {
		e.uncorrected, e.operation = true, strings.TrimPrefix(before, ".")
	}
	if strings.HasPrefix(text, ".") || strings.HasSuffix(e.operation, ".") {
		return fmt.Errorf("before a dot stands an operation, as in post.p99")
	}
	if e.uncorrected && what.kind != aTime {
		return fmt.Errorf("%s is no latency: there is nothing uncorrected about it", what.name)
	}
	if e.operation != "" && !what.ofOperations {
		return fmt.Errorf("%s is of the whole run, not of an operation", what.name)
	}
	return nil
}

func figureNames() string {
	names := make([]string, len(figures))
	for i, f := range figures {
		names[i] = f.name
	}
	return strings.Join(names, " ")
}

// parse reads the value that the figure is compared with.
func (f figure) parse(text string) (float64, error) {
	switch f.kind {
	case aTime:
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return 0, fmt.Errorf("%s is compared with a time such as 800us, 20ms or 1.5s, not with %q", f.name, text)
		}
		return float64(d) / float64(time.Millisecond), nil
	case aSize:
		return parseSize(f.name, text)
	case aRate:
		text = strings.TrimSuffix(text, "/s")
	case aPercent:
		text = strings.TrimSuffix(text, "%")
	}
	v, err := parseNumber(text)
	if err != nil {
		return 0, fmt.Errorf("%s is compared with a number, not with %q", f.name, text)
	}
	return v, nil
}

// sizeUnits are in the order in which they are looked for at the end of a text. "B" comes
// last, since all the others end with it.
var sizeUnits = []struct {
	name  string
	bytes float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1},
}

func parseSize(name, text string) (float64, error) {
	for _, u := range sizeUnits {
		if before, found := strings.CutSuffix(text, u.name); found {
			if v, err := parseNumber(strings.TrimSpace(before)); err == nil {
				return v * u.bytes, nil
			}
			break
		}
	}
	return 0, fmt.Errorf("%s is compared with a size in B, KiB, MiB, GiB, kB, MB or GB, such as 200MiB, not with %q", name, text)
}

// parseNumber reads a number that is finite and not negative.
func parseNumber(text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err == nil && (v < 0 || math.IsInf(v, 0) || math.IsNaN(v)) {
		err = strconv.ErrRange
	}
	return v, err
}
