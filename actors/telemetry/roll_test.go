package telemetry

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// TestTheFeedCostsNothingUnheard allocates nothing, and begins nothing.
func TestTheFeedCostsNothingUnheard(t *testing.T) {
	r, look := recording(t)
	self := actor.NewPID("nonhost", "provider/router")
	if n := testing.AllocsPerRun(100, func() {
		r.Happened("panic", self.Id, KindRouter, "x")
		r.Refused("busy", KindRouter, self, "ping")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	var heard []Happening
	stop := look.Feed(func(h Happening) { heard = append(heard, h) })
	r.Happened("slow-reader", "conn/7", KindSession, "x")
	stop()
	r.Happened("slow-reader", "conn/7", KindSession, "x")
	if len(heard) != 1 {
		t.Fatalf("heard %v", heard)
	}
	heard[0].At = time.Time{}
	if heard[0] != (Happening{What: "slow-reader", Actor: "conn/7", Kind: KindSession, Detail: "x"}) {
		t.Errorf("heard %v", heard)
	}
}

// TestNobodyIsObservedForNobody: what a watch needs is gone with the last one.
func TestNobodyIsObservedForNobody(t *testing.T) {
	r, look := recording(t)
	var e entry
	e.tally, e.self = r.roll.kinds[KindChannel], actor.NewPID("nonhost", "channel")
	r.roll.shard(e.self.Id).entries[e.self.Id] = &e
	var watches [2]*Watch
	for i := range watches {
		var err error
		if watches[i], err = look.Watch(e.self.Id); err != nil {
			t.Fatal(err)
		}
	}
	if watches[0].Stop(); e.observed == nil {
		t.Error("it is not observed, though somebody watches")
	}
	if watches[1].Stop(); e.observed != nil {
		t.Error("it is observed, though nobody watches")
	}
}

// BenchmarkActors lists 100,000 actors.
func BenchmarkActors(b *testing.B) {
	r, look := recording(b)
	for i := range 100_000 {
		e := &entry{tally: r.roll.kinds[KindSession], self: &actor.PID{Id: fmt.Sprint("conn/", i)}}
		r.roll.shard(e.self.Id).entries[e.self.Id] = e
	}
	for b.Loop() {
		n := 0
		look.Actors(func(i ActorInfo) bool {
			if strings.HasPrefix(i.ID, "conn/") {
				n++
			}
			return true
		})
		if n != 100_000 {
			b.Fatal(n)
		}
	}
}
