package measure

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"elemental/cmd/elemental-load/result"
)

// Interval is what was recorded in a stretch of time. It can be sent as JSON.
type Interval struct {
	Operations map[string]*Operation `json:"operations"`
	Started    map[int]int64         `json:"started"`  // actions, by the scenario's index in the mix
	Finished   map[int]int64         `json:"finished"` // actions, by the scenario's index in the mix
	Reasons    Reasons               `json:"reasons"`

	Late     Times `json:"late"`      // how late the generator itself was, for actions and beats
	TooLate  int64 `json:"too_late"`  // how many of those were later than tooLate
	HeldBack int64 `json:"held_back"` // actions that had to wait because too many were unanswered

	Connections int     `json:"connections"` // open at its end
	CPU         float64 `json:"cpu_percent"` // of the load tester's process, in percent of one core
	Memory      int64   `json:"memory_bytes"`
}

// Operation is what was recorded of one kind of operation.
type Operation struct {
	Done        int64 `json:"done"`
	Refused     int64 `json:"refused"`
	Failed      int64 `json:"failed"`
	Corrected   Times `json:"corrected"`
	Uncorrected Times `json:"uncorrected"`
}

// Reasons counts refusals and failures by their reason.
type Reasons map[Reason]int64

func newInterval() Interval {
	return Interval{
		Operations: map[string]*Operation{},
		Started:    map[int]int64{}, Finished: map[int]int64{},
		Reasons: Reasons{},
	}
}

func (i *Interval) late(by time.Duration) {
	i.Late.record(by)
	if by > tooLate {
		i.TooLate++
	}
}

func (i *Interval) operation(name string) *Operation {
	o := i.Operations[name]
	if o == nil {
		o = &Operation{}
		i.Operations[name] = o
	}
	return o
}

// Add adds another interval: of another process for the same time, or of a later time.
func (i *Interval) Add(other *Interval) {
	for name, o := range other.Operations {
		i.operation(name).add(o)
	}
	for part, n := range other.Started {
		i.Started[part] += n
	}
	for part, n := range other.Finished {
		i.Finished[part] += n
	}
	for reason, n := range other.Reasons {
		i.Reasons[reason] += n
	}
	i.Late.add(&other.Late)
	i.TooLate += other.TooLate
	i.HeldBack += other.HeldBack
	i.Connections += other.Connections
	i.CPU += other.CPU
	i.Memory += other.Memory
}

func (o *Operation) add(other *Operation) {
	o.Done += other.Done
	o.Refused += other.Refused
	o.Failed += other.Failed
	o.Corrected.add(&other.Corrected)
	o.Uncorrected.add(&other.Uncorrected)
}

// Times is a distribution of times. It takes no memory until the first time is recorded.
type Times struct{ h *hdrhistogram.Histogram }

func (t *Times) record(d time.Duration) {
	if t.h == nil {
		t.h = result.NewHistogram()
	}
	micros := min(max(d.Microseconds(), 0), t.h.HighestTrackableValue())
	_ = t.h.RecordValue(micros) // cannot fail, since the value is in range
}

func (t *Times) add(other *Times) {
	switch {
	case other.h == nil:
	case t.h == nil:
		t.h = other.h.Clone()
	default:
		t.h.Merge(other.h) // both have the same range, so nothing is dropped
	}
}

// Histogram is the distribution, in microseconds. It is empty if nothing was recorded.
func (t *Times) Histogram() *hdrhistogram.Histogram {
	if t.h == nil {
		return result.NewHistogram()
	}
	return t.h
}

// MarshalText encodes the distribution in HdrHistogram's compressed form.
func (t Times) MarshalText() ([]byte, error) {
	if t.h == nil {
		return nil, nil
	}
	encoded, err := t.h.EncodeV2()
	if err != nil {
		return nil, fmt.Errorf("histogram: %w", err)
	}
	return encoded, nil
}

// UnmarshalText decodes what MarshalText has encoded.
func (t *Times) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		return nil
	}
	if t.h, err = hdrhistogram.Decode(text); err != nil {
		return fmt.Errorf("histogram: %w", err)
	}
	return nil
}

// counted is a reason and its count, as they are written in JSON.
type counted struct {
	Operation string `json:"operation"`
	Code      string `json:"code"`
	Text      string `json:"text"`
	Count     int64  `json:"count"`
}

// MarshalJSON writes the reasons as a list, since they cannot be keys of a JSON object.
func (r Reasons) MarshalJSON() ([]byte, error) {
	list := []counted{}
	for reason, n := range r {
		list = append(list, counted{reason.Operation, reason.Code, reason.Text, n})
	}
	return json.Marshal(list)
}

// UnmarshalJSON reads such a list.
func (r *Reasons) UnmarshalJSON(text []byte) error {
	var list []counted
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	*r = Reasons{}
	for _, c := range list {
		(*r)[Reason{c.Operation, c.Code, c.Text}] = c.Count
	}
	return nil
}
