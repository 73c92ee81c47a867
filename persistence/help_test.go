package persistence

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/goleak"

	"elemental/persistence/vfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// patience ends a test that would wait for ever.
const patience = 40 * time.Second

// world is a store with its actor, and an owner that hears all answers.
type world struct {
	t      testing.TB
	system *actor.ActorSystem
	store  *Store
	disk   *actor.PID
	owner  *actor.PID
	heard  chan any
	epochs map[Stream]uint64 // the last ones that recover gave
	wanted map[Stream]bool   // snapshots, ever

	crashes, mayCrash atomic.Int32 // of the persistence actor
}

// open opens a store and starts its actor.
func open(t testing.TB, cfg Config) *world {
	t.Helper()
	w, err := tryOpen(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func tryOpen(t testing.TB, cfg Config) (*world, error) {
	if cfg.Log == nil {
		cfg.Log = quiet
	}
	store, err := Open(cfg)
	if err != nil {
		return nil, err
	}
	w := &world{t: t, store: store, heard: make(chan any, 1<<16), epochs: map[Stream]uint64{}, wanted: map[Stream]bool{}}
	w.system = actor.NewActorSystem(actor.WithDeadLetterThrottleInterval(time.Millisecond), actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet }))
	w.system.EventStream.Subscribe(func(event any) {
		if _, ok := event.(*actor.SupervisorEvent); ok {
			w.crashes.Add(1)
		}
	})
	w.disk = w.system.Root.Spawn(actor.PropsFromProducer(store.Actor))
	w.owner = w.listen(w.heard)
	w.tell(&Attach{Keeper: w.owner})
	return w, nil
}

// listen spawns an actor that puts what it is told into a channel.
func (w *world) listen(heard chan any) *actor.PID {
	return w.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		switch ctx.Message().(type) {
		case *actor.Started, *actor.Stopping, *actor.Stopped:
		default:
			heard <- ctx.Message()
		}
	}))
}

func (w *world) tell(msg any) { w.system.Root.Send(w.disk, msg) }

// close stops the actors, then the store.
func (w *world) close() {
	w.t.Helper()
	if err := w.stop(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) stop() error {
	w.t.Helper()
	for _, pid := range []*actor.PID{w.disk, w.owner} {
		if err := w.system.Root.StopFuture(pid).Wait(); err != nil {
			w.t.Fatal(err)
		}
	}
	w.audit()
	w.system.Shutdown()
	if n := w.crashes.Load(); n > w.mayCrash.Load() {
		w.t.Errorf("the persistence actor crashed %d times", n)
	}
	return w.store.Close()
}

// hear waits for the next message of a kind; others are dropped.
func hear[T any](w *world) T {
	w.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		select {
		case msg := <-w.heard:
			if m, ok := msg.(*SnapshotWanted); ok {
				w.wanted[m.Stream] = true
			}
			if m, ok := msg.(T); ok {
				return m
			}
		case <-late.C:
			var want T
			w.t.Fatalf("no %T came", want)
		}
	}
}

// recover asks for a stream and gives what came.
func (w *world) recover(s Stream) *Recovered {
	w.t.Helper()
	w.audit()
	w.tell(&Recover{Stream: s, ReplyTo: w.owner})
	for {
		if r := hear[*Recovered](w); r.Stream == s {
			w.epochs[s] = r.Epoch
			return r
		}
	}
}

// mustRecover is recover of a stream that is sound.
func (w *world) mustRecover(s Stream) *Recovered {
	w.t.Helper()
	r := w.recover(s)
	if r.Err != nil {
		w.t.Fatalf("recover %s: %v", s, r.Err)
	}
	return r
}

// passUntil lets messages through the actor and a worker until a condition holds.
// It counts them, as in a bubble the clock stands still meanwhile.
func (w *world) passUntil(what string, holds func() bool) {
	w.t.Helper()
	for n := 0; !holds(); n++ {
		if n == 1_000_000 {
			w.t.Fatalf("after %d messages it is not so that %s", n, what)
		}
		w.mustRecover("barrier")
	}
}

