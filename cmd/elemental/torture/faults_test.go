package torture

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"elemental/cmd/elemental/providertest"
)

// TestSnapshotsFail has no snapshot put in its place. The journal keeps all, so
// posts go on; the log says it once, and once that it is over.
func TestSnapshotsFail(t *testing.T) {
	p := providertest.Start(t, program, "--snapshotinterval", "50ms", "--segmentsize", "16KiB")
	u := newPressure(t, p, 0)
	end := afflict(t, p, "-e", "inject=rename,renameat,renameat2:error=ENOSPC")
	says := func(words string) {
		t.Helper()
		p.WaitLog(words, func(line string) bool { return strings.Contains(line, words) })
	}
	says("snapshots cannot be saved")
	u.awaitPosts(p, 200)
	u.readsGoOn()
	lines := troubles(t, p)
	end()
	says("snapshots can be saved again")
	if len(lines) != 1 || u.no.Load() > 0 {
		t.Errorf("%d posts were refused; %d lines of trouble:\n%s", u.no.Load(), len(lines), strings.Join(lines, "\n"))
	}
	p.Kill()
	u.revive(p)
	t.Log(u.book.figures())
}

// TestSlowDisk has a sync take an hour. Posts wait for it, all who have nothing
// to do with them are served meanwhile. When it is done, all goes on.
func TestSlowDisk(t *testing.T) {
	p := providertest.Start(t, program, "--answertimeout", "2h", "--snapshotinterval", "1h")
	u := newPressure(t, p, 0)
	u.awaitPosts(p, 50)
	late := u.sit("late")
	if _, err := late.ask("joinserver", "servername", "s", "serverpasswd", passwordFor("s")); err != nil {
		t.Fatal(err)
	}
	quiet := room{"s", "quiet"}
	if _, err := u.seat.ask("createchannel", "servername", "s", "name", quiet.channel); err != nil {
		t.Fatal(err)
	}
	end := afflict(t, p, "-e", "inject=fdatasync:delay_enter=3600000000")
	text := postText("late", 0, 0)
	u.book.sending(pressedRooms[0], text)
	if err := late.send("message", "servername", "s", "channel", pressedRooms[0].channel, "msg", text); err != nil {
		t.Fatal(err)
	}
	for begun, quietly := time.Now(), false; !quietly; { // a sync that was under way may still have ended
		before := u.acked.Load()
		for range 20 {
			u.askAround(quiet)
		}
		if quietly = u.acked.Load() == before; !quietly && time.Since(begun) > patience {
			t.Fatal("posts are acknowledged all the time, though no sync ends")
		}
	}
	end()
	answer, err := late.hear("message")
	if err != nil {
		t.Fatal(err)
	}
	u.book.acknowledged(pressedRooms[0], text, answer.Index)
	u.awaitPosts(p, 50)
	if u.no.Load() > 0 || len(troubles(t, p)) > 0 {
		t.Errorf("%d posts were refused\n%s", u.no.Load(), p.Stderr.Text())
	}
	p.Kill()
	u.revive(p)
	t.Log(u.book.figures())
}

// TestStartOnFailingDisk starts the provider on a disk that cannot be written:
// it says what is the matter, exits with 1, and leaves the folder as it was.
func TestStartOnFailingDisk(t *testing.T) {
	for _, calls := range []string{"fdatasync,fsync", "fdatasync"} { // at the first folder, at the first file
		t.Run(calls+" fails", func(t *testing.T) {
			p := providertest.Start(t, program)
			leaveTornFolder(t, p, p.Dir)
			p.Wrapper = strickenFromTheStart(t, calls+":error=EIO")
			refusesToStart(t, p, p.Dir, "input/output error")
			p.Wrapper = nil
			p.Start()
		})
		t.Run(calls+" fails, folder missing", func(t *testing.T) {
			root := t.TempDir()
			p := providertest.Of(t, providertest.New(program, filepath.Join(root, "data")))
			p.Wrapper = strickenFromTheStart(t, calls+":error=EIO")
			refusesToStart(t, p, root, "input/output error")
		})
	}
	t.Run("full", func(t *testing.T) {
		d := mountSmallDisk(t)
		p := d.provider()
		p.Start()
		leaveTornFolder(t, p, d.path("data"))
		d.fill(0)
		refusesToStart(t, p, d.path("data"), "no space left on device")
		d.free()
		p.Start()
	})
	t.Run("read-only", func(t *testing.T) {
		d := mountSmallDisk(t)
		p := d.provider()
		p.Start()
		leaveTornFolder(t, p, d.path("data"))
		if err := d.remount("ro"); err != nil {
			t.Fatal(err)
		}
		refusesToStart(t, p, d.path("data"), "read-only file system")
		if err := d.remount("rw"); err != nil {
			t.Fatal(err)
		}
		p.Start()
	})
}

// leaveTornFolder lets a provider work and kills it; half a line stands at the
// end of its journal.
func leaveTornFolder(t *testing.T, p *providertest.Provider, dir string) {
	t.Helper()
	u := newPressure(t, p, 0)
	u.awaitPosts(p, 50)
	p.Kill()
	u.running.Wait()
	files, err := filepath.Glob(filepath.Join(dir, "journal", "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	f, err := os.OpenFile(slices.Max(files), os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		_, err = f.WriteString(`{"c":"01234567","n":`)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// strickenFromTheStart is the command that runs another one whose system calls
// fail.
func strickenFromTheStart(t *testing.T, fault string) []string {
	t.Helper()
	words := []string{"strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "inject=" + fault}
	if out, err := command(words, "true").CombinedOutput(); err != nil {
		t.Skipf("system calls cannot be made to fail here (strace): %v %s", err, out)
	}
	return words
}

// refusesToStart wants one line of complaint, exit code 1, and nothing changed
// below a folder.
func refusesToStart(t *testing.T, p *providertest.Provider, watched, words string) {
	t.Helper()
	before := filesBelow(t, watched)
	p.Launch(p.Args...)
	if code := p.Wait(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	text := strings.TrimSpace(p.Stderr.Text())
	for _, want := range []string{"elemental: data folder " + p.Dir, "check its owner, rights and free space", words} {
		if !strings.Contains(text, want) || strings.Contains(text, "\n") {
			t.Errorf("no single line that says %q:\n%s", want, text)
		}
	}
	after := filesBelow(t, watched)
	for name, data := range after {
		if old, there := before[name]; !there || !bytes.Equal(old, data) {
			t.Errorf("%s was changed or made", name)
		}
	}
	for name := range before {
		if _, there := after[name]; !there {
			t.Errorf("%s was removed", name)
		}
	}
}

// filesBelow is everything below a folder, with what is in it.
func filesBelow(t *testing.T, root string) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			found[path], err = os.ReadFile(path)
		} else {
			found[path] = nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
