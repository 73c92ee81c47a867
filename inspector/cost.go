package inspector

import (
	"net/http"
	"sync/atomic"
	"time"
)

// cost is what the inspector itself takes: the time in which its own code collects and
// encodes (not that in which it waits for an actor, its turn, or a client), and what it sends.
type cost struct {
	busy  atomic.Int64 // nanoseconds
	bytes atomic.Int64
}

// working is deferred with the time at which work began.
func (c *cost) working(begun time.Time) { c.busy.Add(int64(time.Since(begun))) }

// costNow is what is told of it.
type costNow struct {
	CPU     float64 `json:"cpu"` // share of one processor, lately
	Streams int     `json:"streams"`
	Watches int     `json:"watches"`
	Follows int     `json:"follows"`
	Bytes   int64   `json:"bytes"`
}

// countingWriter counts the bytes of an answer.
type countingWriter struct {
	http.ResponseWriter
	cost *cost
}

func (w *countingWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.cost.bytes.Add(int64(n))
	return n, err
}

// Unwrap is for http.ResponseController.
func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
