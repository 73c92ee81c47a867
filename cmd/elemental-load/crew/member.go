package crew

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"elemental/cmd/elemental-load/check"
	"elemental/cmd/elemental-load/drive"
	"elemental/cmd/elemental-load/measure"
)

// The processes of a run exchange JSON objects over the member's standard input and
// output: the leader sends orders, the member answers with words.

// order is sent by the leader. Exactly one of its fields is set.
type order struct {
	Join    *join      `json:"join,omitempty"`
	Connect bool       `json:"connect,omitempty"`
	Load    *time.Time `json:"load,omitempty"` // the time at which the load begins
	Stop    bool       `json:"stop,omitempty"` // ends connecting or the load early
	Check   *checking  `json:"check,omitempty"`
}

// join is the first order. It holds secrets.
type join struct {
	World  *drive.World `json:"world"`
	Number int          `json:"number"`
	Of     int          `json:"of"`
}

type checking struct {
	History bool `json:"history"`
}

// word is sent by a member. Error is set on the word that ends a step, if the step
// failed.
type word struct {
	Joined    bool              `json:"joined,omitempty"`
	Tell      *progress         `json:"tell,omitempty"`
	Connected *measure.Interval `json:"connected,omitempty"`
	Second    *second           `json:"second,omitempty"`
	Loaded    time.Duration     `json:"loaded,omitempty"`
	Checked   *drive.Outcome    `json:"checked,omitempty"`
	Error     string            `json:"error,omitempty"`
}

type progress struct {
	Phase string `json:"phase"`
	Unit  string `json:"unit"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"`
}

type second struct {
	Number   int               `json:"number"`
	Measured *measure.Interval `json:"measured"`
}

// member is a process that the leader has started for a part of the load.
type member struct {
	worker *drive.Worker
	mu     sync.Mutex
	out    *json.Encoder
	failed error // the first error of telling the leader, who then hears nothing more
}

// Serve is a member's whole work: it carries out the leader's orders until they end. If
// the leader has gone, the orders end, and so does the member.
func Serve(orders io.Reader, words io.Writer) error {
	m := &member{out: json.NewEncoder(words)}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	in := json.NewDecoder(orders)
	var steps sync.WaitGroup
	defer steps.Wait()
	for {
		var o order
		if err := in.Decode(&o); err != nil {
			stop()
			if m.worker != nil {
				m.worker.Close()
			}
			if errors.Is(err, io.EOF) {
				return m.failed
			}
			return fmt.Errorf("orders: %w", err)
		}
		switch {
		case o.Join != nil:
			m.join(o.Join)
		case o.Stop:
			stop()
		case m.worker == nil:
			return errors.New("orders: the first one has to be join")
		default:
			steps.Go(func() { m.step(ctx, o) })
		}
	}
}

func (m *member) say(w *word) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.out.Encode(w); err != nil && m.failed == nil {
		m.failed = fmt.Errorf("telling the leader: %w", err)
	}
}

func (m *member) join(j *join) {
	var err error
	m.worker, err = drive.NewWorker(j.World, j.Number-1, j.Of, check.New(j.World.Run, j.Number))
	m.say(&word{Joined: true, Error: text(err)})
}

func (m *member) step(ctx context.Context, o order) {
	switch {
	case o.Connect:
		taken, err := m.worker.Connect(ctx, m.tell)
		m.say(&word{Connected: taken, Error: text(err)})
	case o.Load != nil:
		start := time.Now().Add(time.Until(*o.Load)) // has a monotonic clock reading, which JSON loses
		m.worker.Load(ctx, start, func(n int, taken *measure.Interval) {
			m.say(&word{Second: &second{n, taken}})
		})
		m.say(&word{Loaded: time.Since(start)})
	case o.Check != nil:
		out, err := m.worker.Check(context.Background(), o.Check.History, m.tell)
		m.say(&word{Checked: out, Error: text(err)})
	}
}

func (m *member) tell(phase, unit string, done, total int64) {
	const part = 64 // words about progress of one step, at most
	if step := max(total/part, 1); done%step == 0 || done == total {
		m.say(&word{Tell: &progress{phase, unit, done, total}})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
