//go:build unix

package persistence

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestFolderThatIsAPipeIsRefused rather than waited for.
func TestFolderThatIsAPipeIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := syscall.Mkfifo(dir, 0o600); err != nil {
		t.Fatal(err)
	}
	said := make(chan error, 1)
	go func() {
		_, err := Open(Config{Dir: dir, Log: quiet})
		said <- err
	}()
	select {
	case err := <-said:
		if !errors.As(err, new(*NotWritableError)) {
			t.Errorf("open said %v", err)
		}
	case <-time.After(patience):
		t.Error("open waits")
	}
}
