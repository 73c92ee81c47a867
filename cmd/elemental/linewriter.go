package main

import (
	"io"
	"sync"
	"time"
)

// lineWriter writes whole lines to an output that may be slow or stuck. It has a goroutine of
// its own, so Write never waits. Lines for which there is no room are left out.
type lineWriter struct {
	out   io.Writer
	told  func(out io.Writer, lines int) // writes that lines were left out
	more  chan struct{}                  // holds one, while there is something to do
	ended chan struct{}

	mu      sync.Mutex // never held while out is written
	waiting []byte
	left    int // lines left out, and not reported yet
	closed  bool
}

const (
	waitingBytes = 1 << 20     // most bytes of lines that wait for the output
	keptBuffer   = 64 << 10    // most bytes of a buffer that is used again
	lastLines    = time.Second // how long close waits for an output that takes nothing
)

// newLineWriter begins to write to out. When lines were left out and the output goes on, it
// calls told, which writes there how many.
func newLineWriter(out io.Writer, told func(out io.Writer, lines int)) *lineWriter {
	w := &lineWriter{out: out, told: told, more: make(chan struct{}, 1), ended: make(chan struct{})}
	go w.run()
	return w
}

// Write takes one line or several. It does not keep p, and always succeeds.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	if w.closed || len(w.waiting)+len(p) > waitingBytes {
		w.left++
	} else {
		w.waiting = append(w.waiting, p...)
	}
	w.mu.Unlock()
	w.wake()
	return len(p), nil
}

func (w *lineWriter) wake() {
	select {
	case w.more <- struct{}{}:
	default:
	}
}

// close ends the writer when everything is written, or after a second. Lines that the output has
// not taken by then are left out, like those that come later.
func (w *lineWriter) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.wake()
	select {
	case <-w.ended:
	case <-time.After(lastLines):
	}
}

// run writes everything that waits in one go, so that it keeps up with many writers.
func (w *lineWriter) run() {
	defer close(w.ended)
	var lines []byte
	for range w.more {
		w.mu.Lock()
		lines, w.waiting = w.waiting, lines[:0]
		left, closed := w.left, w.closed
		w.left = 0
		w.mu.Unlock()
		_, _ = w.out.Write(lines) // there is nowhere to tell that an output has gone
		if left > 0 && w.told != nil {
			w.told(w.out, left)
		}
		if closed {
			return
		}
		if cap(lines) > keptBuffer {
			lines = nil
		}
	}
}
