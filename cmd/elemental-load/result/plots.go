package result

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/HdrHistogram/hdrhistogram-go"

	"elemental/cmd/elemental-load/plan"
)

// mostPoints is the most points of a plot over time: more than a screen has columns.
const mostPoints = 1500

// plots is what the page's script draws: numbers only, one column for each second or
// stretch.
type plots struct {
	Seconds     points     `json:"seconds"`
	Each        int        `json:"each"` // seconds for each point
	Warmup      float64    `json:"warmup"`
	Scheduled   points     `json:"scheduled"` // null in the closed model
	Started     points     `json:"started"`
	Refused     points     `json:"refused"` // null if nothing was refused; Failed likewise
	Failed      points     `json:"failed"`
	Connections points     `json:"connections"`
	LoadCPU     points     `json:"loadCPU"`
	CPU         points     `json:"cpu"` // null if the provider's process is not known; Memory likewise
	Memory      points     `json:"memory"`
	Operations  []plotting `json:"operations"`
}

// plotting is the data of one operation: over time, and as a distribution.
type plotting struct {
	Name string `json:"name"`
	Done points `json:"done"`
	P50  points `json:"p50"`
	P99  points `json:"p99"`
	Max  points `json:"max"`

	// At each index of OneIn: one in so many took longer than the latency at the same
	// index below.
	OneIn       points `json:"oneIn"`
	Corrected   points `json:"corrected"`
	Uncorrected points `json:"uncorrected"`
	Said        string `json:"said"` // explains the two curves in words
}

// points are written as JSON with four digits, and with null for NaN.
type points []float64

// MarshalJSON writes a nil slice as null.
func (p points) MarshalJSON() ([]byte, error) {
	if p == nil {
		return []byte("null"), nil
	}
	text := []byte{'['}
	for i, v := range p {
		if i > 0 {
			text = append(text, ',')
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			text = append(text, "null"...)
			continue
		}
		short, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 4, 64), 64) // cannot fail: the text was written by FormatFloat
		number, err := json.Marshal(short)
		if err != nil {
			return nil, err
		}
		text = append(text, number...)
	}
	return append(text, ']'), nil
}

func (r *Result) plots() (*plots, error) {
	each := max((len(r.Seconds)+mostPoints-1)/mostPoints, 1)
	all := r.stretches(r.Seconds, each)
	column := func(figure func(stretch) float64) points {
		values := make(points, len(all))
		for i, x := range all {
			values[i] = figure(x)
		}
		return values
	}
	p := &plots{
		Operations: []plotting{},
		Seconds:    column(func(x stretch) float64 { return float64(x.begin) }), Warmup: r.Warmup,
		Each:        each,
		Scheduled:   column(func(x stretch) float64 { return x.scheduled }).unlessZero(),
		Started:     column(func(x stretch) float64 { return x.started }),
		Refused:     column(func(x stretch) float64 { return x.refused }).unlessZero(),
		Failed:      column(func(x stretch) float64 { return x.fails }).unlessZero(),
		Connections: column(func(x stretch) float64 { return x.connections }),
		LoadCPU:     column(func(x stretch) float64 { return x.loadCPU }),
	}
	if r.Provider != nil {
		p.CPU = column(func(x stretch) float64 { return x.cpu })
		p.Memory = column(func(x stretch) float64 { return x.memory })
	}
	for i := range r.Operations {
		one, err := r.plotting(&r.Operations[i], column)
		if err != nil {
			return nil, err
		}
		p.Operations = append(p.Operations, one)
	}
	return p, nil
}

