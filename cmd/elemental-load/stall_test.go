package main_test

import (
	"fmt"
	"testing"
	"time"

	"elemental/cmd/elemental-load/result"
)

// stalled is a run in the middle of which the provider is halted for a second. This
// second is what the test measures; it waits for nothing. The run ends some time later.
func stalled(t *testing.T, args ...string) *result.Result {
	t.Helper()
	p, address := at(t)
	r := launch(t, append(args, "chat", address, "--clients=2", "--servers=1", "--channels=1", "--duration=1h")...)
	r.loads()
	p.Pause()
	<-time.After(time.Second)
	p.Resume()
	r.later("the load going on", underWay.String())
	kept := r.interrupt()
	nothingWrong(t, kept)
	return kept
}

// slow is how many operations took so many milliseconds, or longer.
func slow(t *testing.T, l result.Latency, millis int64) (n int64) {
	t.Helper()
	all, err := l.Decode()
	if err != nil {
		t.Fatal(err)
	}
	for _, bar := range all.Distribution() {
		if bar.From >= millis*1000 {
			n += bar.Count
		}
	}
	return n
}

// TestStall: a provider halts for a second. The open model shows that half of the posts that
// were due in it took half a second or more. In the closed model a client waits with its
// next post until it is answered: only one of each client took long, and only the
// correction shows what the others have missed.
func TestStall(t *testing.T) {
	t.Parallel()
	const half, rate, clients = 500, 100, 2 // half a second, in milliseconds
	r := stalled(t, fmt.Sprint("--rate=", rate))
	for _, name := range []string{"post", "delivered"} {
		if open := operation(t, r, name).Corrected; slow(t, open, half) < rate*4/10 || open.Max < 900 {
			t.Errorf("open, %s: %+v", name, open)
		}
	}
	closed := operation(t, stalled(t, "--model=closed"), "post")
	seen, corrected := slow(t, closed.Uncorrected, half), slow(t, closed.Corrected, half)
	if seen < 1 || closed.Uncorrected.Max < 900 || corrected < 2*seen {
		t.Errorf("closed: %d seen, %d corrected: %+v\ncorrected %+v", seen, corrected, closed.Uncorrected, closed.Corrected)
	}
	t.Logf("closed: %d posts of %d clients took long, corrected %d", seen, clients, corrected)
}
