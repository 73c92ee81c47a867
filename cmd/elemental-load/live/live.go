// Package live shows the progress of a run: with a bar that is redrawn in place on a
// terminal, with plain lines elsewhere.
//
// It draws the bar itself. The library bubbletea hides the cursor and switches bracketed
// paste on, and a killed program leaves the terminal like that. Its loop also took up to
// ten times the CPU on the machine that measures (1.2 % of a core, against 0.1 % here).
// This package switches nothing in the terminal, so it has nothing to switch back.
package live

import (
	"io"
	"sync"
	"time"
)

// Progress tells where a run is.
type Progress struct {
	Phase       string        // what is being done, in a word or two, such as "users" or "load"
	Done, Total int64         // of that phase, counted in Unit; Total 0: not known
	Unit        string        // such as "users"; "" if the phase's name says it
	Elapsed, Of time.Duration // how long the load has lasted and will last; Of 0: another phase, or one without an end
	Rate        float64       // operations done in the last second
	Mean        float64       // operations done per second over all of the load so far; for the line at its end
	P99         time.Duration // of the main operation in the last second; 0: nothing was measured
	Errors      int64         // refused and failed operations so far
	Connections int           // open now
	Note        string        // what the user should know now; "": nothing
}

const (
	pause         = 100 * time.Millisecond // between two drawings
	closePatience = time.Second            // how long Close waits for a terminal that Ctrl-S has stopped
	maxWaiting    = 1000                   // lines that can wait to be written; more are only counted
)

// Display shows the progress of a run. Its methods may be called from any goroutine.
// Update and Line never wait for the terminal: another goroutine writes.
type Display struct {
	out      io.Writer
	terminal bool
	bar      bar

	wake   chan struct{} // has a token when there is something to show
	closed chan struct{} // closed by Close
	done   chan struct{} // closed when everything is shown
	once   sync.Once

	mu     sync.Mutex // guards the fields below; never held while writing
	lines  []string   // lines that wait to be written
	left   int        // how many lines found no room there
	latest *Progress
	phases phases
}

// New makes a display that writes to w, usually standard error. With terminal true it
// draws a bar, in colour if colour is true; otherwise it writes lines. It must be closed.
func New(w io.Writer, terminal, colour bool) *Display {
	d := &Display{
		out: w, terminal: terminal, bar: bar{colour: colour, size: sizeOf(w)},
		wake: make(chan struct{}, 1), closed: make(chan struct{}), done: make(chan struct{}),
	}
	go d.show()
	return d
}

// Update tells where the run is. It should be called about ten times a second, since
// without a terminal a line is only written during a call. The last call of a phase says
// how the phase ended.
func (d *Display) Update(p Progress) {
	d.mu.Lock()
	if !d.terminal {
		d.add(d.phases.lines(p, time.Now())...)
	}
	d.latest = &p
	d.mu.Unlock()
	d.rouse()
}

// Line writes a line that stays above the bar, such as a warning. After Close it writes
// the line directly.
func (d *Display) Line(text string) {
	select {
	case <-d.closed:
		d.write(printable(text) + "\n")
		return
	default:
	}
	d.mu.Lock()
	d.add(printable(text))
	d.mu.Unlock()
	d.rouse()
}

// Close shows what is left to show and removes the bar. It waits at most a second. It may
// be called again. Update does nothing after it.
func (d *Display) Close() {
	d.once.Do(func() { close(d.closed) })
	select {
	case <-d.done:
	case <-time.After(closePatience):
	}
}

// add queues lines to be written. The caller holds the lock.
func (d *Display) add(lines ...string) {
	for _, line := range lines {
		if len(d.lines) < maxWaiting {
			d.lines = append(d.lines, line)
		} else {
			d.left++
		}
	}
}

func (d *Display) rouse() {
	select {
	case d.wake <- struct{}{}:
	default: // it has a token already
	}
}
