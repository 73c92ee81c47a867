package main_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"elemental/cmd/etttc/terminaltest"
)

// TestCommands: what can be done with the results of runs, in colours on a terminal, unless they
// are not wanted.
func TestCommands(t *testing.T) {
	t.Parallel()
	kept, dir := filepath.Join("result", "testdata", "steady"), t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(kept)); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		code int
		want string
		args []string
	}{
		{0, dir + ": made again\n", []string{"report", dir}},
		{0, "| ", []string{"table", kept, dir}},
		{0, "steady", []string{"compare", kept, filepath.Join("result", "testdata", "stalled")}},
		{1, "no such file", []string{"report", dir, "/nowhere"}},
		{1, "no such file", []string{"table", "/nowhere"}},
		{1, "no such file", []string{"compare", dir, "/nowhere"}},
		{0, "chat ", []string{"scenarios"}},
	} {
		out, err := exec.Command(program, row.args...).CombinedOutput()
		if code := exitCode(err); code != row.code || !strings.Contains(string(out), row.want) {
			t.Errorf("%q: exit code %d, %s", row.args, code, out)
		}
	}
	if isGone(filepath.Join(dir, "report.html")) {
		t.Error("there is no report")
	}
	for env, coloured := range map[string]bool{"NO_COLOR=": true, "NO_COLOR=1": false} {
		term := terminaltest.Start(t, 80, 24, program, []string{"compare", kept, filepath.Join("result", "testdata", "stalled")}, []string{env})
		if code := term.Wait(); code != 0 || strings.Contains(term.Output(), "\x1b[") != coloured {
			t.Errorf("%s: exit code %d, %q", env, code, term.Output())
		}
	}
}

// TestOutputThatCannotBeWritten: this is reported, and not as a mistake in the options.
func TestOutputThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"--help", "--version", "scenarios"} {
		shut, err := os.Open(os.DevNull) // open only for reading
		if err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		run := exec.Command(program, word)
		run.Stdout, run.Stderr = shut, &said
		if code := exitCode(run.Run()); code != 1 || !strings.HasPrefix(said.String(), "elemental-load: the output cannot be written: ") {
			t.Errorf("%s: exit code %d, %q", word, code, said.String())
		}
		_ = shut.Close()
	}
}

func exitCode(err error) int {
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}
