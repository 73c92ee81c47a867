package main_test

import (
	"testing"
	"time"

	"elemental/cmd/elemental-load/result"
)

// stalled is a run in the middle of which the provider is halted for a second. This
// second is what the test measures; it waits for nothing.
func stalled(t *testing.T, args ...string) *result.Result {
	t.Helper()
	p, address := at(t)
	r := launch(t, append(args, "chat", address, "--clients=2", "--servers=1", "--channels=1", "--duration=5s")...)
	r.loads()
	p.Pause()
	<-time.After(time.Second)
	p.Resume()
	kept := r.wait(0)
	clean(t, kept)
	return kept
}

// TestStall: a provider halts for one of five seconds. The open model shows that a tenth
// of all posts took half a second or more. In the closed model a client waits with its
// next post until it is answered: of thousands only one took long, and only the
// correction shows what the others have missed.
func TestStall(t *testing.T) {
	t.Parallel()
	const half = 500 // in milliseconds
	r := stalled(t, "--rate=100")
	open := operation(t, r, "post")
	if open.Corrected.P90 < half/2 || open.Corrected.P99 < half || open.Corrected.Max < 900 {
		t.Errorf("open: %+v", open.Corrected)
	}
	if delivered := operation(t, r, "delivered"); delivered.Corrected.P99 < half || delivered.Corrected.Max < 900 {
		t.Errorf("open, delivered: %+v", delivered.Corrected)
	}
	closed := operation(t, stalled(t, "--model=closed"), "post")
	if closed.Uncorrected.P99 > half {
		t.Errorf("closed, uncorrected: it is seen by those who do not look for it: %+v", closed.Uncorrected)
	}
	if closed.Uncorrected.Max < 900 || closed.Corrected.P99 < half {
		t.Errorf("closed: %+v\ncorrected %+v", closed.Uncorrected, closed.Corrected)
	}
}
