package main

import (
	"io"
	"sync"
	"time"
)

// lineWriter writes whole lines to an output that may be slow, stuck, or a file on a full disk. It
// has a goroutine of its own, so Write never waits. Lines for which there is no room are left out.
type lineWriter struct {
	out   io.Writer
	told  func(lines int) string // the line that says how many were left out
	more  chan struct{}          // holds one, while there is something to do
	ended chan struct{}

	mu      sync.Mutex // never held while out is written
	waiting []byte
	begun   int // bytes that out is taking or has refused so far
	left    int // lines left out since the last one that was taken
	closed  bool
}

const (
	waitingBytes = 1 << 20     // most bytes of lines that wait for the output
	keptBuffer   = 64 << 10    // most bytes of a buffer that is used again
	lastLines    = time.Second // how long close waits for an output that takes nothing
)

// newLineWriter begins to write to out. Where lines are left out, it writes what told makes of
// their number.
func newLineWriter(out io.Writer, told func(lines int) string) *lineWriter {
	w := &lineWriter{out: out, told: told, more: make(chan struct{}, 1), ended: make(chan struct{})}
	go w.run()
	return w
}

// Write takes one line or several. It does not keep p, and always succeeds.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	if w.closed || w.begun+len(w.waiting)+len(p) > waitingBytes {
		w.left++
	} else {
		w.tell()
		w.waiting = append(w.waiting, p...)
	}
	w.mu.Unlock()
	w.wake()
	return len(p), nil
}

// tell adds a line about those left out before it, if any. w.mu is held.
func (w *lineWriter) tell() {
	if w.left > 0 {
		w.waiting = append(w.waiting, w.told(w.left)...)
		w.left = 0
	}
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
	w.tell()
	w.closed = true
	w.mu.Unlock()
	w.wake()
	select {
	case <-w.ended:
	case <-time.After(lastLines):
	}
}

// run writes everything that waits in one go, so that it keeps up with many writers. What out
// refuses comes first at the next line.
func (w *lineWriter) run() {
	defer close(w.ended)
	var lines []byte
	for range w.more {
		w.mu.Lock()
		lines = append(lines, w.waiting...)
		w.waiting = emptied(w.waiting)
		w.begun = len(lines)
		closed := w.closed
		w.mu.Unlock()
		n, _ := w.out.Write(lines) // there is nowhere to tell that an output has gone
		lines = lines[:copy(lines, lines[n:])]
		w.mu.Lock()
		w.begun = len(lines)
		w.mu.Unlock()
		if closed {
			return
		}
		if len(lines) == 0 {
			lines = emptied(lines)
		}
	}
}

// emptied is a buffer to use again, unless that would keep much memory.
func emptied(buffer []byte) []byte {
	if cap(buffer) > keptBuffer {
		return nil
	}
	return buffer[:0]
}
