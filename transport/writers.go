package transport

import (
	"sync"
	"sync/atomic"
)

// writers lends goroutines to connections that have something to write. A few
// that have finished stay for the next: waking one is cheaper than starting
// one. A connection whose client does not read holds its own and nobody else's.
type writers struct {
	ready chan *conn // unbuffered: handed over only to one that waits
	quit  chan struct{}
	spare atomic.Int32
	all   sync.WaitGroup
}

// How many stay when there is nothing to write.
const spareWriters = 16

func newWriters() *writers {
	return &writers{ready: make(chan *conn), quit: make(chan struct{})}
}

// hand has a connection written, soon. It does not wait.
func (w *writers) hand(c *conn) {
	select {
	case w.ready <- c:
	default:
		w.all.Go(func() { w.run(c) })
	}
}

func (w *writers) run(c *conn) {
	for {
		c.flush()
		if w.spare.Add(1) > spareWriters {
			w.spare.Add(-1)
			return
		}
		select {
		case c = <-w.ready:
			w.spare.Add(-1)
		case <-w.quit:
			return
		}
	}
}

// stop ends the goroutines; no connection is left that could need one.
func (w *writers) stop() {
	close(w.quit)
	w.all.Wait()
}
