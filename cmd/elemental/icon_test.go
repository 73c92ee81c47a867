package main

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/png"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"elemental/cmd/elemental/providertest"
)

func picture(t *testing.T, side int) []byte {
	t.Helper()
	var content bytes.Buffer
	if err := png.Encode(&content, image.NewGray(image.Rect(0, 0, side, side))); err != nil {
		t.Fatal(err)
	}
	return content.Bytes()
}

func TestIcon(t *testing.T) {
	t.Parallel()
	p := startProvider(t)
	if icon, there := p.dial().must("getprovidername")["icon"]; there {
		t.Errorf("an icon out of nothing: %v", icon)
	}
	p.Stop()
	for _, row := range []struct {
		name    string
		content []byte
		warning string
	}{
		{"right", picture(t, 64), ""},
		{"too big", picture(t, 65), "65×65"},
		{"no picture", []byte("hello"), "no PNG"},
		{"much more than the picture", append(picture(t, 64), make([]byte, iconBytesSeen)...), "old clients"},
		{"the most that is sent", make([]byte, iconBytesMax), "no PNG"},
		{"more than is sent", make([]byte, iconBytesMax+1), "left out"},
	} {
		writeFile(t, filepath.Join(p.Dir, "icon.png"), string(row.content))
		p.Start()
		want := any(base64.StdEncoding.EncodeToString(row.content))
		if len(row.content) > iconBytesMax {
			want = nil
		}
		if icon := p.dial().must("getprovidername")["icon"]; icon != want {
			t.Errorf("%s: the icon is %.40v", row.name, icon)
		}
		p.Stop()
		if said := strings.Contains(p.Stderr.Text(), "icon"); said != (row.warning != "") || !strings.Contains(p.Stderr.Text(), row.warning) {
			t.Errorf("%s: the log should have %q\n%s", row.name, row.warning, p.Stderr.Text())
		}
	}
	if err := os.Remove(filepath.Join(p.Dir, "icon.png")); err != nil {
		t.Fatal(err)
	}
	p.Start()
	if icon, there := p.dial().must("getprovidername")["icon"]; there {
		t.Errorf("the icon stayed: %v", icon)
	}
}

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
