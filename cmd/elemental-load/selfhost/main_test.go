package selfhost_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"elemental/cmd/elemental-load/selfhost"
	"elemental/cmd/elemental/providertest"
)

// patience limits every wait.
const patience = providertest.Patience

// program is the path of the real provider.
var program string

// With this variable set, the test binary is a small load tester: it starts a provider,
// prints its address, and stops it when its standard input ends. The value is the way in
// which it starts the provider.
const asLoadTester = "SELFHOST_LOADTESTER"

func TestMain(m *testing.M) {
	if way := os.Getenv(asLoadTester); way != "" {
		os.Exit(loadTester(way))
	}
	os.Exit(providertest.Main(m, func(dir string) (err error) {
		program, err = providertest.Build(dir, "elemental/cmd/elemental")
		// Without this, the race detector makes each exit wait a second.
		return errors.Join(err, os.Setenv("GORACE", "atexit_sleep_ms=0"))
	}))
}

// The ways in which the small load tester starts its provider.
const (
	simply         = "simply"
	onDoomedThread = "on a thread that ends"
)

// The first thread of a process never ends. It is locked to the main goroutine here, so
// that no other goroutine runs on it.
func init() {
	if os.Getenv(asLoadTester) == onDoomedThread {
		runtime.LockOSThread()
	}
}

func loadTester(way string) int {
	o := selfhost.Options{Program: os.Getenv("SELFHOST_PROGRAM"), Log: func(text string) { fmt.Println(text) }}
	var p *selfhost.Provider
	var err error
	done := make(chan struct{})
	go func() {
		if way == onDoomedThread {
			runtime.LockOSThread() // never unlocked, so the thread ends with this function
		}
		p, err = selfhost.Start(context.Background(), o)
		close(done)
	}()
	<-done
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	fmt.Println("addr:", p.Addr)
	_, _ = io.Copy(io.Discard, os.Stdin)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err = p.Stop(ctx); err != nil {
		fmt.Println("error:", err)
		return 1
	}
	return 0
}

// script writes a shell script and returns its path.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil { //nolint:gosec // it has to be executable
		t.Fatal(err)
	}
	return path
}
