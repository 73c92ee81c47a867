package faultlab_test

import (
	"errors"
	"io"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"elemental/inspector/faultlab"
	"elemental/persistence/vfs"
)

// disk is a real folder with faults.
func disk(t *testing.T) (*faultlab.Disk, vfs.FS) {
	t.Helper()
	folder, err := vfs.OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = folder.Close() })
	d := &faultlab.Disk{}
	return d, d.On(folder)
}

func create(t *testing.T, files vfs.FS, name string) vfs.File {
	t.Helper()
	f, err := files.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// What has room is written, what has none is not. The budget is for all files together.
func TestBudget(t *testing.T) {
	d, files := disk(t)
	a, b := create(t, files, "a"), create(t, files, "b")
	d.Budget(10, time.Now().Add(time.Hour))
	if n, err := a.Write([]byte("123456")); n != 6 || err != nil {
		t.Errorf("with room: %d, %v", n, err)
	}
	if err := b.Ahead(5); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("zeros without room: %v", err)
	}
	if n, err := b.Write([]byte("123456")); n != 4 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("without room for all: %d, %v", n, err)
	}
	if n, err := a.Write([]byte("7")); n != 0 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("without room: %d, %v", n, err)
	}
	if left, bounded := d.Left(); left != 0 || !bounded {
		t.Errorf("left: %d, %v", left, bounded)
	}
	d.Budget(-1, time.Time{})
	if n, err := a.Write([]byte("7")); n != 1 || err != nil {
		t.Errorf("after its end: %d, %v", n, err)
	}
	for name, want := range map[string]string{"a": "1234567", "b": "1234"} {
		if got, err := vfs.ReadFile(files, name); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v", name, got, err)
		}
	}
	d.Budget(0, time.Now().Add(-time.Second)) // is over already
	if _, err := io.WriteString(a, "8"); err != nil {
		t.Error(err)
	}
}

// A sync is late by the delay, but not beyond the delay's end, and not at all when that
// is over.
func TestDelay(t *testing.T) {
	d, files := disk(t)
	f := create(t, files, "a")
	took := func() time.Duration {
		begun := time.Now()
		if err := f.Sync(); err != nil {
			t.Error(err)
		}
		return time.Since(begun)
	}
	d.Delay(50*time.Millisecond, time.Now().Add(time.Hour))
	if by := took(); by < 50*time.Millisecond {
		t.Errorf("a sync took %v", by)
	}
	begun := time.Now()
	if err := files.SyncDir("."); err != nil || time.Since(begun) < 50*time.Millisecond {
		t.Errorf("a folder's sync took %v, %v", time.Since(begun), err)
	}
	begun = time.Now()
	d.Delay(time.Hour, time.Now().Add(50*time.Millisecond))
	took()
	if by := time.Since(begun); by < 50*time.Millisecond || by > time.Minute {
		t.Errorf("what was left of the delay took %v", by)
	}
}

// When a delay is ended early, those who wait go on at once.
func TestDelayIsEndedEarly(t *testing.T) {
	d, files := disk(t)
	f := create(t, files, "a")
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		d.Delay(time.Hour, begun.Add(time.Hour))
		var waiting sync.WaitGroup
		for range 4 {
			waiting.Go(func() { _ = f.Sync() })
		}
		synctest.Wait()
		d.Delay(0, time.Time{})
		waiting.Wait()
		if took := time.Since(begun); took >= time.Hour {
			t.Errorf("they waited %v", took)
		}
	})
}
