package inspector

import (
	"fmt"
	"testing"
	"time"
)

// A guesser has the same address on all ports, and at all addresses of one network of IPv6,
// of which a single machine has many.
func TestAddressesThatCountAsOne(t *testing.T) {
	for a, b := range map[string]string{
		"10.0.0.1:1": "[::ffff:10.0.0.1]:2", "[2001:db8::1]:1": "[2001:db8::ffff:2]:1", "[fe80::1%eth0]:1": "[fe80::2]:1",
	} {
		if addressOf(a) != addressOf(b) {
			t.Errorf("%s and %s count as two", a, b)
		}
	}
	for a, b := range map[string]string{"10.0.0.1:1": "10.0.0.2:1", "[2001:db8::1]:1": "[2001:db8:0:1::1]:1"} {
		if addressOf(a) == addressOf(b) {
			t.Errorf("%s and %s count as one", a, b)
		}
	}
}

// A guesser has ten tries, and then one each two seconds. However many guess, the memory that
// this takes is bounded, and whoever must wait is not forgotten for those who need not.
func TestWrongTriesAreRemembered(t *testing.T) {
	now := time.Unix(1e9, 0)
	tries := wrongTries{now: func() time.Time { return now }}
	from := func(group, i int) string { return fmt.Sprintf("10.%d.%d.%d:1", group, i/256, i%256) }
	for i := range mostAddress - 100 {
		tries.note(addressOf(from(0, i)))
	}
	now = now.Add(tryEvery) // these may try again
	for i := range 100 {
		guesser := addressOf(from(1, i))
		for n := range triesAtOnce {
			if !tries.mayTry(guesser) {
				t.Fatalf("the try number %d is refused", n+1)
			}
			tries.note(guesser)
		}
	}
	tries.note(addressOf(from(2, 0)))
	for i := range 100 {
		if tries.mayTry(addressOf(from(1, i))) {
			t.Fatal("a guesser need not wait, since others guess")
		}
	}
	now = now.Add(tryEvery)
	if guesser := addressOf(from(1, 0)); !tries.mayTry(guesser) {
		t.Error("after two seconds there is no other try")
	}
	for i := range 3 * mostAddress {
		tries.note(addressOf(from(3, i)))
	}
	if len(tries.until) > mostAddress {
		t.Errorf("%d are remembered", len(tries.until))
	}
}
