package main

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"
)

// TestTimeOfAKnownAndAnUnknownUser measures wrong logins of both kinds, in
// turns, and prints what it saw. That both cost the same work is asserted
// where the work is done; a stopwatch would depend on the machine.
func TestTimeOfAKnownAndAnUnknownUser(t *testing.T) {
	if os.Getenv("ELEMENTAL_LONG") == "" {
		t.Skip("a measurement: ELEMENTAL_LONG=1")
	}
	p := startProvider(t, "--hideusers", "--hashmemory", "19456", "--hashtime", "2", "--loginfailures", "1000000", "--loginfailuresaddress", "0")
	p.join("alice")
	c := p.dial()
	took := map[string][]time.Duration{}
	for i := range 400 {
		for kind, name := range map[string]string{"known": "alice", "unknown": fmt.Sprint("nobody", i)} {
			start := time.Now()
			c.refused("password is incorrect", "login", "usernm", name, "passwd", "a guess")
			took[kind] = append(took[kind], time.Since(start))
		}
	}
	for kind, times := range took {
		slices.Sort(times)
		n := len(times)
		t.Logf("%-7s user, %d wrong logins: median %v, quartiles %v and %v", kind, n, times[n/2], times[n/4], times[3*n/4])
	}
}
