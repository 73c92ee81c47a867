// Package result is what a run leaves behind: figures as data, and what people
// read of them. It knows nothing of connections; result.json alone is enough to
// make every other file again.
package result

import (
	"time"

	"elemental/cmd/elemental-load/plan"
)

// Format is the version of result.json that this program writes. It reads this
// one and older ones.
const Format = 1

// Result is one run. Times are milliseconds unless a name says otherwise;
// counts and percentiles leave the warm-up out, the seconds show it.
type Result struct {
	Format  int       `json:"format"`
	Run     string    `json:"run"`   // the run's id, part of the names of its servers
	Title   string    `json:"title"` // such as "chat, open model, 1,000/s for 10s"
	Command []string  `json:"command"`
	Started time.Time `json:"started"`
	Ended   string    `json:"ended"` // Completed, or why it ended early

	Plan      plan.Plan `json:"plan"`
	Target    Target    `json:"target"`
	Machine   Machine   `json:"machine"`
	Processes int       `json:"processes"` // that made the load together

	Duration   float64 `json:"duration_s"` // seconds that the figures are of, warm-up left out
	Warmup     float64 `json:"warmup_s"`
	Setup      float64 `json:"setup_s"`      // making users, servers, channels and connections
	Violations []Found `json:"violations"`   // what must never happen and did, worst first
	Verdicts   []Met   `json:"expectations"` // the thresholds that were asked for

	Parts      []Part      `json:"parts"`
	Operations []Operation `json:"operations"` // in a fixed order, the main one first
	Refusals   []Refusal   `json:"refusals"`   // by count, most first
	Failures   []Failure   `json:"failures"`
	Checked    Checked     `json:"checked"`
	Generator  Generator   `json:"generator"`
	Provider   *Usage      `json:"provider"` // nil where its process is not known
	Notes      []string    `json:"notes"`    // what a reader of the figures has to know

	Seconds []Second `json:"seconds"`
}

// Completed is Ended of a run that did its whole plan.
const Completed = "completed"

// Target is what was loaded.
type Target struct {
	Address  string `json:"address"`
	Name     string `json:"name"`     // what the provider calls itself
	Original bool   `json:"original"` // the Python provider: no pushes, one request at a time
	Started  bool   `json:"started"`  // it was started for this run, in a temporary folder
	TLS      bool   `json:"tls"`
}

// Machine is what generated the load.
type Machine struct {
	OS     string `json:"os"`
	Arch   string `json:"arch"`
	CPU    string `json:"cpu"` // "" where the system does not tell
	CPUs   int    `json:"cpus"`
	Go     string `json:"go"`
	Memory int64  `json:"memory_bytes"` // 0 where the system does not tell
}

// Part is one scenario's share of the run.
type Part struct {
	Scenario  string  `json:"scenario"`
	Clients   int     `json:"clients"`
	Scheduled int64   `json:"scheduled"` // actions that were due; 0 in the closed model
	Started   int64   `json:"started"`   // fewer, where the provider held them back to the end
	Done      int64   `json:"done"`
	Weight    float64 `json:"weight"`
}

// Operation is one kind of request, or one thing that is waited for.
type Operation struct {
	Name    string `json:"name"`  // such as "post", "delivered"
	About   string `json:"about"` // from what to what it is measured
	Done    int64  `json:"done"`
	Refused int64  `json:"refused"`
	Failed  int64  `json:"failed"` // no answer, or the connection ended
	Before  int64  `json:"before"` // done before the load, such as the first logins: no part of its rate
	Setup   bool   `json:"setup"`  // most of it was done before the load: its rate says nothing

	// Corrected counts from the moment the operation was due, so that a stall
	// delays all that was due in it. In the closed model something is due when its
	// client is ready to send, though it may have to come back first; and the requests
	// are put in that a stall kept from being sent (HdrHistogram's correction, at the
	// usual interval).
	Corrected Latency `json:"corrected"`
	// Uncorrected counts from when it was really sent.
	Uncorrected Latency `json:"uncorrected"`
}

