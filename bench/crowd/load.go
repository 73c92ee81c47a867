package crowd

import "time"

// Load says what a crowd is to do.
type Load struct {
	// Next returns a member's next request, or nil if it has no more. The request is used
	// before Next is called again. Due is when the request should be sent: now, unless
	// the load is paced.
	Next func(member int, due time.Time) []byte
	// Senders is how many of the members send requests: the first ones. 0 means all.
	Senders int
	// Depth is how many requests of a member may be under way at once; 0 means one.
	Depth int
	// For is how long requests are sent, but at least one; 0 means until Next has no
	// more.
	For time.Duration
	// Every makes a paced load, which does not wait for answers: one request is sent each
	// time it has passed, by the senders in turn. 0 means that an answer brings the next
	// request.
	Every time.Duration
	// Fan is how many pushes each request causes. A run lasts until all of them have
	// come.
	Fan int
	// Window is for how many requests pushes may be missing when the next one is sent, so
	// that they do not pile up in the server; 0 means any number.
	Window int
	// OnPush is called with each push and the time at which it was read. It must not keep
	// line.
	OnPush func(line []byte, at time.Time)
}

// Result is the outcome of a run. Took ends with the last reply.
type Result struct {
	Answers, Pushes int
	Took            time.Duration
}
