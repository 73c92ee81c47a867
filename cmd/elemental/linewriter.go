package main

import (
	"io"
	"sync"
	"time"
)

// lineWriter writes whole lines to an output that may be slow or stuck. It is a goroutine
// of its own, so that Write never waits: lines that there is no room for are left out.
type lineWriter struct {
	out   io.Writer
	told  func(out io.Writer, lines int) // writes that lines were left out
	more  chan struct{}                  // holds one, while there is something to do
	ended chan struct{}

	mu      sync.Mutex // never held while out is written
	waiting []byte
	left    int // lines left out, not told yet
	closed  bool
}

const (
	waitingBytes = 1 << 20     // of lines that may wait for their output
	keptBuffer   = 64 << 10    // of what is used again for the next lines
	lastLines    = time.Second // how long the end waits for an output that takes nothing
)

// newLineWriter begins to write to out. With told it says there, once the output goes on,
// how many lines were left out.
func newLineWriter(out io.Writer, told func(out io.Writer, lines int)) *lineWriter {
	w := &lineWriter{out: out, told: told, more: make(chan struct{}, 1), ended: make(chan struct{})}
	go w.run()
	return w
}

// Write takes one line or several; it keeps nothing of p and always succeeds.
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

// close ends the writer when all is written, or when a second has passed: lines that the
// output has not taken by then are left out, like those that come later.
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

// run writes all that waits at once, so that it keeps up with many who write.
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
