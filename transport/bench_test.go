package transport

import (
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
