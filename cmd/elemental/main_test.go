package main

import (
	"fmt"
	"os"
	"testing"

	"elemental/cmd/elemental/providertest"
)

// These tests run the real program, built with the race detector, and talk to
// it over real sockets. A wait is always for a condition; patience only bounds
// how long a failure takes.
const patience = providertest.Patience

// program is the built command.
var program string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	providertest.HeedHangups()
	dir, err := os.MkdirTemp("", "elemental-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if program, err = providertest.Build(dir, "."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// provider is a running program with what these tests do to it.
type provider struct {
	*providertest.Provider
	t testing.TB
}

// startProvider starts the program on a fresh folder and waits until it listens.
func startProvider(t testing.TB, args ...string) *provider {
	t.Helper()
	return &provider{providertest.Start(t, program, args...), t}
}

// unstarted is a provider on a folder, for tests that start it in their own way.
func unstarted(t testing.TB, dir string, args ...string) *provider {
	return &provider{providertest.Of(t, providertest.New(program, dir, args...)), t}
}

// on are the arguments that put the data in dir.
func on(dir string, more ...string) []string { return providertest.Args(dir, more...) }

// rounds is how often a loop test loops: more with ELEMENTAL_LONG=1.
func rounds(short, long int) int {
	if os.Getenv("ELEMENTAL_LONG") != "" {
		return long
	}
	return short
}
