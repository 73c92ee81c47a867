package actors

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"elemental/persistence"
)

// TestTooMuchStateLeavesMemory makes more of everything than may be in memory:
// what is idle leaves long before its usual time, and is there when it is wanted.
func TestTooMuchStateLeavesMemory(t *testing.T) {
	const most = 1 << 20
	p := startNode(t, persistence.Config{}, func(c *Config) { c.StateBytes = most })
	alice := enter(t, p, "alice")
	text := strings.Repeat("x", 16_000)
	within := func(what string) {
		t.Helper()
		for begun := time.Now(); p.node.state.used.Load() > most; time.Sleep(5 * time.Millisecond) { // a pace for looking
			if time.Since(begun) > 10*time.Second {
				t.Fatalf("%d bytes of %s are in memory", p.node.state.used.Load(), what)
			}
		}
	}
	post := func(server, channel string, times int) {
		t.Helper()
		for range times {
			if reply, ok := alice.ask(&Post{Server: server, Channel: channel, Text: text}).(*Posted); !ok {
				t.Fatal(reply)
			}
		}
	}
	alice.ask(CreateServer{"s", ""})
	post("s", "general", 80)
	within("one channel")
	for i := range 40 {
		alice.ask(CreateChannel{"s", fmt.Sprint(i)})
		post("s", fmt.Sprint(i), 4)
	}
	within("many channels")
	for i := range 10 {
		alice.ask(CreateServer{fmt.Sprint("s", i), ""})
		alice.ask(SetServerImage{fmt.Sprint("s", i), strings.Repeat("aGVsbG8h", 24<<10)})
	}
	within("images")
	if reply, ok := alice.ask(GetMessages{Server: "s", Channel: "general", Begin: 79, End: 80, BeginIsInt: true, EndIsInt: true}).(Messages); !ok || reply.List[0].Text != text {
		t.Errorf("read %v", reply)
	}
	for i := range 40 {
		if reply := alice.ask(CountMessages{Server: "s", Channel: fmt.Sprint(i)}); reply != any(Amount{Amount: 4}) {
			t.Errorf("channel %d: %v", i, reply)
		}
	}
}
