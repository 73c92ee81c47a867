package crowd

import "time"

// Load is what a crowd does.
type Load struct {
	// Next gives a member's next request, or nil when it has none any more. What
	// it gives is used before it is called again. due is when the request should
	// leave: now, unless the load is paced.
	Next func(member int, due time.Time) []byte
	// Senders is how many of the members ask; 0 means all.
	Senders int
	// Depth is how many requests of a member are under way at most; 0 means one.
	Depth int
	// For is how long requests are sent, one at least; 0 means until there is no next one.
	For time.Duration
	// Every is the pace of a load that does not wait for answers: one request in
	// this time, the senders in turn. 0 means that answers bring on the next.
	Every time.Duration
	// Fan is how many pushes each request brings. A run lasts until they are all
	// there.
	Fan int
	// Window is how many requests' pushes may be missing when one more is sent,
	// so that a server cannot pile them up; 0 means any number.
	Window int
	// OnPush sees each push, and when it was read; it must not keep it.
	OnPush func(line []byte, at time.Time)
}

// Result is what a run came to. Took ends with the last reply.
type Result struct {
	Answers, Pushes int
	Took            time.Duration
}
