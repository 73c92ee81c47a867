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
	Started    map[int]int64         `json:"started"`  // actions, by part
	Finished   map[int]int64         `json:"finished"` // actions, by part
	Reasons    Reasons               `json:"reasons"`

	Late     Times `json:"late"`      // by how much the generator itself was late, for actions and beats
	TooLate  int64 `json:"too_late"`  // of them, those that anybody would notice
	HeldBack int64 `json:"held_back"` // actions that waited since too many were unanswered

	Connections int     `json:"connections"` // at its end
	CPU         float64 `json:"cpu_percent"` // of the process, of one core
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

// Reasons counts refusals and failures.
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

// Add adds another interval of the same time, or the next one.
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

// Times is a distribution of times that takes no room until the first one.
type Times struct{ h *hdrhistogram.Histogram }

func (t *Times) record(d time.Duration) {
	if t.h == nil {
		t.h = result.NewHistogram()
	}
	micros := min(max(d.Microseconds(), 0), t.h.HighestTrackableValue())
	_ = t.h.RecordValue(micros) // it is in range
}

func (t *Times) add(other *Times) {
	switch {
	case other.h == nil:
	case t.h == nil:
		t.h = other.h.Clone()
	default:
		t.h.Merge(other.h) // of the same range: nothing is dropped
	}
}

// Histogram is the distribution in microseconds, an empty one before the first time.
func (t *Times) Histogram() *hdrhistogram.Histogram {
	if t.h == nil {
		return result.NewHistogram()
	}
	return t.h
}

// MarshalText is HdrHistogram's own compressed form.
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

// UnmarshalText is MarshalText the other way round.
func (t *Times) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		return nil
	}
	if t.h, err = hdrhistogram.Decode(text); err != nil {
		return fmt.Errorf("histogram: %w", err)
	}
	return nil
}

// counted is a reason and how often it was heard, for JSON.
type counted struct {
	Operation string `json:"operation"`
	Code      string `json:"code"`
	Text      string `json:"text"`
	Count     int64  `json:"count"`
}

// MarshalJSON makes a list of it.
func (r Reasons) MarshalJSON() ([]byte, error) {
	list := []counted{}
	for reason, n := range r {
		list = append(list, counted{reason.Operation, reason.Code, reason.Text, n})
	}
	return json.Marshal(list)
}

// UnmarshalJSON reads the list.
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
