package torture

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"testing"
)

const misbehavingEnv = "TORTURE_MISBEHAVING"

// misbehaving is a process with a hostile load in it.
type misbehaving struct {
	in  io.WriteCloser
	out *bufio.Reader
}

// order is what such a process is to do.
type order struct {
	Attack, Addr, Key string
	Clients           int
}

// misbehave starts a hostile load, and returns when its clients are there.
//
// In the long form the load gets only the processor time that the provider and
// the bystanders leave. Attackers bring their own machines; without this one
// would measure how the system shares its processors between their side of the
// work and the bystanders', and not how the provider shares its own.
func (s *scene) misbehave(t *testing.T, attack string, clients int) *misbehaving {
	t.Helper()
	text, err := json.Marshal(order{attack, s.Addr, s.key, clients})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	if long() {
		cmd = exec.Command("nice", "-n", "19", os.Args[0])
	}
	in, out := startPart(t, cmd, misbehavingEnv+"="+string(text))
	m := &misbehaving{in, out}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has ended unless the test failed
		_ = cmd.Wait()
	})
	m.hear(t)
	return m
}

// stop ends the load and tells what its clients saw.
func (m *misbehaving) stop(t *testing.T) tally {
	t.Helper()
	if err := m.in.Close(); err != nil {
		t.Fatal(err)
	}
	return m.hear(t)
}

func (m *misbehaving) hear(t *testing.T) (seen tally) {
	t.Helper()
	line, err := m.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &seen)
	}
	if err != nil {
		t.Fatalf("the hostile load is lost: %v", err)
	}
	return seen
}

// misbehave is the load's process: it answers a line when all have begun, and
// another when its input has ended.
func misbehave(text string) int {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	at := slices.IndexFunc(attacks, func(a attack) bool { return a.name == o.Attack })
	l := &load{addr: o.Addr, key: o.Key, quit: make(chan struct{}), seen: tally{}}
	attacks[at].run(l, o.Clients)
	fmt.Println("{}")
	_, _ = io.Copy(io.Discard, os.Stdin) // its end is the order to stop
	answer, _ := json.Marshal(l.stop())  //nolint:errchkjson // plain numbers
	fmt.Println(string(answer))
	return 0
}
