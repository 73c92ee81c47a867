// Package live shows how a run gets on while it is under way: a bar that is
// redrawn in place on a terminal, plain lines elsewhere.
//
// The bar is drawn here rather than by bubbletea. That hides the cursor and
// switches bracketed paste on, which a program that is killed leaves behind, and
// its loop took up to ten times the CPU (1.2 % of a core, 0.1 % here), on the
// machine that measures. Here nothing is switched, so nothing has to be switched
// back.
package live

import (
	"io"
	"sync"
	"time"
)

// Progress is where a run is.
type Progress struct {
	Phase       string        // what is being done, in a plain word or two, such as "users" or "load"
	Done, Total int64         // of that phase, in its own unit; Total 0: not known
	Unit        string        // such as "users"; "" where the phase's name says it
	Elapsed, Of time.Duration // of the load; Of 0: another phase, or one without an end
	Rate        float64       // operations done a second, over the last second
	Mean        float64       // the same over all of the load so far, for the line at its end
	P99         time.Duration // of the main operation in the last second; 0: there was none
	Errors      int64         // refused and failed so far
	Connections int           // open now
	Note        string        // what the user should know meanwhile; "": nothing
}

const (
	pause         = 100 * time.Millisecond // between two drawings
	closePatience = time.Second            // for a terminal that is stopped by Ctrl-S
	maxWaiting    = 1000                   // lines that wait to be written
)

// Display shows a run. Its methods may be called from any goroutine; Update and
// Line never wait for the terminal, they leave that to one goroutine.
type Display struct {
	out      io.Writer
	terminal bool
	bar      bar

	wake   chan struct{} // has a token when there is something to show
	closed chan struct{} // Close was called
	done   chan struct{} // all is shown
	once   sync.Once

	mu     sync.Mutex // guards what follows; never held while writing
	lines  []string   // to be written
	left   int        // lines that found no room there
	latest *Progress
	phases phases
}

// New makes a display on w, mostly standard error. On a terminal it draws a bar,
// with colours if they are wanted; elsewhere it writes lines. It has to be closed.
func New(w io.Writer, terminal, colour bool) *Display {
	d := &Display{
		out: w, terminal: terminal, bar: bar{colour: colour, size: sizeOf(w)},
		wake: make(chan struct{}, 1), closed: make(chan struct{}), done: make(chan struct{}),
	}
	go d.show()
	return d
}

// Update shows where the run is. It is to be called about ten times a second: no
// line is written between two calls. The last call of a phase tells how it ended.
func (d *Display) Update(p Progress) {
	d.mu.Lock()
	if !d.terminal {
		d.add(d.phases.lines(p, time.Now())...)
	}
	d.latest = &p
	d.mu.Unlock()
	d.rouse()
}

// Line writes a line that stays, above the bar: a warning, say. After Close it is
// simply written.
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

// Close shows what is left to be shown and takes the bar away. It waits a second
// at most. It may be called again; an Update after it does nothing.
func (d *Display) Close() {
	d.once.Do(func() { close(d.closed) })
	select {
	case <-d.done:
	case <-time.After(closePatience):
	}
}

// add puts lines where they wait to be written; the caller holds the lock.
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
	default: // it is awake
	}
}
