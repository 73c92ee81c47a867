// Package providertest builds the real provider and runs it for tests, also
// those of other packages.
//
// [Start] serves a test: it fails the test where something goes wrong and ends
// the provider with it. [New] serves where there is no test, as in a TestMain
// for examples: its methods return errors.
package providertest

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"testing"
)

// Main is for a TestMain: it has prepare build in a new folder what the tests need, runs the tests,
// and returns the exit code.
func Main(m *testing.M, prepare func(dir string) error) int {
	dir, err := os.MkdirTemp("", "elemental-test")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		err = prepare(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// Build builds the program of the package pkg (an import path, or "." for the
// one in the working directory) in dir, with the race detector, and returns the
// program's path. The flags are those of go build; "-race=false" takes the
// detector out.
func Build(dir, pkg string, flags ...string) (string, error) {
	name := path.Base(pkg)
	if pkg == "." {
		name = "program"
	}
	target := filepath.Join(dir, name)
	args := append([]string{"build", "-race", "-o", target}, flags...)
	if out, err := exec.Command("go", append(args, pkg)...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return target, nil
}

// Args are the options that a provider in a test starts with, its data in dir:
// a free port of this machine, quick password hashes, no interval that would
// make a test wait, and no time limit that a busy machine could exceed. A later option
// overrides an earlier one.
func Args(dir string, more ...string) []string {
	args := []string{
		"--port", "0", "--host", "127.0.0.1",
		"--hashmemory", "64", "--hashtime", "1", "--countinterval", "0",
		"--stoptimeout", "1h", // a stop that hangs is caught by Wait, which shows where
		"--answertimeout", "50s", // an answer that is lost is told within Patience
		"--storagepath", dir,
	}
	return append(args, more...)
}