func event(seq uint64, data string) Event {
	return Event{Seq: seq, Type: "posted", Version: 1, Data: []byte(data)}
}

// post appends n events after seq, without waiting.
func (w *world) post(s Stream, epoch, seq uint64, n int) {
	for i := range n {
		next := seq + uint64(i) + 1
		w.tell(&Append{Stream: s, Epoch: epoch, Event: event(next, fmt.Sprintf(`{"s":%q,"n":%d}`, s, next)), ReplyTo: w.owner})
	}
}

// until waits for the Committed of seq.
func (w *world) until(s Stream, seq uint64) {
	w.t.Helper()
	for {
		if c := hear[*Committed](w); c.Stream == s && c.Seq >= seq {
			return
		}
	}
}

// write makes n more events of a stream durable and tells the last sequence.
func (w *world) write(s Stream, n int) uint64 {
	w.t.Helper()
	r := w.mustRecover(s)
	w.post(s, r.Epoch, r.Seq, n)
	w.until(s, r.Seq+uint64(n))
	return r.Seq + uint64(n)
}

// saveState saves a snapshot, as the stream's owner, and waits for it.
func (w *world) saveState(m *SaveSnapshot) *SnapshotSaved {
	w.t.Helper()
	m.ReplyTo = w.owner
	if m.Epoch == 0 {
		m.Epoch = w.epochs[m.Stream]
	}
	w.tell(m)
	for {
		if r := hear[*SnapshotSaved](w); r.Stream == m.Stream {
			return r
		}
	}
}

func stateAt(seq uint64) []byte { return fmt.Appendf(nil, `{"upto":%d}`, seq) }

// checkEvents checks that what came back is what post wrote, up to want.
func checkEvents(t testing.TB, r *Recovered, want uint64) {
	t.Helper()
	if r.Err != nil {
		t.Fatalf("recover %s: %v", r.Stream, r.Err)
	}
	from := r.Seq - uint64(len(r.Events))
	if r.Seq != want {
		t.Fatalf("%s recovered up to %d, want %d", r.Stream, r.Seq, want)
	}
	if from > 0 && string(r.Snapshot) != string(stateAt(from)) {
		t.Fatalf("%s snapshot %q, want that of %d", r.Stream, r.Snapshot, from)
	}
	for i, e := range r.Events {
		seq := from + uint64(i) + 1
		data := fmt.Sprintf(`{"s":%q,"n":%d}`, r.Stream, seq)
		if e.Seq != seq || e.Type != "posted" || e.Version != 1 || string(e.Data) != data {
			t.Fatalf("%s event %+v (%s), want %d %s", r.Stream, e, e.Data, seq, data)
		}
	}
}

// tree reads a folder whole.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := filepath.WalkDir(dir, func(name string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			files[name] = "folder"
			return nil
		}
		data, err := os.ReadFile(name)
		files[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// journalFiles lists the segments of a folder, oldest first.
func journalFiles(t testing.TB, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, journalFolder, "*"+segmentSuffix))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// made is a page's items.
type made func(i int) string

func (m made) Len() int { return PageItems }

func (m made) Append(to []byte, i int) []byte { return append(to, m(i)...) }

// openFiles counts files that are open for reading, and what is read of them anywhere.
type openFiles struct {
	vfs.FS
	open, reads, bytes atomic.Int64
	opened             func() // called when one was opened
}

func (f *openFiles) Open(name string) (vfs.File, error) {
	file, err := f.FS.Open(name)
	if err != nil {
		return nil, err
	}
	f.open.Add(1)
	if f.opened != nil {
		f.opened()
	}
	return &openFile{file, f}, nil
}

type openFile struct {
	vfs.File
	of *openFiles
}

func (f *openFile) ReadAt(p []byte, at int64) (int, error) {
	f.of.reads.Add(1)
	f.of.bytes.Add(int64(len(p)))
	return f.File.ReadAt(p, at)
}

func (f *openFile) Close() error {
	f.of.open.Add(-1)
	return f.File.Close()
}
