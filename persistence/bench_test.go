package persistence

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence/vfs"
	"elemental/persistence/vfs/vfstest"
)

// poster is an owner that keeps window events on their way until all are done.
type poster struct {
	disk     *actor.PID
	stream   Stream
	window   uint64
	total    uint64
	epoch    uint64
	sent, ok uint64
	done     *sync.WaitGroup
	ready    *sync.WaitGroup
	failed   *atomic.Int64
}

type begin struct{}

var posted = []byte(`{"user":"alice","at":"2026-11-23T01:00:00Z","text":"good morning, gophers"}`)

func (p *poster) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		ctx.Send(p.disk, &Recover{Stream: p.stream, ReplyTo: ctx.Self()})
	case *Recovered:
		p.epoch = m.Epoch
		p.ready.Done()
	case *begin:
		p.send(ctx)
	case *Committed:
		if p.ok = m.Seq; p.ok == p.total {
			p.done.Done()
		}
		p.send(ctx)
	case *Rejected:
		p.failed.Add(1)
		p.done.Done()
	}
}

func (p *poster) send(ctx actor.Context) {
	for ; p.sent < p.total && p.sent-p.ok < p.window; p.sent++ {
		ctx.Send(p.disk, &Append{Stream: p.stream, Epoch: p.epoch, ReplyTo: ctx.Self(),
			Event: Event{Seq: p.sent + 1, Type: "posted", Version: 1, Data: posted}})
	}
}

// BenchmarkJournal measures durable appends through the actor: some senders,
// each with a window of unanswered events.
func BenchmarkJournal(b *testing.B) {
	for _, c := range []struct{ senders, window int }{{1, 1}, {64, 1}, {256, 1}, {4, 20000}} {
		b.Run(fmt.Sprintf("senders=%d/window=%d", c.senders, c.window), func(b *testing.B) {
			benchmarkJournal(b, c.senders, c.window)
		})
	}
}

func benchmarkJournal(b *testing.B, senders, window int) {
	dir := b.TempDir()
	real, err := vfs.OpenFolder(dir)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := real.Close(); err != nil {
			b.Error(err)
		}
	})
	counted := &vfstest.Counting{FS: real}
	w := open(b, Config{Dir: dir, FS: counted, SegmentBytes: 1 << 30})
	each := (b.N + senders - 1) / senders
	var done, ready sync.WaitGroup
	var failed atomic.Int64
	var pids []*actor.PID
	for i := range senders {
		done.Add(1)
		ready.Add(1)
		p := &poster{disk: w.disk, stream: StreamOf("bench", fmt.Sprint(i)), window: uint64(window), total: uint64(each),
			done: &done, ready: &ready, failed: &failed}
		pids = append(pids, w.system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return p })))
	}
	ready.Wait()
	before := counted.Syncs.Load()
	b.ReportAllocs()
	b.ResetTimer()
	for _, pid := range pids {
		w.system.Root.Send(pid, &begin{})
	}
	done.Wait()
	b.StopTimer()
	if failed.Load() > 0 {
		b.Fatalf("%d senders were refused", failed.Load())
	}
	b.ReportMetric(float64(each*senders)/b.Elapsed().Seconds(), "appends/s")
	b.ReportMetric(float64(counted.Syncs.Load()-before)/b.Elapsed().Seconds(), "syncs/s")
	for _, pid := range pids {
		if err := w.system.Root.StopFuture(pid).Wait(); err != nil {
			b.Fatal(err)
		}
	}
	w.close()
}
