package selfhost_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"elemental/cmd/elemental/providertest"
)

// tester is a load tester in another process: the test binary.
type tester struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdin  io.Closer
	out    *providertest.Lines
	exited chan struct{}
	addr   string
}

// run runs a load tester in the folder dir, with additional environment variables.
func run(t *testing.T, binary, dir string, env ...string) *tester {
	t.Helper()
	r := &tester{t: t, cmd: exec.Command(binary), out: providertest.NewLines(), exited: make(chan struct{})}
	r.cmd.Dir = dir
	r.cmd.Env = append(append(os.Environ(), asLoadTester+"="+simply, "TMPDIR="+t.TempDir()), env...)
	r.cmd.Stdout, r.cmd.Stderr = r.out, r.out
	var err error
	if r.stdin, err = r.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err = r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.cmd.Process.Kill() })
	go func() {
		_ = r.cmd.Wait() // the outcome is in ProcessState
		close(r.exited)
	}()
	return r
}

// hosts waits until its provider listens.
func (r *tester) hosts() {
	r.t.Helper()
	line, err := r.out.Wait("an address", r.exited, func(line string) bool { return strings.HasPrefix(line, "addr: ") })
	if err != nil {
		r.t.Fatalf("%v\n%s", err, r.out.Text())
	}
	r.addr = strings.TrimPrefix(line, "addr: ")
}

// finish ends it normally, and returns what it printed.
func (r *tester) finish() string {
	r.t.Helper()
	if err := r.stdin.Close(); err != nil {
		r.t.Error(err)
	}
	<-r.exited
	return r.out.Text()
}

// this is the path of the test binary.
func this(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// copyOf copies a program into a folder.
func copyOf(t *testing.T, from, dir, name string) string {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, name)
	if err = os.WriteFile(to, content, 0o700); err != nil { //nolint:gosec // it has to be executable
		t.Fatal(err)
	}
	return to
}

// TestFindsTheProgram: the program is in each of the possible places in turn. The first
// place counts: the programs in later ones are broken.
func TestFindsTheProgram(t *testing.T) {
	broken, elsewhere := t.TempDir(), t.TempDir()
	copyOf(t, script(t, "echo the wrong program >&2; exit 1"), broken, "elemental")
	besideBroken := copyOf(t, this(t), broken, "elemental-load")
	installed, beside := t.TempDir(), t.TempDir()
	copyOf(t, program, installed, "elemental")
	copyOf(t, program, beside, "elemental")
	hasBeside := copyOf(t, this(t), beside, "elemental-load")
	linked := filepath.Join(elsewhere, "linked")
	if err := os.Symlink(hasBeside, linked); err != nil {
		t.Fatal(err)
	}
	// What was compiled before is not compiled again, so that the wait below is short
	// enough.
	if _, err := providertest.Build(t.TempDir(), "elemental/cmd/elemental", "-race=false"); err != nil {
		t.Fatal(err)
	}
	goAndBroken := "PATH=" + broken + ":" + os.Getenv("PATH")
	for _, c := range []struct {
		where, binary, dir string
		env                []string
		want               string // what is printed besides the address
	}{
		{"named", besideBroken, ".", []string{"SELFHOST_PROGRAM=" + program, goAndBroken}, ""},
		{"beside", hasBeside, ".", []string{goAndBroken}, ""},
		{"beside, by a link", linked, ".", []string{goAndBroken}, ""},
		{"source", this(t), ".", []string{goAndBroken}, "building the provider …\n"},
		{"path", this(t), elsewhere, []string{"PATH=" + installed + ":" + os.Getenv("PATH")}, ""},
		{"path, without Go", this(t), ".", []string{"PATH=" + installed}, ""},
	} {
		r := run(t, c.binary, c.dir, c.env...)
		r.hosts()
		ask(t, dial(t, r.addr), `{"call":"getprovidername"}`)
		if got, want := r.finish(), c.want+"addr: "+r.addr+"\n"; got != want {
			t.Errorf("%s: said %q, not %q", c.where, got, want)
		}
	}
}

// TestNoProgram: there is no program, or something else in its place.
func TestNoProgram(t *testing.T) {
	dir := t.TempDir()
	noProgram := filepath.Join(dir, "text")
	if err := os.WriteFile(noProgram, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		env  []string
		want []string
	}{
		{[]string{"PATH=/nowhere"}, []string{
			"no provider was found that could be started; name its program",
			"beside this program: stat " + filepath.Join(filepath.Dir(this(t)), "elemental"),
			`from its source: exec: "go": executable file not found`,
			`in PATH: exec: "elemental": executable file not found`,
		}},
		{nil, []string{"from its source: go list elemental/cmd/elemental: "}},
		{[]string{"SELFHOST_PROGRAM=" + filepath.Join(dir, "missing")}, []string{"the provider's program: stat " + filepath.Join(dir, "missing")}},
		{[]string{"SELFHOST_PROGRAM=" + noProgram}, []string{"the provider's program: " + noProgram + " may not be executed"}},
		{[]string{"SELFHOST_PROGRAM=" + dir}, []string{"the provider's program: " + dir + " is no file"}},
	} {
		r := run(t, this(t), dir, c.env...)
		got := r.finish()
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%v: %q is missing in\n%s", c.env, want, got)
			}
		}
	}
}
