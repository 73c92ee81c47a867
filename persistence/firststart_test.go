package persistence

import (
	"errors"
	"syscall"
	"testing"

	"elemental/persistence/vfs"
	"elemental/persistence/vfs/vfstest"
)

// saidTooLate is a disk on which the format file is made durable, and that fails all the same, once.
type saidTooLate struct {
	*vfstest.Mem
	said bool
}

func (d *saidTooLate) SyncDir(name string) error {
	err := d.Mem.SyncDir(name)
	if there, _ := vfs.Exists(d.Mem, formatFile); there && !d.said {
		d.said = true
		return errors.Join(err, syscall.EIO)
	}
	return err
}

// TestAFirstStartThatIsTakenBack fails at its very end, and cuts the power. What the cut brings back
// of what was removed must be no folder that is refused: the format file without a journal.
func TestAFirstStartThatIsTakenBack(t *testing.T) {
	for seed := range uint64(50) {
		mem := vfstest.NewMem()
		if _, err := tryOpen(t, Config{FS: &saidTooLate{Mem: mem}}); !errors.As(err, new(*NotWritableError)) {
			t.Fatalf("open said %v", err)
		}
		if left := filesOf(t, mem); len(left) > 0 {
			t.Fatalf("left behind: %v", left)
		}
		w := open(t, Config{FS: mem.PowerCut(int(seed)%5*25, seed)})
		seq := w.write("a", 1)
		checkEvents(t, w.recover("a"), seq)
		w.close()
	}
}
