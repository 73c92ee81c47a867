package picture

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSaveStaysInItsFolder(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"demo", "../../etc/passwd", "..", ".", "", "/abs", `c:\x`, "CON", "nul.txt", "-rf", "a\x00b", "\x1b[2J", ".hidden",
		"名前", "rtl\u202egnp", strings.Repeat("x", 5000), strings.Repeat("\xff", 500)} {
		path, err := Save([]byte("GIF89a"), dir, name)
		if err != nil {
			t.Errorf("%.40q: %v", name, err)
			continue
		}
		file := filepath.Base(path)
		if filepath.Dir(path) != dir || !strings.HasPrefix(file, "server-") || filepath.Ext(file) != ".gif" || strings.Count(file, ".") != 1 {
			t.Errorf("%.40q is saved as %q", name, path)
		}
		checkFile(t, path, []byte("GIF89a"))
	}
}

func TestSaveNeverOverwrites(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	first, err := Save([]byte("one"), dir, "demo")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), filepath.Join(dir, "server-demo-2.bin")); err != nil {
		t.Fatal(err)
	}
	second, err := Save([]byte("two"), dir, "demo")
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Base(first) != "server-demo.bin" || filepath.Base(second) != "server-demo-3.bin" {
		t.Errorf("saved as %s and %s", first, second)
	}
	checkFile(t, first, []byte("one"))
	checkFile(t, second, []byte("two"))
	if _, err := os.Stat(filepath.Join(dir, "elsewhere")); err == nil {
		t.Error("a link was followed")
	}
}

// The same image is saved only once, and a link is not taken for it.
func TestSaveFindsWhatItSaved(t *testing.T) {
	dir := t.TempDir()
	save := func(image, want string) {
		t.Helper()
		path, err := Save([]byte(image), dir, "demo")
		if err != nil || filepath.Base(path) != want {
			t.Errorf("%q is saved as %s, %v", image, path, err)
		}
	}
	for range 3 {
		save("one", "server-demo.bin")
		save("two", "server-demo-2.bin")
	}
	if err := os.Symlink(filepath.Join(dir, "server-demo.bin"), filepath.Join(dir, "server-demo-3.bin")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "server-demo.bin"), filepath.Join(dir, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("elsewhere", filepath.Join(dir, "server-demo.bin")); err != nil {
		t.Fatal(err)
	}
	save("one", "server-demo-4.bin")
	if err := os.WriteFile(filepath.Join(dir, "elsewhere"), []byte("elsewhere"), 0o600); err != nil {
		t.Fatal(err)
	}
	save("elsewhere", "server-demo-5.bin") // although the link is as long as the image
}

func TestSaveTellsWhy(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Save([]byte("x"), file, "demo"); err == nil || !strings.Contains(err.Error(), "saving the image") {
		t.Errorf("saving into a file: %v", err)
	}
}

func TestExtension(t *testing.T) {
	for want, image := range map[string]string{
		".png": "\x89PNG\r\n\x1a\n", ".jpg": "\xff\xd8\xff", ".gif": "GIF87a", ".webp": "RIFF\x00\x00\x00\x00WEBPVP", ".bmp": "BM",
		".ico": "\x00\x00\x01\x00", ".bin": "#!/bin/sh\n",
	} {
		if got := extension([]byte(image)); got != want {
			t.Errorf("%q gets %s, want %s", image, got, want)
		}
	}
}
