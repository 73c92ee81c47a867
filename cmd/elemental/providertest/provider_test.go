package providertest_test

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"elemental/cmd/elemental/providertest"
)

func build(t *testing.T) string {
	t.Helper()
	program, err := providertest.Build(t.TempDir(), "elemental/cmd/elemental")
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// ask sends a request on a connection and gives the answer, or the error that
// came within the time instead.
func ask(conn net.Conn, request string, within time.Duration) (string, error) {
	if _, err := io.WriteString(conn, request); err != nil {
		return "", err
	}
	if err := conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		return "", err
	}
	answer := make([]byte, 4096)
	n, err := conn.Read(answer)
	return string(answer[:n]), err
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

const (
	register = `{"call":"register","usernm":"alice","passwd":"secret"}`
	login    = `{"call":"login","usernm":"alice","passwd":"secret"}`
)

// TestRestart ends a provider both ways and finds it again where it was, with
// its data.
func TestRestart(t *testing.T) {
	p := providertest.Start(t, build(t))
	addr := p.Addr
	if answer, err := ask(dial(t, addr), register, providertest.Patience); !strings.Contains(answer, "true") {
		t.Fatal(answer, err)
	}
	for _, end := range []func(){p.Stop, p.Kill, func() {}} {
		end()
		p.Restart()
		if p.Addr != addr {
			t.Errorf("was at %s, is at %s", addr, p.Addr)
		}
		if answer, err := ask(dial(t, addr), login, providertest.Patience); !strings.Contains(answer, `"key"`) {
			t.Error(answer, err)
		}
	}
}

// TestRestartWaitsForItsPort has another listener on the port until the provider is
// started for the second time.
func TestRestartWaitsForItsPort(t *testing.T) {
	p := providertest.Start(t, build(t))
	p.Stop()
	other, err := net.Listen("tcp", p.Addr)
	if err != nil {
		t.Fatal(err)
	}
	starts := filepath.Join(t.TempDir(), "starts") // a pipe that gets a letter at each
	if err := syscall.Mkfifo(starts, 0o600); err != nil {
		t.Fatal(err)
	}
	letters, err := os.OpenFile(starts, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	p.Env, p.Wrapper = []string{"STARTS=" + starts}, []string{"sh", "-c", `printf x >>"$STARTS"; exec "$0" "$@"`}
	t.Cleanup(func() { _ = letters.Close() })
	second := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(letters, make([]byte, 2))
		_ = other.Close()
		second <- err
	}()
	p.Restart()
	if err := <-second; err != nil || !p.Running() {
		t.Errorf("it does not run after a second start: %v", err)
	}
}

func TestPause(t *testing.T) {
	p := providertest.Start(t, build(t))
	conn := dial(t, p.Addr)
	p.Pause()
	if answer, err := ask(conn, register, 100*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a halted provider says %q (%v)", answer, err)
	}
	p.Resume()
	if answer, err := ask(conn, login, providertest.Patience); !strings.Contains(answer, "true") {
		t.Error(answer, err)
	}
}

// TestWithoutTest is what a TestMain does.
func TestWithoutTest(t *testing.T) {
	p := providertest.New(build(t), filepath.Join(t.TempDir(), "data"))
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	if answer, err := ask(dial(t, p.Addr), register, providertest.Patience); !strings.Contains(answer, "true") {
		t.Error(answer, err)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if err := providertest.New(p.Program, "/dev/null/data").Start(); err == nil || !strings.Contains(err.Error(), "/dev/null") {
		t.Errorf("a start that fails says %v", err)
	}
}