// Latency is a distribution of times, in milliseconds.
type Latency struct {
	Count     int64   `json:"count"`
	Mean      float64 `json:"mean"`
	Min       float64 `json:"min"`
	P50       float64 `json:"p50"`
	P90       float64 `json:"p90"`
	P95       float64 `json:"p95"`
	P99       float64 `json:"p99"`
	P999      float64 `json:"p99.9"`
	P9999     float64 `json:"p99.99"`
	Max       float64 `json:"max"`
	Histogram string  `json:"histogram"` // HdrHistogram V2 compressed, base64, of microseconds
}

// Refusal is how often a reason was heard.
type Refusal struct {
	Operation string `json:"operation"`
	Code      string `json:"code"`
	Reason    string `json:"reason"`
	Count     int64  `json:"count"`
}

// Failure is how often a call had no answer for a cause.
type Failure struct {
	Operation string `json:"operation"`
	Cause     string `json:"cause"`
	Count     int64  `json:"count"`
}

// Found is a kind of violation: what must never happen.
type Found struct {
	Kind     string   `json:"kind"`  // such as "lost": see the constants of package check
	About    string   `json:"about"` // in a sentence
	Count    int64    `json:"count"`
	Examples []string `json:"examples"` // the first few
}

// Checked is what the checks looked at.
type Checked struct {
	History      bool  `json:"history"`  // the history was read back and compared
	Streamed     bool  `json:"streamed"` // what subscribers were told was compared
	Acknowledged int64 `json:"acknowledged"`
	Found        int64 `json:"found"`  // acknowledged messages that the history has, once and in order
	Unsure       int64 `json:"unsure"` // posts without an answer; they may be in the history or not
	Pushes       int64 `json:"pushes"`
	Streams      int64 `json:"streams"` // subscriptions that were followed
}

// Generator is how the load generator itself fared.
type Generator struct {
	Late      Latency `json:"late"`         // by how much it was late for what was due, for its own fault
	LateShare float64 `json:"late_share"`   // of that, more than 10 ms late
	Behind    bool    `json:"behind"`       // it could not keep the schedule: distrust the figures
	HeldBack  int64   `json:"held_back"`    // actions that waited since too many were unanswered: the provider could not keep up
	CPU       float64 `json:"cpu_percent"`  // of one core, in the mean
	Memory    int64   `json:"memory_bytes"` // resident, at most
}

// Usage is what a process used during the load.
type Usage struct {
	Pid          int     `json:"pid"`
	CPU          float64 `json:"cpu_percent"`           // of one core, in the mean
	Memory       int64   `json:"memory_bytes"`          // resident, at most
	MemoryBefore int64   `json:"memory_before_bytes"`   // before anything was asked of it
	MemoryIdle   int64   `json:"memory_idle_bytes"`     // with all connections, before the load
	PerConn      float64 `json:"memory_per_conn_bytes"` // what a connection added at most, logins included; 0: too few to tell
}

// Second is one second of the run, from 0.
type Second struct {
	Second      int     `json:"second"`
	Scheduled   int64   `json:"scheduled"`
	Started     int64   `json:"started"`
	Refused     int64   `json:"refused"`
	Failed      int64   `json:"failed"`
	Connections int     `json:"connections"` // open at its end
	LoadCPU     float64 `json:"load_cpu_percent"`
	CPU         float64 `json:"provider_cpu_percent"`
	Memory      int64   `json:"provider_memory_bytes"`

	Operations map[string]Slice `json:"operations"` // by name; absent where nothing was done
}

// Slice is one second of an operation; corrected latencies in milliseconds (in
// the closed model without what is put in afterwards).
type Slice struct {
	Done int64   `json:"done"`
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	Max  float64 `json:"max"`
}

// Met is an expectation and whether it was met.
type Met struct {
	Expectation string `json:"expectation"`
	Value       string `json:"value"` // what was measured
	Met         bool   `json:"met"`
}
