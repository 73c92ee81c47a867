package persistence

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"elemental/persistence/vfs"
	"elemental/persistence/vfs/vfstest"
)

// lay writes files into a folder.
func lay(t testing.TB, dir string, content map[string]string) {
	t.Helper()
	for name, data := range content {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// refused opens a folder that must be refused, and checks that nothing changed.
func refused[E error](t *testing.T, dir string) {
	t.Helper()
	before := tree(t, dir)
	_, err := Open(Config{Dir: dir, Log: quiet})
	var want E
	if !errors.As(err, &want) {
		t.Fatalf("open said %v, want a %T", err, want)
	}
	if text := want.Error(); strings.Contains(text, "\n") || len(text) < 40 {
		t.Errorf("not one line for people: %q", text)
	}
	if !maps.Equal(before, tree(t, dir)) {
		t.Error("the refused folder was changed")
	}
}

func TestOpenMakesAMissingFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	w := open(t, Config{Dir: dir})
	w.write("a", 1)
	w.close()
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder: %v, %v", info, err)
	}
	for _, name := range journalFiles(t, dir) {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("file: %v, %v", info, err)
		}
	}
}

// TestALinkThatLeadsNowhereIsRefused and stays: the disk that it leads to may be missing just now, and
// the next start must not begin anew in a folder of that name.
func TestALinkThatLeadsNowhereIsRefused(t *testing.T) {
	dir := t.TempDir()
	link, disk := filepath.Join(dir, "data"), filepath.Join(dir, "disk")
	if err := os.Symlink(disk, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{link, link + "/", link + "/deep/er"} {
		_, err := Open(Config{Dir: name, Log: quiet})
		if !errors.As(err, new(*NotWritableError)) || !strings.Contains(err.Error(), "leads nowhere") {
			t.Errorf("open of %s said %v", name, err)
		}
		if to, err := os.Readlink(link); to != disk {
			t.Fatalf("after %s the link leads to %q: %v", name, to, err)
		}
	}
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	w := open(t, Config{Dir: link + "/deep/er"})
	w.write("a", 1)
	w.close()
}

func TestFoldersMadeInVainGo(t *testing.T) {
	dir := t.TempDir()
	full := func(real vfs.FS) vfs.FS {
		return &vfstest.Faulty{FS: real, Of: vfstest.OpCreate, Fail: func(int) error { return syscall.ENOSPC }}
	}
	_, err := Open(Config{Dir: filepath.Join(dir, "new", "data"), Around: full, Log: quiet})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("open said %v", err)
	}
	if left := tree(t, dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestLegacyFoldersAreRefused(t *testing.T) {
	for name, content := range map[string]map[string]string{
		"users":   {"config.json": "{}", "users/alice": "{}"},
		"servers": {"config.json": "{}", "servers/go/info": "{}", "icon.png": "x"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			lay(t, dir, content)
			refused[*LegacyError](t, dir)
		})
	}
}

func TestStrangersInAFolderAreIgnored(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, map[string]string{"icon.png": "x", "config.json": "{}", "servers/go/other": "{}"})
	w := open(t, Config{Dir: dir})
	w.write("a", 1)
	w.close()
	if data, err := os.ReadFile(filepath.Join(dir, "icon.png")); err != nil || string(data) != "x" {
		t.Errorf("icon: %q, %v", data, err)
	}
}

func TestNewerFormatIsRefused(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, map[string]string{formatFile: `{"format":"elemental","version":2,"created":"2026-01-01T00:00:00Z"}`})
	refused[*VersionError](t, dir)
}

func TestLockedFolderIsRefused(t *testing.T) {
	dir := t.TempDir()
	w := open(t, Config{Dir: dir})
	w.write("a", 1)
	refused[*LockedError](t, dir)
	w.close()
	open(t, Config{Dir: dir}).close()
}

func TestFolderThatIsAFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, map[string]string{"data": "x"})
	refused[*NotWritableError](t, filepath.Join(dir, "data"))
}

func TestFolderWithoutRightsIsRefused(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write anywhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	refused[*NotWritableError](t, dir)
}

func TestDamagedFoldersAreRefused(t *testing.T) {
	for name, ruin := range map[string]func(t *testing.T, dir string){
		"bad record": func(t *testing.T, dir string) {
			name := journalFiles(t, dir)[0]
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			data[len(trim(data))/2] ^= 1
			lay(t, dir, map[string]string{"journal/" + filepath.Base(name): string(data)})
		},
		"no format file": func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, formatFile)); err != nil {
				t.Fatal(err)
			}
		},
		"no journal": func(t *testing.T, dir string) {
			if err := os.RemoveAll(filepath.Join(dir, journalFolder)); err != nil {
				t.Fatal(err)
			}
		},
		"format file is rubbish": func(t *testing.T, dir string) { lay(t, dir, map[string]string{formatFile: "{"}) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for range 2 {
				w := open(t, Config{Dir: dir})
				w.write("a", 3)
				w.close()
			}
			ruin(t, dir)
			refused[*DamageError](t, dir)
		})
	}
}

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
