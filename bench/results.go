package main

import (
	"encoding/json"
	"os"
	"runtime"
	"strings"
	"time"
)

// Results has all turns of a run, as they are kept in a file.
type Results struct {
	Begun      time.Time `json:"begun"`
	Go         string    `json:"go"`
	Kernel     string    `json:"kernel,omitempty"`
	Processors int       `json:"processors"`
	Turn       string    `json:"turn"` // length of a turn
	Rows       []Row     `json:"rows"`
}

// Row is the outcome of one row.
type Row struct {
	Name        string       `json:"name"`
	About       string       `json:"about"`
	Unit        string       `json:"unit"`
	Base        string       `json:"base,omitempty"` // name of the contestant with which the others are compared
	By          string       `json:"by,omitempty"`   // what the ratio compares, if not the figure
	Targets     []Target     `json:"targets,omitempty"`
	Contestants []Contestant `json:"contestants"`
}

// Contestant is a server, or a case, that took turns in a row.
type Contestant struct {
	Name  string `json:"name"`
	Peer  bool   `json:"peer,omitempty"` // it need not meet the targets
	Turns []Turn `json:"turns"`
}

// Turn is the outcome of one turn.
type Turn struct {
	Warmup     bool    `json:"warmup,omitempty"` // not counted in the table
	Figure     float64 `json:"figure"`
	Operations int     `json:"operations,omitempty"`
	Seconds    float64 `json:"seconds,omitempty"`
	CPU        float64 `json:"cpu,omitempty"`      // seconds of CPU time that the server's process used
	Switches   float64 `json:"switches,omitempty"` // context switches of its threads
	Also       []Also  `json:"also,omitempty"`
}

// Also is another figure of a turn.
type Also struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

// Target is a limit for the ratio, the figure or one of the other figures.
type Target struct {
	Of    string  `json:"of"`
	Least float64 `json:"least,omitempty"`
	Most  float64 `json:"most,omitempty"`
	Unit  string  `json:"unit,omitempty"`
}

// What a target limits. Any other word is the name of an Also.
const (
	ofRatio  = "ratio"
	ofFigure = "figure"
)

func newResults(o *runOptions) *Results {
	r := &Results{Begun: time.Now().UTC().Truncate(time.Second), Go: runtime.Version(), Processors: runtime.NumCPU(), Turn: o.Duration.String()}
	if kernel, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil { // not every system tells it
		r.Kernel = strings.TrimSpace(string(kernel))
	}
	return r
}

func (r *Results) save(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

func readResults(path string) (*Results, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &Results{}
	return r, json.Unmarshal(text, r)
}

// counted are the turns without the warm-up.
func (c *Contestant) counted() (turns []Turn) {
	for _, t := range c.Turns {
		if !t.Warmup {
			turns = append(turns, t)
		}
	}
	return turns
}

// each returns one value of every counted turn.
func (c *Contestant) each(value func(Turn) float64) (values []float64) {
	for _, t := range c.counted() {
		values = append(values, value(t))
	}
	return values
}

func figure(t Turn) float64 { return t.Figure }

// cpu is the server's CPU time per operation, in microseconds.
func cpu(t Turn) float64 { return perOperation(t.CPU*1e6, t) }

func switches(t Turn) float64 { return perOperation(t.Switches, t) }

func perOperation(value float64, t Turn) float64 {
	if t.Operations == 0 {
		return 0
	}
	return value / float64(t.Operations)
}

func also(name string) func(Turn) float64 {
	return func(t Turn) float64 {
		for _, a := range t.Also {
			if a.Name == name {
				return a.Value
			}
		}
		return 0
	}
}

// ratios are a contestant's ratios to the base, turn by turn. There are none if either is
// missing.
func (r *Row) ratios(c *Contestant) (ratios []float64) {
	value := figure
	if r.By == byCPU {
		value = cpu
	}
	for _, base := range r.Contestants {
		if base.Name != r.Base || base.Name == c.Name {
			continue
		}
		theirs := base.each(value)
		for i, ours := range c.each(value) {
			if i < len(theirs) && theirs[i] > 0 {
				ratios = append(ratios, ours/theirs[i])
			}
		}
	}
	return ratios
}

// values are the values that a target limits.
func (r *Row) values(c *Contestant, of string) []float64 {
	switch of {
	case ofRatio:
		return r.ratios(c)
	case ofFigure:
		return c.each(figure)
	}
	return c.each(also(of))
}
