package plan_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"elemental/cmd/elemental-load/plan"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "scenario.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const evening = `
# an evening
scenarios: {chat: 7, history: 2, poll: 1}
stages: [10x5s, 10-200x10s, 1000x1s]
clients: 1000
users: 50
servers: 3
channels: 6
history: 100
size: 100-400
warmup: 2s
expect: [p99<20ms, errors=0]
`

// TestScenarioFile reads a file with all keys, as YAML and as JSON.
func TestScenarioFile(t *testing.T) {
	asJSON := `{"scenarios": {"chat": 7, "history": 2, "poll": 1}, "stages": ["10x5s", "10-200x10s", "1000x1s"],
		"clients": 1000, "users": 50, "servers": 3, "channels": 6, "history": 100, "size": "100-400",
		"warmup": 2, "expect": ["p99<20ms", "errors=0"]}`
	for _, text := range []string{evening, asJSON} {
		spec, err := plan.ReadSpec(write(t, text))
		if err != nil {
			t.Fatal(err)
		}
		p, err := spec.Build()
		if err != nil {
			t.Fatal(err)
		}
		want := &plan.Plan{
			Mix:   []plan.Share{{Scenario: "chat", Weight: 7}, {Scenario: "history", Weight: 2}, {Scenario: "poll", Weight: 1}},
			Model: plan.Open, Clients: 1000, Users: 50, Servers: 3, Channels: 6, History: 100,
			Size: plan.Range{Min: 100, Max: 400}, Warmup: 2 * second, Pipeline: 1,
			Stages: []plan.Stage{{For: 5 * second, From: 10, To: 10}, {For: 10 * second, From: 10, To: 200}, {For: second, From: 1000, To: 1000}},
		}
		if !reflect.DeepEqual(p, want) {
			t.Errorf("\n got %+v\nwant %+v", p, want)
		}
		if len(spec.Expect) != 2 {
			t.Errorf("expectations %q", spec.Expect)
		}
	}
}

// TestOptionsGoBefore: options override the file, and everything else comes from the
// file. A rate replaces the file's stages. A warm-up of 0 overrides too.
func TestOptionsGoBefore(t *testing.T) {
	file, err := plan.ReadSpec(write(t, evening))
	if err != nil {
		t.Fatal(err)
	}
	over := plan.Spec{Clients: new(plan.Count(90)), Rate: new(plan.Number(20)), Duration: new(plan.Duration(4 * second)), Warmup: new(plan.Duration(0))}.Over(file)
	p, err := over.Build()
	if err != nil {
		t.Fatal(err)
	}
	if p.Clients != 90 || p.Users != 50 || len(p.Mix) != 3 || p.Warmup != 0 {
		t.Errorf("%+v", p)
	}
	if want := []plan.Stage{{For: 4 * second, From: 20, To: 20}}; !reflect.DeepEqual(p.Stages, want) {
		t.Errorf("stages %+v", p.Stages)
	}
	if !slices.Equal(over.Expect, file.Expect) {
		t.Errorf("expectations %q", over.Expect)
	}
	if over := (plan.Spec{Expect: []string{"done>0"}}).Over(file); len(over.Expect) != 1 {
		t.Errorf("expectations %q", over.Expect)
	}
}

// TestStagesGoBefore: stages replace the file's rate and times.
func TestStagesGoBefore(t *testing.T) {
	file, err := plan.ReadSpec(write(t, "rate: 50\nduration: 3s\nramp: 1s\n"))
	if err != nil {
		t.Fatal(err)
	}
	stages := plan.Stages{{For: second, From: 5, To: 5}}
	over := plan.Spec{Stages: stages}.Over(file)
	if p, err := over.Build(); err != nil || !reflect.DeepEqual(p.Stages, []plan.Stage(stages)) {
		t.Errorf("%+v, %v", p, err)
	}
	over = plan.Spec{Stages: stages, Rate: new(plan.Number(9))}.Over(file)
	if _, err := over.Build(); err == nil {
		t.Error("who says both is not told")
	}
}

// TestDefaults: every scenario can be built with its defaults, in both models, with
// everything it needs.
func TestDefaults(t *testing.T) {
	names := []string{plan.Mixed}
	for _, s := range plan.Scenarios {
		names = append(names, s.Name)
	}
	for _, name := range names {
		for _, model := range []plan.Model{plan.Open, plan.Closed} {
			spec := plan.Spec{Scenarios: plan.Mix{{Scenario: name, Weight: 1}}, Model: model}
			p, err := spec.Build()
			if err != nil {
				t.Errorf("%s, %s: %v", name, model, err)
				continue
			}
			if p.Length() != 10*second || p.Clients == 0 || p.Users == 0 || p.Size.Max == 0 {
				t.Errorf("%s, %s: %+v", name, model, p)
			}
		}
	}
}

// TestRateGrowsClients: if clients may act only at intervals, a higher rate needs more
// clients.
func TestRateGrowsClients(t *testing.T) {
	spec := plan.Spec{Scenarios: plan.Mix{{Scenario: "poll", Weight: 1}}, Rate: new(plan.Number(1000))}
	p, err := spec.Build()
	if err != nil || p.Clients != 1000 {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestCrowd: few clients get few channels, so that they meet. Numbers that the user gives
// are kept.
func TestCrowd(t *testing.T) {
	few := plan.Spec{Clients: new(plan.Count(11))}
	p, err := few.Build()
	if err != nil || p.Servers*p.Channels != 2 {
		t.Errorf("%+v, %v", p, err)
	}
	few.Servers = new(plan.Count(3))
	if p, err = few.Build(); err != nil || p.Servers != 3 || p.Channels != 4 {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestWholeNumbers: a whole number may be written in several ways. A key without a value
// is as if left out.
func TestWholeNumbers(t *testing.T) {
	for _, written := range []string{"100", "100.0", "1e2", `"100"`, "0100", "+100 # a comment"} {
		spec, err := plan.ReadSpec(write(t, "clients: "+written+"\nusers:\n"))
		if err != nil || spec.Clients == nil || *spec.Clients != 100 || spec.Users != nil {
			t.Errorf("%s: %+v, %v", written, spec, err)
		}
	}
}

// TestRefusals: the error names each mistake.
func TestRefusals(t *testing.T) {
	for text, want := range map[string]string{
		"scenarios: dance":                `no scenario "dance": there are chat, fanout`,
		"scenarios: {chat: 0}":            `"chat:0": the weight is no number above 0`,
		"scenarios: {chat: many}":         `the weight is no number`,
		"model: ajar":                     `"ajar" is neither open nor closed`,
		"rate: -1":                        `rate: it must be above 0`,
		"model: closed\nrate: 100":        `the closed model has no rate`,
		"think: 1s":                       `think are for the closed model`,
		"model: closed\nstages: [500x1s]": `500 clients are more than the 100 that there are`,
		"stages: [fast]":                  `"fast" is no stage such as 500x10s`,
		"stages: [5x0s]":                  `"5x0s" is no stage`,
		"stages: [5x1s]\nrate: 5":         `leave out rate`,
		"ramp: 20s":                       `a ramp of 20s leaves nothing of a duration of 10s`,
		"rate: nan":                       `rate: it must be above 0`,
		"stages: [nanx1s]":                `"nanx1s" is no stage`,
		"stages: [0x1s]":                  `nothing is due in 1s`,
		"duration: 1us":                   `nothing is due in 1µs`,
		"warmup: 1500ms":                  `it has to be whole seconds`,
		"warmup: 10s":                     `a warm-up of 10s leaves nothing`,
		"clients: -5":                     `clients: -5 is out of range`,
		"clients: 0":                      `clients: 0 is out of range, 1 to`,
		`{"clients": 0}`:                  `clients: 0 is out of range, 1 to`,
		"clients: 0.5":                    `clients: 0.5 is no whole number`,
		"users: 1.5":                      `users: 1.5 is no whole number`,
		"servers: .inf":                   `servers: .inf is no whole number`,
		"servers: inf":                    `servers: inf is no whole number`,
		"pipeline: [1, 2]":                `pipeline: [ is no whole number`,
		"rate: fast":                      `rate: "fast" is no number`,
		"duration: -1s":                   `duration: "-1s" is no duration`,
		"channels: many":                  `channels: many is no whole number`,
		"users: 0":                        `users: 0 is out of range`,
		"servers: 0":                      `servers: 0 is out of range`,
		"channels: 0":                     `channels: 0 is out of range`,
		"history: 0":                      `history: 0 is out of range`,
		"model: closed\npipeline: 0":      `pipeline: 0 is out of range`,
		"size: 0":                         `"0" is no size`,
		"rate: 0":                         `rate: it must be above 0`,
		"duration: 0":                     `duration: it must be above 0`,
		"duration: 0s":                    `duration: it must be above 0`,
		"model: closed\nrate: 0":          `the closed model has no rate`,
		"clients: 5000000":                `clients: 5000000 is out of range`,
		"size: 50-300":                    `size: 50 is too little, a message has 96 bytes at least`,
		"size: big":                       `"big" is no size such as 200 or 100-300`,
		"size: 300-100":                   `"300-100" is no size`,
		"duration: long":                  `"long" is no duration`,
		"scenarios: fanout\nclients: 3":   `fanout needs 5 clients or more, it has 3`,
		"scenarios: poll churn\nmodel: closed\npipeline: 2": `pipeline: each client of poll does one thing after the other`,
		"scenarios: poll\nclients: 10\nrate: 100":           `100 a second need 100 clients, it has 10`,
		"scenarios: churn\nclients: 20\nusers: 3":           `3 users for 20 clients are too few`,
		"speed: 5":                    `unknown field "speed"`,
		"clients: 3\n---\nclients: 4": `it describes more than one run`,
	} {
		spec, err := plan.ReadSpec(write(t, text))
		if err == nil {
			_, err = spec.Build()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v\nwanted %q", text, err, want)
		}
	}
}

// TestPlanSurvivesJSON: a plan is sent to other processes and written to result.json.
func TestPlanSurvivesJSON(t *testing.T) {
	spec := plan.Spec{Scenarios: plan.Mix{{Scenario: plan.Mixed, Weight: 1}}, Ramp: new(plan.Duration(time.Second))}
	p, err := spec.Build()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var again plan.Plan
	if err := json.Unmarshal(text, &again); err != nil || !reflect.DeepEqual(*p, again) {
		t.Errorf("%v\n got %+v\nwant %+v", err, again, *p)
	}
	if got := p.Title(); got != "chat 70% + history 15% + poll 10% + churn 5%, open model, 0 to 300/s for 1s, then 300/s for 9s" {
		t.Error(got)
	}
}

// TestTitle writes levels as people do.
func TestTitle(t *testing.T) {
	for text, want := range map[string]string{
		"rate: 2500000\nduration: 2s":            "chat, open model, 2500000/s for 2s",
		"rate: 0.5\nduration: 10s":               "chat, open model, 0.5/s for 10s",
		"stages: [10-2000000x5s]":                "chat, open model, 10 to 2000000/s for 5s",
		"stages: [1x1s, 2x1s, 3x1s, 3000000x1s]": "chat, open model, 4 stages up to 3000000/s in 4s",
	} {
		spec, err := plan.ReadSpec(write(t, text))
		if err != nil {
			t.Fatal(err)
		}
		p, err := spec.Build()
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Title(); got != want {
			t.Errorf("%s: %q", text, got)
		}
	}
}
