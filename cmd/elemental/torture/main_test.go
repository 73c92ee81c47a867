package torture

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"elemental/cmd/elemental/providertest"
)

// patience bounds how long a failure takes; nothing is hoped to happen meanwhile.
const patience = providertest.Patience

// The program, built with the race detector, and without it for what a test
// measures.
var (
	program string
	plain   = sync.OnceValues(func() (string, error) {
		return providertest.Build(filepath.Join(filepath.Dir(program), "plain"), "elemental/cmd/elemental", "-race=false")
	})
)

func TestMain(m *testing.M) {
	if addr := os.Getenv(bystanderEnv); addr != "" {
		os.Exit(bystand(addr))
	}
	if order := os.Getenv(misbehavingEnv); order != "" {
		os.Exit(misbehave(order))
	}
	os.Exit(providertest.Main(m, func(dir string) (err error) {
		program, err = providertest.Build(dir, "elemental/cmd/elemental")
		return err
	}))
}

// startPart starts this program, by a command, for a part that the variable names.
func startPart(t *testing.T, cmd *exec.Cmd, variable string) (in io.WriteCloser, out *bufio.Reader) {
	t.Helper()
	cmd.Env = append(os.Environ(), variable, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	pipe, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return in, bufio.NewReader(pipe)
}

// long is whether the long forms were asked for.
func long() bool { return os.Getenv("ELEMENTAL_LONG") != "" }

// rounds is how often a loop test loops.
func rounds(short, full int) int {
	if long() {
		return full
	}
	return short
}
