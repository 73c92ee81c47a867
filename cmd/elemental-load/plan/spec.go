package plan

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// Spec is what a user asks for, in a file or on the command line. For fields that are nil
// or empty the scenario's default is taken. A zero means zero, and is mostly refused.
type Spec struct {
	Scenarios Mix       `yaml:"scenarios"`
	Model     Model     `yaml:"model"`
	Rate      *Number   `yaml:"rate"`
	Stages    Stages    `yaml:"stages"`
	Duration  *Duration `yaml:"duration"`
	Ramp      *Duration `yaml:"ramp"`   // 0: none
	Warmup    *Duration `yaml:"warmup"` // 0: none
	Clients   *Count    `yaml:"clients"`
	Users     *Count    `yaml:"users"`
	Servers   *Count    `yaml:"servers"`
	Channels  *Count    `yaml:"channels"`
	History   *Count    `yaml:"history"`
	Size      Range     `yaml:"size"`
	Pipeline  *Count    `yaml:"pipeline"`
	Think     *Duration `yaml:"think"` // 0: none
	Expect    Words     `yaml:"expect"`
}

// ReadSpec reads a scenario file. It is YAML, so it may also be JSON. Unknown keys are
// refused, with their line.
func ReadSpec(path string) (*Spec, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("scenario file: %w", err)
	}
	spec := &Spec{}
	all := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict())
	if err = all.Decode(spec); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("scenario file %s: %s", path, yaml.FormatError(err, false, false))
	}
	if !errors.Is(all.Decode(&Spec{}), io.EOF) {
		return nil, fmt.Errorf("scenario file %s: it describes more than one run", path)
	}
	return spec, nil
}

// Over returns below, with the values that s has in place of its own.
func (s Spec) Over(below *Spec) Spec {
	all := *below
	if len(s.Scenarios) > 0 {
		all.Scenarios = s.Scenarios
	}
	if len(s.Expect) > 0 {
		all.Expect = s.Expect
	}
	all.Model, all.Size, all.Rate = cmp.Or(s.Model, all.Model), cmp.Or(s.Size, all.Size), cmp.Or(s.Rate, all.Rate)
	all.Duration, all.Ramp = cmp.Or(s.Duration, all.Duration), cmp.Or(s.Ramp, all.Ramp)
	all.Warmup, all.Think = cmp.Or(s.Warmup, all.Warmup), cmp.Or(s.Think, all.Think)
	all.Clients, all.Users = cmp.Or(s.Clients, all.Clients), cmp.Or(s.Users, all.Users)
	all.Servers, all.Channels = cmp.Or(s.Servers, all.Servers), cmp.Or(s.Channels, all.Channels)
	all.History, all.Pipeline = cmp.Or(s.History, all.History), cmp.Or(s.Pipeline, all.Pipeline)
	switch {
	case len(s.Stages) > 0: // the file's rate and times do not belong to them
		all.Stages, all.Rate, all.Duration, all.Ramp = s.Stages, s.Rate, s.Duration, s.Ramp
	case s.Rate != nil || s.Duration != nil: // the file's stages do not belong to that rate or duration
		all.Stages = nil
	}
	return all
}

// Mix is a list of scenarios and their weights. "chat" means "chat:1".
type Mix []Share

// ParseMix reads words such as "chat:3".
func ParseMix(words []string) (Mix, error) {
	var m Mix
	for _, word := range words {
		name, weight, weighted := strings.Cut(word, ":")
		share := Share{Scenario: name, Weight: 1}
		if weighted {
			n, err := strconv.ParseFloat(weight, 64)
			if err != nil || !(n > 0) || math.IsInf(n, 0) {
				return nil, fmt.Errorf("%q: the weight is no number above 0", word)
			}
			share.Weight = n
		}
		m = append(m, share)
	}
	return m, nil
}

// UnmarshalYAML reads a mapping of names to weights, a list of words, or one text of
// words.
func (m *Mix) UnmarshalYAML(text []byte) (err error) {
	var ordered yaml.MapSlice
	if yaml.Unmarshal(text, &ordered) == nil && len(ordered) > 0 {
		var words []string
		for _, item := range ordered {
			words = append(words, fmt.Sprintf("%v:%v", item.Key, item.Value))
		}
		*m, err = ParseMix(words)
		return err
	}
	var words Words
	if err := words.UnmarshalYAML(text); err != nil {
		return fmt.Errorf("scenarios: a name, a list of names, or names with weights")
	}
	*m, err = ParseMix(words)
	return err
}

// Words is a list of words, written as a list or as one text.
type Words []string

// UnmarshalYAML reads both forms.
func (w *Words) UnmarshalYAML(text []byte) error {
	var list []string
	if yaml.Unmarshal(text, &list) != nil {
		var one string
		if err := yaml.Unmarshal(text, &one); err != nil {
			return fmt.Errorf("a list of words")
		}
		list = strings.Fields(one)
	}
	*w = list
	return nil
}

