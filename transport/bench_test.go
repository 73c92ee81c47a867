package transport

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
)

// BenchmarkRoundTrip is one client that asks and waits.
func BenchmarkRoundTrip(b *testing.B) {
	_, l := startStation(b, testConfig(), agreeable)
	c := dial(b, l)
	b.ReportAllocs()
	for b.Loop() {
		c.send(`{"call": "getprovidername"}`)
		c.line()
	}
}

// BenchmarkPipelined is one client that keeps the window full.
func BenchmarkPipelined(b *testing.B) {
	_, l := startStation(b, testConfig(), agreeable)
	c := dial(b, l)
	const depth = 32
	batch := strings.Repeat(`{"call":"message","servername":"gophers","channel":"general","msg":"hello"}`, depth)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%depth == 0 {
			c.send(batch)
		}
		c.line()
	}
}

// TestIdleConnectionsAreSmall logs many clients in and weighs what stays, without
// the kernel's part and the session actor's.
func TestIdleConnectionsAreSmall(t *testing.T) {
	const most = 10 << 10 // about 7 KiB, and more under the race detector
	count := 200
	if os.Getenv("ELEMENTAL_LONG") != "" {
		count = 5000
	}
	_, l := startStation(t, testConfig(), agreeable)
	before := weigh()
	for i := range count {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		})
		if _, err := fmt.Fprintf(conn, `{"call":"login","usernm":"user%d","passwd":"secret"}`, i); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, make([]byte, len(loggedIn)+1)); err != nil {
			t.Fatal(err)
		}
	}
	each := (weigh() - before) / count
	t.Logf("%d bytes per idle connection, of both ends", each)
	if each > most {
		t.Errorf("more than %d", most)
	}
}

// weigh is the memory in use, stacks included.
func weigh() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapInuse + m.StackInuse)
}
