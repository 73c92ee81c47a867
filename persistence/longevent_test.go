package persistence

import (
	"bytes"
	"fmt"
	"path"
	"strings"
	"testing"

	"elemental/persistence/vfs/vfstest"
)

// TestEventsLongerThanAPieceOfTheJournal are read at the start, with the pieces in which a segment is
// read, and once more when the snapshots are damaged.
func TestEventsLongerThanAPieceOfTheJournal(t *testing.T) {
	m := vfstest.NewMem()
	w := open(t, Config{FS: m})
	var want []string
	r := w.mustRecover("a")
	for n := range uint64(6) {
		data := fmt.Sprintf(`{"n":%d,"text":%q}`, n, strings.Repeat(fmt.Sprint(n), int(n)*segmentChunk/2+int(n)))
		want = append(want, data)
		w.tell(&Append{Stream: "a", Epoch: r.Epoch, Event: event(n+1, data), ReplyTo: w.owner})
	}
	w.until("a", 6)
	w.saveState(&SaveSnapshot{Stream: "a", Seq: 3, State: stateAt(3)})
	w.close()
	f := filesOf(t, m)
	name := path.Join("a", stateFile)
	for events, f := range map[int]files{3: f, 6: f.with(name, bytes.ToUpper(f[name]))} {
		w := open(t, Config{FS: f.put(t)})
		r := w.mustRecover("a")
		if len(r.Events) != events {
			t.Errorf("%d events, want %d", len(r.Events), events)
		}
		for _, e := range r.Events {
			if string(e.Data) != want[e.Seq-1] {
				t.Errorf("event %d came back as %d other bytes", e.Seq, len(e.Data))
			}
		}
		w.close()
	}
}
