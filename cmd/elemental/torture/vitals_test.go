package torture

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"elemental/cmd/elemental/providertest"
)

// vitals is what the system tells of a running program.
type vitals struct {
	resident int // bytes
	files    int // open ones
}

func (v vitals) String() string { return fmt.Sprintf("%d MiB, %d files", v.resident>>20, v.files) }

func vitalsOf(t *testing.T, pid int) vitals {
	t.Helper()
	v, err := lookAt(pid)
	if err != nil {
		t.Skip("memory and files of a process are read from /proc: ", err)
	}
	return v
}

var residentLine = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)

// lookAt looks at a process, and at those that it has started, whose files are
// pipes and counted on its own side.
func lookAt(pid int) (vitals, error) {
	resident, err := residentOf(append(providertest.Children(pid), pid)...)
	if err != nil {
		return vitals{}, err
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return vitals{resident, len(files)}, err
}

// residentOf is the memory of processes; that of the last must be known.
func residentOf(pids ...int) (sum int, err error) {
	for _, pid := range pids {
		var status []byte
		status, err = os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if found := residentLine.FindSubmatch(status); found != nil {
			kib, _ := strconv.Atoi(string(found[1])) // digits
			sum += kib << 10
		} else if err == nil {
			err = fmt.Errorf("no VmRSS in %s", status)
		}
	}
	return sum, err
}

// peak watches the resident memory until it is stopped, which tells the most
// that was seen. It does not count files: of thousands that takes the system
// milliseconds, and the bystanders' time.
func peak(pid int) (stop func() int) {
	pids := append(providertest.Children(pid), pid)
	quit, most := make(chan struct{}), make(chan int)
	go func() {
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		highest := 0
		for {
			if resident, err := residentOf(pids...); err == nil {
				highest = max(highest, resident)
			}
			select {
			case <-ticker.C:
			case <-quit:
				most <- highest
				return
			}
		}
	}()
	return func() int { close(quit); return <-most }
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(20 * time.Millisecond) { // a pace for looking
		if time.Now().After(deadline) {
			t.Fatalf("waited %v until %s", patience, what)
		}
	}
}

// limits are what the formula of docs/operations.md, "Limits and memory", is made of.
type limits struct{ connections, inFlight, inFlightBytes, unread, answer, hashing, channels int }

const kib, mib = 1 << 10, 1 << 20

// defaults are the default limits on a machine with two processors, with home
// and den in use.
var defaults = limits{5000, 50_000, 256 * mib, 256 * mib, 8 * mib, 19456 * kib, 2}

// most is the memory that a provider takes at the most.
func (l limits) most() int {
	return 2 * (80*mib + l.connections*24*kib + l.inFlightBytes + l.inFlight*kib + l.unread + 64*l.answer + 256*mib + 2*(l.hashing+8*mib) + l.channels*16*mib)
}

// near is how much more resident memory counts as back where it was: what the
// provider does not trouble to give back (24 MiB), a channel that was posted to (16),
// and some pages.
const near = 48 << 20

// back wants the open files back where they were, and in the long form the
// memory too, within 30 seconds of the load's end, and the peak below the cap.
func (s *scene) back(t *testing.T, idle vitals, most int, ended time.Time) {
	t.Helper()
	now := vitalsOf(t, s.Pid())
	for ; time.Since(ended) < 30*time.Second; time.Sleep(100 * time.Millisecond) { // a pace for looking
		now = vitalsOf(t, s.Pid())
		if now.files <= idle.files && (!long() || now.resident <= idle.resident+near) {
			break
		}
	}
	t.Logf("idle %v, at most %d MiB, %v after the load %v", idle, most>>20, time.Since(ended).Round(time.Second), now)
	if now.files > idle.files {
		t.Errorf("files are left open")
	}
	if !long() {
		return // the race detector's memory is another
	}
	if now.resident > idle.resident+near {
		t.Error("memory is left")
	}
	if limit := defaults.most(); most > limit {
		t.Errorf("beyond the documented %d MiB", limit>>20)
	}
}

// spare are the goroutines that a provider keeps for the next work, by how
// their names begin, and how many at the most.
var spare = map[string]int{
	"elemental/transport.(*writers)": 16,
}

// freshGoroutines are those of a provider that has only seen the bystanders.
func freshGoroutines(t *testing.T) map[string]int {
	t.Helper()
	s, _ := overloadScene(t, nil)
	return goroutines(t, s.Process)
}

// leaves ends the provider, and wants no goroutine that a fresh one has not.
func (s *scene) leaves(t *testing.T, fresh map[string]int) {
	t.Helper()
	if err := s.CheckLog(); err != nil {
		t.Error(err)
	}
	now := goroutines(t, s.Process)
	for what, count := range now {
		limit := fresh[what]
		for pool, most := range spare {
			if strings.HasPrefix(what, pool) {
				limit = most
			}
		}
		if count > limit {
			t.Errorf("%d goroutines %s, at most %d were due", count, what, limit)
		}
	}
	t.Logf("goroutines: %v, fresh: %v", tally(now), tally(fresh))
}

// goroutines ends a program with SIGQUIT, and counts the goroutines of its
// dump by the function that they began with.
func goroutines(t *testing.T, p *providertest.Process) map[string]int {
	t.Helper()
	if err := p.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, dump := range strings.Split(p.Stderr.Text(), "\n\n") {
		if name := beganWith(dump); strings.HasPrefix(name, "elemental/") || strings.HasPrefix(name, "main.") {
			count[name]++
		}
	}
	return count
}

// beganWith is the outermost function of a goroutine's stack that is not the
// standard library's.
func beganWith(dump string) (name string) {
	if !strings.HasPrefix(dump, "goroutine ") {
		return ""
	}
	for line := range strings.Lines(dump) {
		function, _, called := strings.Cut(line, "(0x")
		if !called {
			function, _, called = strings.Cut(line, "(...)")
		}
		if !called {
			function, _, called = strings.Cut(line, "()")
		}
		if called && (strings.HasPrefix(function, "elemental/") || strings.HasPrefix(function, "main.")) {
			name = function
		}
	}
	return name
}
