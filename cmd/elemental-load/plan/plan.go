// Package plan says what a run is to do: which scenarios, how many clients, at
// which rate, for how long. It is plain data that is checked before anything is
// sent.
package plan

import "time"

// Model is how the generator decides when to send.
type Model string

// The models.
const (
	// Open sends on schedule, whether the provider has answered or not, as
	// independent people do. Latency counts from when an action was due.
	Open Model = "open"
	// Closed has each client send its next request when the last one is answered.
	// A provider that stalls is then asked less, and looks better than it is.
	Closed Model = "closed"
)

// Plan is a whole run.
type Plan struct {
	Mix   []Share `json:"mix" yaml:"mix"`
	Model Model   `json:"model" yaml:"model"`

	Clients int `json:"clients" yaml:"clients"` // connections, shared out by weight
	Users   int `json:"users" yaml:"users"`     // accounts that they log in as

	Servers  int `json:"servers" yaml:"servers"`   // of each scenario
	Channels int `json:"channels" yaml:"channels"` // of each server
	History  int `json:"history" yaml:"history"`   // messages in a channel before a scenario that reads back begins

	Size Range `json:"size" yaml:"size"` // bytes of a message

	Stages   []Stage       `json:"stages" yaml:"stages"`
	Warmup   time.Duration `json:"warmup" yaml:"warmup"`
	Pipeline int           `json:"pipeline" yaml:"pipeline"` // closed: requests of a client under way at once
	Think    time.Duration `json:"think" yaml:"think"`       // closed: pause between an answer and the next request
}

// Share is a scenario and its weight in the mix.
type Share struct {
	Scenario string  `json:"scenario" yaml:"scenario"`
	Weight   float64 `json:"weight" yaml:"weight"`
}

// Stage is a stretch of the run in which the load goes evenly from one level to
// another: actions a second in the open model, clients at work in the closed one.
type Stage struct {
	For  time.Duration `json:"for" yaml:"for"`
	From float64       `json:"from" yaml:"from"`
	To   float64       `json:"to" yaml:"to"`
}

// Range is from a least to a most, both included.
type Range struct {
	Min int `json:"min" yaml:"min"`
	Max int `json:"max" yaml:"max"`
}
