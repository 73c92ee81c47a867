package live_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"elemental/cmd/elemental-load/live"
)

// run is a run whose display is watched, in a synctest bubble.
type run struct {
	*live.Display
	out *bytes.Buffer // may be read only after Close
}

func newRun() *run {
	out := &bytes.Buffer{}
	return &run{live.New(out, false, false), out}
}

// every calls update once each pace, until whole has passed.
func every(pace, whole time.Duration, update func(since time.Duration)) {
	for since := time.Duration(0); since < whole; since += pace {
		update(since)
		time.Sleep(pace)
	}
}

// TestPlainLines goes through a run of four phases.
func TestPlainLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRun()
		r.Update(live.Progress{Phase: "users", Total: 2000, Unit: "users"})
		every(300*time.Millisecond, 1500*time.Millisecond, func(since time.Duration) {
			r.Update(live.Progress{Phase: "users", Done: since.Milliseconds(), Total: 2000, Unit: "users", Errors: since.Milliseconds() / 1000})
		})
		r.Update(live.Progress{Phase: "users", Done: 2000, Total: 2000, Unit: "users", Errors: 1})
		r.Update(live.Progress{Phase: "servers"})
		r.Line("a warning")
		load := live.Progress{Phase: "load", Of: 3 * time.Second, Connections: 200, Rate: 12345.4, Mean: 9876.5, P99: 3214 * time.Microsecond}
		every(100*time.Millisecond, 2500*time.Millisecond, func(since time.Duration) {
			load.Elapsed = since
			if since >= 2*time.Second {
				load.Errors, load.Note = 1234, "the generator is behind"
			}
			r.Update(load)
		})
		r.Update(live.Progress{Phase: "checking", Unit: "messages"})
		time.Sleep(1250 * time.Millisecond)
		r.Update(live.Progress{Phase: "checking", Done: 5000, Unit: "messages"})
		r.Close()
		r.Close()
		r.Update(live.Progress{Phase: "never shown"})
		r.Line("afterwards")
		const want = `users: 2,000 users
users: 1,200 of 2,000 users, 1 error
users done: 2,000 of 2,000 users in 1.50s, 1 error
servers: begun
a warning
servers done: in 0.00ms
load: for 3s, 200 connections
load: 1s of 3s, 12,345/s, p99 3.21ms, 0 errors, 200 connections
load: 2s of 3s, 12,345/s, p99 3.21ms, 1,234 errors, 200 connections, the generator is behind
load ended early: 2s of 3s, 9,877/s, 1,234 errors, 200 connections
checking: begun
checking: 5,000 messages
checking done: 5,000 messages in 1.25s
afterwards
`
		if got := r.out.String(); got != want {
			t.Errorf("shown:\n%s", got)
		}
	})
}

// TestLongRun counts the lines of a run of half an hour.
func TestLongRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRun()
		const whole = 30 * time.Minute
		every(100*time.Millisecond, whole, func(since time.Duration) {
			r.Update(live.Progress{Phase: "load", Elapsed: since, Of: whole})
		})
		r.Update(live.Progress{Phase: "load", Elapsed: whole, Of: whole})
		r.Close()
		var at []string
		for line := range strings.Lines(r.out.String()) {
			at = append(at, strings.Fields(line)[1])
		}
		want := []string{"for"}
		for _, part := range []struct{ from, to, pace time.Duration }{
			{time.Second, 10 * time.Second, time.Second},
			{15 * time.Second, 2 * time.Minute, 5 * time.Second},
			{150 * time.Second, whole - 1, 30 * time.Second},
		} {
			for since := part.from; since <= part.to; since += part.pace {
				want = append(want, since.String())
			}
		}
		if want = append(want, "done:"); fmt.Sprint(at) != fmt.Sprint(want) {
			t.Errorf("lines at\n%v, not\n%v", at, want)
		}
	})
}

// TestControlCharacters: control characters in words of others do not reach the terminal.
func TestControlCharacters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRun()
		const hostile = "\x1b[2Jx\r\u202ey\u009b"
		r.Line("refused: " + hostile + "\nsecond line\n")
		r.Update(live.Progress{Phase: hostile, Unit: hostile, Note: hostile, Total: 1})
		time.Sleep(time.Second)
		r.Update(live.Progress{Phase: hostile, Unit: hostile, Note: hostile, Total: 1})
		r.Close()
		r.Line(hostile)
		got := r.out.String()
		if strings.ContainsAny(got, "\x1b\r\u202e\u009b") || !strings.HasPrefix(got, "refused: \uFFFD[2Jx\uFFFD\uFFFDy\uFFFD\nsecond line\n\uFFFD") {
			t.Errorf("shown: %q", got)
		}
	})
}

// stuck is a terminal that was stopped. Writes wait until it is released.
type stuck struct {
	release chan struct{}
	mu      sync.Mutex
	frames  []string
}

func (s *stuck) Write(text []byte) (int, error) {
	<-s.release
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frames = append(s.frames, string(text))
	return len(text), nil
}

// TestNeverBlocks: if the terminal takes nothing, the load goes on, memory does not grow,
// and the program can end.
func TestNeverBlocks(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			out := &stuck{release: make(chan struct{})}
			d := live.New(out, terminal, false)
			d.Line("the one that is being written")
			synctest.Wait()
			begin := time.Now()
			for i := range 5000 {
				d.Update(live.Progress{Phase: "load", Of: time.Minute})
				d.Line(fmt.Sprint("line ", i))
			}
			if time.Since(begin) != 0 {
				t.Error("updates wait for the terminal")
			}
			d.Close()
			if took := time.Since(begin); took != time.Second {
				t.Errorf("the end took %v", took)
			}
			close(out.release)
			synctest.Wait()
			got := strings.Join(out.frames, "")
			if !strings.Contains(got, "line 0") || strings.Count(got, "\n") > 1010 || !strings.Contains(got, "more lines") {
				t.Errorf("%d lines were shown", strings.Count(got, "\n"))
			}
		})
	}
}

// TestPace counts the drawings of a second, and looks at the last one.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &stuck{release: make(chan struct{})}
		close(out.release)
		d := live.New(out, true, false)
		for i := range int64(1000) {
			d.Update(live.Progress{Phase: "users", Done: i + 1, Total: 1000})
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second) // no update comes meanwhile
		synctest.Wait()
		if n := len(out.frames); n < 9 || n > 12 || !strings.Contains(out.frames[n-1], "1,000 of 1,000") {
			t.Errorf("%d drawings, the last %q", n, out.frames[n-1])
		}
		d.Close()
	})
}

// TestWithoutProgress: lines can be shown without any progress.
func TestWithoutProgress(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			out := &bytes.Buffer{}
			d := live.New(out, terminal, true)
			d.Line("a line")
			d.Close()
			if got := strings.NewReplacer("\r", "", "\x1b[J", "").Replace(out.String()); got != "a line\n" {
				t.Errorf("shown: %q", out)
			}
		})
	}
}

func TestMain(m *testing.M) {
	if how := os.Getenv(asProgram); how != "" {
		os.Exit(program(how))
	}
	os.Exit(m.Run())
}
