// Package plan says what a run is to do: which scenarios, with how many clients, at which
// rate, for how long. A plan is plain data that is checked before anything is sent.
package plan

import "time"

// Model says how the load generator decides when to send.
type Model string

// The two models.
const (
	// Open sends on schedule, whether the provider has answered or not, as independent
	// people would. Latency counts from the time at which an action was due.
	Open Model = "open"
	// Closed makes each client send its next request when the last one is answered. A
	// provider that stalls then gets fewer requests, and looks better than it is.
	Closed Model = "closed"
)

// Plan describes a whole run.
type Plan struct {
	Mix   []Share `json:"mix" yaml:"mix"`
	Model Model   `json:"model" yaml:"model"`

	Clients int `json:"clients" yaml:"clients"` // connections, divided among the scenarios by weight
	Users   int `json:"users" yaml:"users"`     // accounts that the clients log in as

	Servers  int `json:"servers" yaml:"servers"`   // of each scenario
	Channels int `json:"channels" yaml:"channels"` // of each server
	History  int `json:"history" yaml:"history"`   // messages in each channel before scenarios begin that read the history

	Size Range `json:"size" yaml:"size"` // size of a message in bytes

	Stages   []Stage       `json:"stages" yaml:"stages"`
	Warmup   time.Duration `json:"warmup" yaml:"warmup"`
	Pipeline int           `json:"pipeline" yaml:"pipeline"` // closed model: requests of a client under way at once
	Think    time.Duration `json:"think" yaml:"think"`       // closed model: pause between an answer and the next request
}

// Share is a scenario and its weight in the mix.
type Share struct {
	Scenario string  `json:"scenario" yaml:"scenario"`
	Weight   float64 `json:"weight" yaml:"weight"`
}

// Stage is a part of the run in which the load changes evenly from one level to another.
// A level is actions per second in the open model, and clients at work in the closed
// model.
type Stage struct {
	For  time.Duration `json:"for" yaml:"for"`
	From float64       `json:"from" yaml:"from"`
	To   float64       `json:"to" yaml:"to"`
}

// Range is the numbers from Min to Max, both included.
type Range struct {
	Min int `json:"min" yaml:"min"`
	Max int `json:"max" yaml:"max"`
}
