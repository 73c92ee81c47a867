// Package result is what a run leaves behind: its figures as data, and the files that
// people read. It knows nothing of connections. result.json alone is enough to make all
// other files again.
package result

import (
	"time"

	"elemental/cmd/elemental-load/plan"
)

// Format is the version of result.json that this program writes. It also reads older
// versions.
const Format = 1

// Result is the result of one run. Times are in milliseconds unless the name says
// otherwise. Counts and percentiles leave out the warm-up; Seconds include it.
type Result struct {
	Format  int       `json:"format"`
	Run     string    `json:"run"`   // the run's name, with which the names of its servers begin
	Title   string    `json:"title"` // such as "chat, open model, 1,000/s for 10s"
	Command []string  `json:"command"`
	Started time.Time `json:"started"`
	Ended   string    `json:"ended"` // Completed, or why it ended early

	Plan      plan.Plan `json:"plan"`
	Target    Target    `json:"target"`
	Machine   Machine   `json:"machine"`
	Processes int       `json:"processes"` // number of processes that made the load

	Duration   float64 `json:"duration_s"` // measured time in seconds, without the warm-up
	Warmup     float64 `json:"warmup_s"`
	Setup      float64 `json:"setup_s"`      // time for making users, servers, channels and connections
	Violations []Found `json:"violations"`   // what must never happen but did, worst first
	Verdicts   []Met   `json:"expectations"` // the expectations that were given, and whether they were met

	Parts      []Part      `json:"parts"`
	Operations []Operation `json:"operations"` // the main one first, then in a fixed order
	Refusals   []Refusal   `json:"refusals"`   // the most frequent first
	Failures   []Failure   `json:"failures"`
	Checked    Checked     `json:"checked"`
	Generator  Generator   `json:"generator"`
	Provider   *Usage      `json:"provider"` // nil if its process is not known
	Notes      []string    `json:"notes"`    // what readers of the figures must know

	Seconds []Second `json:"seconds"`
}

// Completed is the value of Ended if the whole plan was carried out.
const Completed = "completed"

// Target is the provider that was loaded.
type Target struct {
	Address  string `json:"address"`
	Name     string `json:"name"`     // the name that the provider gives itself
	Original bool   `json:"original"` // it is the original Python provider: no pushes, one request at a time
	Started  bool   `json:"started"`  // it was started for this run, in a temporary folder
	TLS      bool   `json:"tls"`
}

// Machine is the machine that made the load.
type Machine struct {
	OS     string `json:"os"`
	Arch   string `json:"arch"`
	CPU    string `json:"cpu"` // "" if the system does not tell
	CPUs   int    `json:"cpus"`
	Go     string `json:"go"`
	Memory int64  `json:"memory_bytes"` // 0 if the system does not tell
}

// Part is one scenario's share of the run.
type Part struct {
	Scenario  string  `json:"scenario"`
	Clients   int     `json:"clients"`
	Scheduled int64   `json:"scheduled"` // actions that were due; 0 in the closed model
	Started   int64   `json:"started"`   // fewer than Scheduled, if the provider held some back to the end
	Done      int64   `json:"done"`
	Weight    float64 `json:"weight"`
}

// Operation is one kind of request, or of event that is waited for.
type Operation struct {
	Name    string `json:"name"`  // such as "post" or "delivered"
	About   string `json:"about"` // what its time is measured from and to
	Done    int64  `json:"done"`
	Refused int64  `json:"refused"`
	Failed  int64  `json:"failed"` // got no answer, or the connection ended
	Before  int64  `json:"before"` // done before the load, such as the first logins; not counted in its rate
	Setup   bool   `json:"setup"`  // most of it was done before the load, so its rate says nothing

	// Corrected counts from the moment at which the operation was due. So a stall delays
	// everything that was due in it. In the closed model an operation is due when its
	// client is ready to send, even if the client has to connect again first. There also
	// the requests are added that a stall has kept from being sent (HdrHistogram's
	// correction, with the usual interval).
	Corrected Latency `json:"corrected"`
	// Uncorrected counts from the moment at which the operation was really sent.
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
	Histogram string  `json:"histogram"` // in microseconds: HdrHistogram V2, compressed, base64
}

// Refusal says how often an operation was refused for one reason.
type Refusal struct {
	Operation string `json:"operation"`
	Code      string `json:"code"`
	Reason    string `json:"reason"`
	Count     int64  `json:"count"`
}

// Failure says how often an operation got no answer for one cause.
type Failure struct {
	Operation string `json:"operation"`
	Cause     string `json:"cause"`
	Count     int64  `json:"count"`
}

// Found is a kind of violation that was found: something that must never happen.
type Found struct {
	Kind     string   `json:"kind"`  // such as "lost": see the constants of package check
	About    string   `json:"about"` // the kind in a sentence
	Count    int64    `json:"count"`
	Examples []string `json:"examples"` // the first few
}

// Checked says what the checks looked at.
type Checked struct {
	History      bool   `json:"history"`          // the history was read back and compared
	Streamed     bool   `json:"streamed"`         // the pushes that subscribers got were compared
	Failed       string `json:"failed,omitempty"` // why nothing could be compared
	Acknowledged int64  `json:"acknowledged"`
	Found        int64  `json:"found"`  // acknowledged messages that the history has, once and in order
	Unsure       int64  `json:"unsure"` // posts without an answer; they may be in the history or not
	Pushes       int64  `json:"pushes"`
	Streams      int64  `json:"streams"` // subscriptions that were followed
}

// Generator says how the load generator itself did.
type Generator struct {
	Late      Latency `json:"late"`         // how late it was for what was due, through its own fault
	LateShare float64 `json:"late_share"`   // share of those that were more than 10 ms late
	Behind    bool    `json:"behind"`       // it could not keep the schedule: distrust the figures
	HeldBack  int64   `json:"held_back"`    // actions that had to wait because too many were unanswered: the provider could not keep up
	CPU       float64 `json:"cpu_percent"`  // mean, in percent of one core
	Memory    int64   `json:"memory_bytes"` // resident, at most
}

// Usage is what a process used during the load.
type Usage struct {
	Pid          int     `json:"pid"`
	CPU          float64 `json:"cpu_percent"`           // mean, in percent of one core, with the processes that it has started
	Memory       int64   `json:"memory_bytes"`          // resident, at most, of this process alone
	MemoryBefore int64   `json:"memory_before_bytes"`   // before anything was asked of it
	MemoryIdle   int64   `json:"memory_idle_bytes"`     // with all connections, before the load
	PerConn      float64 `json:"memory_per_conn_bytes"` // memory per connection at most, logins included; 0: too few connections to tell
}

// Second is one second of the run, counted from 0.
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

	Operations map[string]Slice `json:"operations"` // by name; only those of which something was done
}

// Slice is one second of an operation, with corrected latencies in milliseconds. In the
// closed model the values that are added afterwards are not in it.
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