// plotting makes the data of an operation. Column makes a line over time from stretches.
func (r *Result) plotting(o *Operation, column func(func(stretch) float64) points) (plotting, error) {
	of := func(figure func(stretchOf) float64) points {
		return column(func(x stretch) float64 { return figure(x.of(o.Name)) })
	}
	p := plotting{
		Name: o.Name,
		Done: of(func(x stretchOf) float64 { return x.done }),
		P50:  of(func(x stretchOf) float64 { return x.p50 }),
		P99:  of(func(x stretchOf) float64 { return x.p99 }),
		Max:  of(func(x stretchOf) float64 { return x.max }),
		Said: r.saidOfCurves(o),
	}
	if err := p.distribution(o); err != nil {
		return p, fmt.Errorf("operation %q: %w", o.Name, err)
	}
	return p, nil
}

// unlessZero returns nil if every known value is zero, since there is nothing to draw then.
func (p points) unlessZero() points {
	if slices.ContainsFunc(p, func(v float64) bool { return v != 0 && !math.IsNaN(v) }) {
		return p
	}
	return nil
}

// distribution fills in the two curves, at places that both share.
func (p *plotting) distribution(o *Operation) error {
	corrected, err := o.Corrected.Decode()
	if err != nil {
		return err
	}
	uncorrected, err := o.Uncorrected.Decode()
	if err != nil {
		return err
	}
	p.OneIn = places(corrected.TotalCount(), uncorrected.TotalCount())
	p.Corrected, p.Uncorrected = curve(corrected, p.OneIn), curve(uncorrected, p.OneIn)
	return nil
}

// places returns the places of the curves: spread evenly over a logarithmic axis, and
// also the counts, where the curves end.
func places(counts ...int64) points {
	const each = 30 // places for each factor of ten
	most := float64(slices.Max(counts))
	all := points{}
	for i := 0; ; i++ {
		x := math.Pow(10, float64(i)/each)
		if x >= most {
			break
		}
		all = append(all, x)
	}
	for _, n := range counts {
		if n > 0 {
			all = append(all, float64(n))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// curve is the latency, in milliseconds, that one in so many exceeded. It ends with the
// slowest of all, at one in as many as there were; beyond, it is NaN.
func curve(h *hdrhistogram.Histogram, oneIn points) points {
	count := float64(h.TotalCount())
	values := make(points, len(oneIn))
	for i, x := range oneIn {
		switch {
		case x > count:
			values[i] = math.NaN()
		case x == count:
			values[i] = millis(h.ValueAtPercentile(100))
		default:
			values[i] = millis(h.ValueAtPercentile(100 - 100/x))
		}
	}
	return values
}

// saidOfCurves explains the two curves of an operation. Only the requests that the closed
// model has put in are known to be missing because of the provider: everything else that
// was sent late may have waited for the generator itself.
func (r *Result) saidOfCurves(o *Operation) string {
	c, u := &o.Corrected, &o.Uncorrected
	if c.Count == 0 {
		return "Nothing was measured."
	}
	var differ []string
	add := func(name string, corrected, uncorrected float64) {
		if u.Count > 0 && far(corrected, uncorrected) {
			differ = append(differ, fmt.Sprintf("%s %s and %s", name, latency(corrected), latency(uncorrected)))
		}
	}
	add("p50", c.P50, u.P50)
	add("p90", c.P90, u.P90)
	add("p95", c.P95, u.P95)
	add("p99", c.P99, u.P99)
	add("max", c.Max, u.Max)
	if differ == nil {
		return "Corrected and uncorrected are practically the same: hardly anything had to wait for something else before it could be sent."
	}
	figures := "The two differ (" + strings.Join(differ, ", ") + "): "
	if r.Plan.Model == plan.Closed && c.Count > u.Count {
		return figures + "while the provider stalled, the clients waited and sent nothing, so that one slow answer stands for many. " +
			"The corrected curve has the requests that were missing put in; judge by it."
	}
	return figures + fmt.Sprintf("what was due had to wait before it was sent: for the provider, for a free client or connection, "+
		"or for the generator itself, which was at most %s late. ", latency(r.Generator.Late.Max)) +
		"Corrected counts that wait, as a user would; uncorrected hides it."
}
