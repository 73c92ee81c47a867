package main

import (
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"elemental/cmd/elemental-load/live"
	"elemental/cmd/elemental-load/plan"
	"elemental/cmd/elemental-load/result"
)

// board shows the progress of the load.
type board struct {
	display *live.Display
	length  time.Duration
	main    string // name of the operation whose rate and latency are shown

	mu     sync.Mutex
	done   int64 // how many of the main operation were done
	latest live.Progress
}

func newBoard(d *live.Display, p *plan.Plan) *board {
	first, _ := plan.Find(p.Mix[0].Scenario)
	return &board{display: d, length: p.Length(), main: first.Main}
}

// redraw is the time between two updates of the display.
const redraw = 100 * time.Millisecond

// begin shows the load, which begins at start, until the function that it returns is
// called.
func (b *board) begin(start time.Time, connections int) (end func()) {
	b.mu.Lock()
	b.latest = live.Progress{Phase: "load", Of: b.length, Connections: connections}
	b.mu.Unlock()
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(redraw)
		defer tick.Stop()
		for {
			b.show(time.Since(start))
			select {
			case <-tick.C:
			case <-over:
				b.show(time.Since(start))
				return
			}
		}
	}()
	return func() {
		close(over)
		<-ended
	}
}

func (b *board) show(elapsed time.Duration) {
	b.mu.Lock()
	b.latest.Elapsed = max(min(elapsed, b.length), 0)
	if elapsed > 0 {
		b.latest.Mean = float64(b.done) / elapsed.Seconds()
	}
	if elapsed > b.length+time.Second {
		b.latest.Note = "waiting for the last answers"
	}
	now := b.latest
	b.mu.Unlock()
	b.display.Update(now)
}

// second takes the figures of one second of the load. The collector calls it.
func (b *board) second(s result.Second) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range s.Operations {
		b.latest.Done += o.Done
	}
	if time.Duration(s.Second+1)*time.Second <= b.length { // the last second may be cut short: its figures would mislead
		b.latest.Rate = float64(s.Operations[b.main].Done)
		b.latest.P99 = time.Duration(s.Operations[b.main].P99 * float64(time.Millisecond))
	}
	b.done += s.Operations[b.main].Done
	b.latest.Errors += s.Refused + s.Failed
	b.latest.Connections = s.Connections
}

// capable tells whether f is a terminal that knows escape sequences.
func capable(f *os.File) bool {
	return os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}

// coloured tells whether colours are wanted in the output to f: it is such a terminal, and
// NO_COLOR is not set.
func coloured(f *os.File) bool { return os.Getenv("NO_COLOR") == "" && capable(f) }
