package crew

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"

	"elemental/cmd/elemental-load/check"
	"elemental/cmd/elemental-load/drive"
	"elemental/cmd/elemental-load/measure"
)

// several is a crew of other processes of this program, with this process as the leader.
type several struct {
	collect *measure.Collector
	world   *drive.World
	book    *check.Book // has what the preparation has posted
	members []*process
}

// process is what the leader knows of a member.
type process struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	words chan *word // closed when the process has ended

	mu     sync.Mutex
	orders *json.Encoder
}

func (p *process) order(o order) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.orders.Encode(o)
}

// Most is how many processes a run can have. One book more is the leader's.
const Most = check.MostWorkers - 1

// Several starts count processes of the program and gives each its share of the load.
// Their standard error output goes to stderr.
func Several(world *drive.World, book *check.Book, collect *measure.Collector, count int, program string, args []string, stderr io.Writer) (Crew, error) {
	s := &several{collect: collect, world: world, book: book}
	for i := range count {
		p, err := launch(program, args, stderr)
		if err == nil {
			s.members = append(s.members, p)
			err = p.order(order{Join: &join{World: world, Number: i + 1, Of: count}})
		}
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("starting process %d of %d: %w", i+1, count, err)
		}
	}
	err := s.each(func(p *process) error {
		_, err := p.until(func(w *word) bool { return w.Joined })
		return err
	})
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func launch(program string, args []string, stderr io.Writer) (*process, error) {
	p := &process{cmd: exec.Command(program, args...), words: make(chan *word, 64)}
	p.cmd.Stderr = stderr
	ownGroup(p.cmd) // the terminal's Ctrl-C is only for the leader
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err = p.cmd.Start(); err != nil {
		return nil, err
	}
	p.orders = json.NewEncoder(p.in)
	go p.listen(out)
	return p, nil
}

// listen is the goroutine that takes the member's words, until the member has ended.
func (p *process) listen(out io.Reader) {
	defer close(p.words)
	in := json.NewDecoder(out)
	for {
		w := &word{}
		if in.Decode(w) != nil {
			return
		}
		p.words <- w
	}
}

// until takes words until ends is true for one, and returns that one and its error. It
// passes the words before to others.
func (p *process) until(ends func(*word) bool, others ...func(*word)) (*word, error) {
	for w := range p.words {
		if ends(w) {
			if w.Error != "" {
				return w, errors.New(w.Error)
			}
			return w, nil
		}
		for _, hear := range others {
			hear(w)
		}
	}
	return nil, fmt.Errorf("process %d of the load tester has ended before its time", p.cmd.Process.Pid)
}

// each does a step with all members at once. If one fails, the others are told to end
// early.
func (s *several) each(step func(*process) error) error {
	var all sync.WaitGroup
	var once sync.Once
	found := make([]error, len(s.members))
	for i, p := range s.members {
		all.Go(func() {
			if found[i] = step(p); found[i] != nil {
				once.Do(s.stop)
			}
		})
	}
	all.Wait()
	return errors.Join(found...)
}

// stop tells all members to end what they are doing.
func (s *several) stop() {
	for _, p := range s.members {
		_ = p.order(order{Stop: true}) // one that has ended is told of elsewhere
	}
}

// order gives an order to all members. When the context ends, it tells them to stop,
// unless stopped was called before.
func (s *several) order(ctx context.Context, o order) (stopped func() bool, err error) {
	for _, p := range s.members {
		err = errors.Join(err, p.order(o))
	}
	return context.AfterFunc(ctx, s.stop), err
}

// Connect makes all members connect their clients.
func (s *several) Connect(ctx context.Context, tell drive.Tell) error {
	stopped, err := s.order(ctx, order{Connect: true})
	if err != nil {
		return err
	}
	defer stopped()
	sum := newSum(tell)
	return s.each(func(p *process) error {
		w, err := p.until(func(w *word) bool { return w.Connected != nil }, sum.of(p))
		if w != nil {
			s.collect.Connected(w.Connected)
		}
		return err
	})
}

// Load makes all members make their load. It returns the longest time that one took.
func (s *several) Load(ctx context.Context, start time.Time) (time.Duration, error) {
	stopped, err := s.order(ctx, order{Load: &start})
	if err != nil {
		return 0, err
	}
	defer stopped()
	var mu sync.Mutex
	var longest time.Duration
	err = s.each(func(p *process) error {
		w, err := p.until(func(w *word) bool { return w.Loaded != 0 }, func(w *word) {
			if w.Second != nil {
				s.collect.Second(w.Second.Number, w.Second.Measured)
			}
		})
		if w != nil {
			mu.Lock()
			longest = max(longest, w.Loaded)
			mu.Unlock()
		}
		return err
	})
	return longest, err
}

// Check makes all members check, and then checks itself what the preparation has posted.
func (s *several) Check(ctx context.Context, history bool, tell drive.Tell) ([]*drive.Outcome, error) {
	stopped, err := s.order(ctx, order{Check: &checking{history}})
	if err != nil {
		return nil, err
	}
	defer stopped()
	var mu sync.Mutex
	var all []*drive.Outcome
	sum := newSum(tell)
	err = s.each(func(p *process) error {
		w, err := p.until(func(w *word) bool { return w.Checked != nil }, sum.of(p))
		if w != nil {
			s.collect.Late(w.Checked.Late)
			mu.Lock()
			all = append(all, w.Checked)
			mu.Unlock()
		}
		return err
	})
	if err != nil || !history {
		return all, err
	}
	own, err := drive.CheckPrepared(ctx, s.world, s.book, func(string, string, int64, int64) {})
	if own != nil {
		all = append(all, own)
	}
	return all, err
}

// Close ends the members by closing their input. After five seconds it kills those that
// still run.
func (s *several) Close() {
	const patience = 5 * time.Second
	for _, p := range s.members {
		_ = p.in.Close()
	}
	for _, p := range s.members {
		late := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
		for range p.words {
		}
		_ = p.cmd.Wait() // how it ends does not matter any more
		late.Stop()
	}
}

// sum adds up the progress of several members.
type sum struct {
	tell drive.Tell
	mu   sync.Mutex
	all  map[*process]progress
}

func newSum(tell drive.Tell) *sum { return &sum{tell: tell, all: map[*process]progress{}} }

func (s *sum) of(p *process) func(*word) {
	return func(w *word) {
		if w.Tell == nil {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all[p] = *w.Tell
		var done, total int64
		for _, one := range s.all {
			done, total = done+one.Done, total+one.Total
		}
		s.tell(w.Tell.Phase, w.Tell.Unit, done, total)
	}
}
