//go:build unix

package main

import (
	"log/slog"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"elemental/cmd/elemental/providertest"
)

// TestIconThatIsAPipe is left out rather than waited for.
func TestIconThatIsAPipe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, iconName), 0o600); err != nil {
		t.Fatal(err)
	}
	icon := make(chan string, 1)
	go func() { icon <- readIcon(dir, slog.New(slog.DiscardHandler)) }()
	select {
	case content := <-icon:
		if content != "" {
			t.Errorf("the icon is %q", content)
		}
	case <-time.After(providertest.Patience):
		t.Error("the icon is waited for")
	}
}
