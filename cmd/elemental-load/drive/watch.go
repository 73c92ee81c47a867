package drive

import (
	"sync"
	"time"

	"elemental/cmd/elemental-load/wire"
)

// watch knows the open connections of a process and ends those on which the provider owes
// an answer for too long. Looking at all of them once a second costs less than a timer
// for each request.
type watch struct {
	mu   sync.Mutex
	open map[*link]*wire.Conn
}

func (w *watch) add(l *link, c *wire.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !l.gone { // it may have ended before it is added
		w.open[l] = c
	}
}

func (w *watch) remove(l *link) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l.gone = true
	delete(w.open, l)
}

// count is how many connections are open.
func (w *watch) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.open)
}

// all lists the open connections.
func (w *watch) all() []*wire.Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	conns := make([]*wire.Conn, 0, len(w.open))
	for _, c := range w.open {
		conns = append(conns, c)
	}
	return conns
}

// endSilent ends the connections on which an answer is due for longer than timeout.
func (w *watch) endSilent(timeout time.Duration) {
	latest := time.Now().Add(-timeout)
	for _, c := range w.all() {
		if since := c.Waiting(); !since.IsZero() && since.Before(latest) {
			c.End(errNoAnswer)
		}
	}
}