// Stages is a list of stages, such as "500x10s" or "500-2000x20s".
type Stages []Stage

// ParseStages reads words such as "500x10s".
func ParseStages(words []string) (Stages, error) {
	var all Stages
	for _, word := range words {
		s, err := parseStage(word)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// UnmarshalYAML reads the words as a list or as one text.
func (s *Stages) UnmarshalYAML(text []byte) error {
	var words Words
	err := words.UnmarshalYAML(text)
	if err == nil {
		*s, err = ParseStages(words)
	}
	return err
}

func parseStage(word string) (Stage, error) {
	level, length, found := strings.Cut(word, "x")
	from, to, changes := strings.Cut(level, "-")
	if !changes {
		to = from
	}
	a, errA := strconv.ParseFloat(from, 64)
	b, errB := strconv.ParseFloat(to, 64)
	d, errD := time.ParseDuration(length)
	if !found || errors.Join(errA, errB, errD) != nil || !(a >= 0 && b >= 0) || d <= 0 || math.IsInf(a+b, 0) {
		return Stage{}, fmt.Errorf("%q is no stage such as 500x10s (500 for 10 seconds) or 500-2000x20s (rising)", word)
	}
	return Stage{For: d, From: a, To: b}, nil
}

// UnmarshalText reads a size or a range of sizes in bytes, such as "200" or "100-300".
func (r *Range) UnmarshalText(text []byte) error {
	from, to, ranges := strings.Cut(string(text), "-")
	if !ranges {
		to = from
	}
	least, errA := strconv.Atoi(from)
	most, errB := strconv.Atoi(to)
	if errors.Join(errA, errB) != nil || least < 1 || most < least {
		return fmt.Errorf("%q is no size such as 200 or 100-300 (bytes)", text)
	}
	r.Min, r.Max = least, most
	return nil
}

// UnmarshalYAML reads the value as UnmarshalText does.
func (r *Range) UnmarshalYAML(node ast.Node) error { return written(node, r.UnmarshalText) }

// MarshalText writes the range as UnmarshalText reads it.
func (r Range) MarshalText() ([]byte, error) {
	if r.Min == r.Max {
		return strconv.AppendInt(nil, int64(r.Min), 10), nil
	}
	return fmt.Appendf(nil, "%d-%d", r.Min, r.Max), nil
}

// Count is a whole number, always in decimal: 010 means ten. It may also be written like
// 100.0 or 1e2.
type Count int

// UnmarshalText reads the number. It refuses what is not whole or does not fit in 32
// bits.
func (c *Count) UnmarshalText(text []byte) error {
	number, err := strconv.ParseFloat(string(text), 64)
	if err != nil || math.Trunc(number) != number || math.Abs(number) > math.MaxInt32 {
		return fmt.Errorf("%s is no whole number", text)
	}
	*c = Count(number)
	return nil
}

// UnmarshalYAML reads the value as UnmarshalText does.
func (c *Count) UnmarshalYAML(node ast.Node) error { return written(node, c.UnmarshalText) }

// Number is a number, always in decimal.
type Number float64

// UnmarshalText reads the number.
func (n *Number) UnmarshalText(text []byte) error {
	number, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return fmt.Errorf("%q is no number", text)
	}
	*n = Number(number)
	return nil
}

// UnmarshalYAML reads the value as UnmarshalText does.
func (n *Number) UnmarshalYAML(node ast.Node) error { return written(node, n.UnmarshalText) }

// written reads a value from its original text in the file. An error names the key that
// is wrong.
func written(node ast.Node, read func(text []byte) error) error {
	if err := read([]byte(node.GetToken().Value)); err != nil {
		return fmt.Errorf("%s: %w", strings.TrimPrefix(node.GetPath(), "$."), err)
	}
	return nil
}

// Duration is a Go duration ("1m30s"), or a plain number of seconds ("0.75").
type Duration time.Duration

// UnmarshalText reads both forms. It refuses negative times.
func (d *Duration) UnmarshalText(text []byte) error {
	if parsed, err := time.ParseDuration(string(text)); err == nil && parsed >= 0 {
		*d = Duration(parsed)
		return nil
	}
	const most = 1e6 // seconds: more than a week
	seconds, err := strconv.ParseFloat(string(text), 64)
	if err != nil || !(seconds >= 0 && seconds <= most) {
		return fmt.Errorf("%q is no duration such as 750ms, 1m30s or 0.75 (seconds)", text)
	}
	*d = Duration(seconds * float64(time.Second))
	return nil
}

// UnmarshalYAML reads the value as UnmarshalText does.
func (d *Duration) UnmarshalYAML(node ast.Node) error { return written(node, d.UnmarshalText) }

// names lists the names of all scenarios, for an error message.
func names() string {
	var all []string
	for _, s := range Scenarios {
		all = append(all, s.Name)
	}
	return strings.Join(append(all, Mixed), ", ")
}
