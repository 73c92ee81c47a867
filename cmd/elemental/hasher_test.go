package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"elemental/cmd/elemental/providertest"
)

// hashers are the processes that hash the provider's passwords.
func (p *provider) hashers(t *testing.T) []int {
	t.Helper()
	found := providertest.Children(p.Pid())
	if len(found) == 0 {
		if _, err := os.Stat("/proc/self/task"); err != nil {
			t.Skip("this system does not tell the processes of a process")
		}
		t.Fatal("no process hashes passwords")
	}
	return found
}

// haltHashers halts these processes until goOn is called, or the test ends.
func (p *provider) haltHashers(t *testing.T) (goOn func()) {
	t.Helper()
	halted := p.hashers(t)
	for _, pid := range halted {
		if err := providertest.Halt(pid); err != nil {
			t.Fatal(err)
		}
	}
	goOn = func() {
		for _, pid := range halted {
			_ = syscall.Kill(pid, syscall.SIGCONT) // one that hangs for long is given up, and has ended then
		}
	}
	t.Cleanup(goOn)
	return goOn
}

// TestPasswordsAreHashedBeside: a process that is lost costs nobody his login,
// and the log says so once.
func TestPasswordsAreHashedBeside(t *testing.T) {
	p := startProvider(t, "--hashworkers", "1")
	p.join("alice")
	lost := p.hashers(t)[0]
	if err := syscall.Kill(lost, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.join("bob")
	p.join("alice")
	if now := p.hashers(t); len(now) != 1 || now[0] == lost {
		t.Errorf("process %d was lost, now %v hash", lost, now)
	}
	p.Stop() // an answer may be here before the log's line is
	if n := strings.Count(p.Stderr.Text(), "process that hashes passwords was lost"); n != 1 {
		t.Errorf("told %d times\n%s", n, p.Stderr.Text())
	}
}

// TestHashersEndWithTheProvider, however that ends.
func TestHashersEndWithTheProvider(t *testing.T) {
	for name, end := range map[string]func(*provider){"stopped": (*provider).Stop, "killed": (*provider).Kill} {
		t.Run(name, func(t *testing.T) {
			p := startProvider(t)
			p.join("alice")
			hashers := p.hashers(t)
			end(p)
			for _, pid := range hashers {
				for deadline := time.Now().Add(providertest.Patience); runs(pid); time.Sleep(time.Millisecond) { // a pace for looking
					if time.Now().After(deadline) {
						t.Fatalf("process %d hashes on", pid)
					}
				}
			}
		})
	}
}

// runs is false for a process that has ended, whether its parent has looked or not.
func runs(pid int) bool {
	state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(state), ") Z ")
}
