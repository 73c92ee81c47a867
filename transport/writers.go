package transport

import (
	"sync"
	"sync/atomic"
)

// writers lends goroutines to connections that have something to write and no flusher. A few
// goroutines that are done stay for the next connection, since waking one is cheaper than
// starting one. A client that does not read only occupies the goroutine of its own connection.
type writers struct {
	ready chan *conn // unbuffered: handed over only to one that waits
	quit  chan struct{}
	spare atomic.Int32
	all   sync.WaitGroup
}

// How many goroutines stay when there is nothing to write.
const spareWriters = 16

func newWriters() *writers {
	return &writers{ready: make(chan *conn), quit: make(chan struct{})}
}

// hand makes a goroutine write a connection soon. It does not wait.
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

// stop ends the goroutines. It is called when no connection is left.
func (w *writers) stop() {
	close(w.quit)
	w.all.Wait()
}
