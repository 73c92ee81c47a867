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
	for _, rot := range []bool{false, true} {
		f := filesOf(t, m)
		if name := path.Join("a", stateFile); rot {
			f = f.with(name, bytes.ToUpper(f[name]))
		}
		w := open(t, Config{FS: f.put(t)})
		r := w.mustRecover("a")
		if len(r.Events) != 6 && rot || len(r.Events) != 3 && !rot {
			t.Errorf("rot: %t, %d events", rot, len(r.Events))
		}
		for _, e := range r.Events {
			if string(e.Data) != want[e.Seq-1] {
				t.Errorf("rot: %t, event %d came back as %d other bytes", rot, e.Seq, len(e.Data))
			}
		}
		w.close()
	}
}
