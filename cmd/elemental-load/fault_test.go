package main_test

import (
	"encoding/json"
	"io"
	"net"
	"strings"
	"testing"

	"elemental/cmd/elemental-load/faultytest"
)

// TestFaults: a provider that drops, doubles or reorders messages is found out. The
// report begins with that, and the exit code shows it.
func TestFaults(t *testing.T) {
	t.Parallel()
	faults := map[string]struct {
		fault  faultytest.Fault
		at     int
		caught string // the violation that must be among those found
	}{
		"push dropped":       {faultytest.DropPush, 20, "push-lost"},
		"last push dropped":  {faultytest.DropPush, 300, "push-lost"}, // the last of the pushes of 60 posts to 5 others
		"push doubled":       {faultytest.DoublePush, 20, "push-doubled"},
		"pushes swapped":     {faultytest.SwapPushes, 20, "push-reordered"},
		"push changed":       {faultytest.ChangePush, 20, "misplaced"},
		"own post pushed":    {faultytest.PushOwn, 10, "push-own"},
		"index told twice":   {faultytest.SameIndexTwice, 10, "misplaced"},
		"done and refused":   {faultytest.RefuseDone, 10, "refused-done"},
		"history: missing":   {faultytest.DropFromHistory, 1, "lost"},
		"history: twice":     {faultytest.DoubleInHistory, 1, "doubled"},
		"history: exchanged": {faultytest.SwapInHistory, 1, "misplaced reordered"},
	}
	p, _ := at(t)
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := faultytest.Start(t, p.Addr, f.fault, f.at)
			r, run := load(t, 4, "chat", "--address="+proxy.Addr, "--clients=6", "--servers=1", "--channels=1", "--rate=60", "--duration=1s")
			if !proxy.Struck() {
				t.Error("the fault has not struck")
			}
			if len(r.Violations) == 0 || !strings.Contains(" "+f.caught+" ", " "+r.Violations[0].Kind+" ") {
				t.Errorf("found %+v, wanted %s", r.Violations, f.caught)
			}
			if !strings.HasPrefix(run.stdout.Text(), "VIOLATION") {
				t.Errorf("it does not begin with the violation:\n%s", run.stdout.Text())
			}
		})
	}
}

// TestCountedTooFew: a reader that is told of fewer messages than were acknowledged
// reports that at once, even if the history is not read back.
func TestCountedTooFew(t *testing.T) {
	t.Parallel()
	p, _ := at(t)
	proxy := faultytest.Start(t, p.Addr, faultytest.DropFromHistory, 1)
	r, _ := load(t, 4, "poll", "--address="+proxy.Addr, "--clients=30", "--servers=1", "--channels=1", "--rate=30", "--duration=2s", "--nocheck")
	if len(r.Violations) == 0 || r.Violations[0].Kind != "lost" {
		t.Errorf("%+v", r.Violations)
	}
}

// TestNoFault: the same way without a fault gives no violations. A cut connection is a
// failure, not a violation.
func TestNoFault(t *testing.T) {
	t.Parallel()
	p, _ := at(t)
	straight := faultytest.Start(t, p.Addr, faultytest.None, 1)
	r, _ := load(t, 0, "chat", "--address="+straight.Addr, "--clients=6", "--channels=1", "--rate=60", "--duration=1s")
	clean(t, r)
	cut := faultytest.Start(t, p.Addr, faultytest.Cut, 10)
	r, _ = load(t, 0, "chat", "--address="+cut.Addr, "--clients=6", "--channels=1", "--rate=60", "--duration=2s")
	if len(r.Violations) > 0 || len(r.Failures) == 0 || r.Checked.Unsure == 0 {
		t.Errorf("%+v %+v %+v", r.Violations, r.Failures, r.Checked)
	}
	if lost := operation(t, r, "connection"); lost.Failed != 1 {
		t.Errorf("lost connections: %+v", lost)
	}
}

// TestProviderCannotSteer: what a provider says cannot steer the terminal, also where the run
// ends with it.
func TestProviderCannotSteer(t *testing.T) {
	t.Parallel()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	go refuseAll(socket, `"no\u001b]0;title\u0007\u001b[2J\u202e"`)
	_, run := load(t, 1, "chat", "--address="+socket.Addr().String(), "--clients=2", "--plain")
	if said := run.stderr.Text(); strings.ContainsAny(said, "\x1b\a\u202e") || !strings.Contains(said, "its name: no") {
		t.Errorf("%q", said)
	}
}

// refuseAll answers every request with that reason, in JSON.
func refuseAll(socket net.Listener, reason string) {
	for {
		conn, err := socket.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = conn.Close() }()
			in := json.NewDecoder(conn)
			for request := struct{}{}; in.Decode(&request) == nil; {
				if _, err := io.WriteString(conn, `{"resp":false,"reason":`+reason+"}\n"); err != nil {
					return
				}
			}
		}()
	}
}
