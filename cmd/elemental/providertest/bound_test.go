//go:build linux

package providertest_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"elemental/cmd/elemental/providertest"
)

// With this variable the test binary is a test that is going to be killed: it
// starts the program that the variable names, tells its address, and waits.
const asVictim = "PROVIDERTEST_VICTIM"

// The first thread never ends: it is kept for the main goroutine, so that no
// other runs on it.
func init() {
	if os.Getenv(asVictim) != "" {
		runtime.LockOSThread()
	}
}

func TestMain(m *testing.M) {
	if program := os.Getenv(asVictim); program != "" {
		os.Exit(victim(program))
	}
	os.Exit(m.Run())
}

func victim(program string) int {
	p := providertest.New(program, os.Getenv(asVictim+"_DATA"))
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this function
		started <- p.Start()
	}()
	if err := <-started; err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("addr:", p.Addr)
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

// TestEndsWithAKilledTest kills a test: its provider goes too, and not before.
func TestEndsWithAKilledTest(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asVictim+"="+build(t), asVictim+"_DATA="+filepath.Join(t.TempDir(), "data"))
	out := providertest.NewLines()
	cmd.Stdout, cmd.Stderr = out, out
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	exited, err := providertest.StartBound(cmd)
	if err != nil {
		t.Fatal(err)
	}
	line, err := out.Wait("an address", exited, func(line string) bool { return strings.HasPrefix(line, "addr: ") })
	if err != nil {
		t.Fatalf("%v\n%s", err, out.Text())
	}
	conn := dial(t, strings.TrimPrefix(line, "addr: "))
	if answer, err := ask(conn, register, providertest.Patience); !strings.Contains(answer, "true") {
		t.Fatal("the provider took the end of a thread for the end of the test:", answer, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the provider outlives the test (%v)", err)
	}
}
