package hashing

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestStandsBack looks at the priority that the system tells.
func TestStandsBack(t *testing.T) {
	p, _ := started(t)
	works(t, p)
	pid := p.child.cmd.Process.Pid
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Skip("priorities are read from /proc: ", err)
	}
	ours := nice(t, "self", fmt.Sprint(os.Getpid()))
	for _, thread := range threads {
		if theirs := nice(t, fmt.Sprint(pid), thread.Name()); theirs != min(ours+niceness, nicest) {
			t.Errorf("thread %s has niceness %d, ours is %d", thread.Name(), theirs, ours)
		}
	}
}

// nice is a thread's niceness: the 19th field of its stat.
func nice(t *testing.T, process, thread string) (n int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%s/task/%s/stat", process, thread))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), ") ")
	if _, err := fmt.Sscan(strings.Fields(after)[16], &n); err != nil {
		t.Fatal(err)
	}
	return n
}
