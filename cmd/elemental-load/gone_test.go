package main_test

import (
	"fmt"
	"strings"
	"testing"
)

// killed makes a run whose provider dies in the middle of the load. On a machine on which
// the load was over by then, the next one takes longer.
func killed(t *testing.T, args ...string) *tester {
	t.Helper()
	for seconds := 3; ; seconds *= 3 {
		p, address := at(t)
		r := launch(t, append(args, address, fmt.Sprintf("--duration=%ds", seconds))...)
		r.later("the load, or its end", underWay.String()+"|^load done")
		p.Kill()
		if !strings.Contains(r.stderr.Text(), "load done") {
			return r
		}
	}
}

// TestProviderKilled: if the provider dies in the middle of a run, the run tells what it
// measured, and why that could not be checked.
func TestProviderKilled(t *testing.T) {
	t.Parallel()
	r := killed(t, "chat", "--clients=10", "--rate=50")
	r.wait(1)
	text := r.stdout.Text()
	for _, want := range []string{"The run ended early: after the load, for trouble", "connection refused", "not connected", "could not be compared"} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
}

// TestProviderGone: a run that posts nothing and has nothing to remove does not ask the
// provider again. It must notice all the same that the provider is gone.
func TestProviderGone(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"connect", "login"} {
		r := killed(t, name, "--clients=10", "--rate=5")
		r.wait(1)
		if text := r.stdout.Text(); !strings.Contains(text, "The run ended early: after the load, for trouble") {
			t.Errorf("%s: it does not say so:\n%s", name, text)
		}
		if text := r.stderr.Text(); !strings.Contains(text, "the provider is not there any more") {
			t.Errorf("%s: it does not say why:\n%s", name, text)
		}
	}
}

// TestProviderRestarted: clients connect again, and requests without an answer are no
// violation.
func TestProviderRestarted(t *testing.T) {
	t.Parallel()
	p, address := at(t)
	r := launch(t, "chat", address, "--clients=10", "--rate=50", "--duration=1h")
	r.loads()
	p.Kill()
	p.Start()
	r.later("everybody back", everybodyBack)
	r.later("posts again", `^load: [0-9.]+\w* of \w+, [1-9].* 10 connections`)
	kept := r.interrupt()
	if len(kept.Violations) > 0 || operation(t, kept, "connection").Failed != 10 {
		t.Errorf("%+v\n%+v", kept.Violations, kept.Failures)
	}
}

// everybodyBack matches the line after ten clients have lost their connections and have
// come back.
const everybodyBack = `^load: .* [1-9][0-9,]+ errors, 10 connections`

// TestRestartedAmongWaves: a client that cannot return at once ends up with one
// connection, however many waves found the provider away. More connections would be load
// that nobody asked for, and each would cut off the one before.
func TestRestartedAmongWaves(t *testing.T) {
	t.Parallel()
	p, address := at(t)
	r := launch(t, "reconnect", address, "--clients=10", "--rate=2", "--duration=1h")
	r.loads()
	p.Kill()
	r.later("waves that found the provider away", `^load: .* [1-9][0-9]{2,} errors, 0 connections`)
	p.Start()
	r.later("everybody back", everybodyBack)
	kept := r.interrupt()
	waves, connect := operation(t, kept, "return"), operation(t, kept, "connect")
	if waves.Failed < 20 {
		t.Errorf("%d could not return at once, of ten in each wave", waves.Failed)
	}
	if others := connect.Done - waves.Done; others > 3*10 { // the first ones, those that were killed on their way, and those that came back
		t.Errorf("%d connections besides those of waves", others)
	}
	for _, f := range kept.Failures {
		if strings.Contains(f.Cause, "closed by the load tester") {
			t.Errorf("%+v", f)
		}
	}
}
