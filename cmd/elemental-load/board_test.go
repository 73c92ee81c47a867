package main_test

import (
	"fmt"
	"strings"
	"testing"

	"elemental/cmd/etttc/terminaltest"
)

// TestLineAtTheEnd: the rate in the last line is that of the whole load, not of its last
// second.
func TestLineAtTheEnd(t *testing.T) {
	t.Parallel()
	_, address := at(t)
	r, run := load(t, 0, "chat", address, "--clients=4", "--stages=200x2s,20x1s", "--plain")
	const begin = "load done: 3s of 3s, "
	line, err := run.stderr.Wait(begin, run.exited, func(line string) bool { return strings.HasPrefix(line, begin) })
	if err != nil {
		t.Fatal(err)
	}
	var told float64
	if _, err := fmt.Sscanf(line, begin+"%f/s,", &told); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	if mean := float64(operation(t, r, "post").Done) / r.Duration; told < 0.9*mean || told > 1.1*mean {
		t.Errorf("%q, but %.1f a second were done", line, mean)
	}
}

// TestDumbTerminal: a terminal that cannot move its cursor gets plain lines, without a bar.
func TestDumbTerminal(t *testing.T) {
	t.Parallel()
	args := []string{"--selfhost", "--provider", provider, "--providerarg=--hashmemory=64", "--clients=2", "--rate=20", "--duration=1s"}
	term := terminaltest.Start(t, 80, 24, program, args, []string{"TERM=dumb"})
	if code := term.Wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if said := term.Output(); strings.Contains(said, "\x1b") || !strings.Contains(said, "load done: ") {
		t.Errorf("it says %q", said)
	}
}
