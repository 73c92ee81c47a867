package torture

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"elemental/cmd/elemental/providertest"
)

// trouble is something that befalls the disk of a provider, and passes.
type trouble struct {
	name  string
	setUp func(t *testing.T) (p *providertest.Provider, begin, end func())
	size  int    // of a text
	words string // of the log's line
	lines int    // of the log at most; a disk may fill up more than once
}

// TestDiskInTrouble has the disk of the running provider fail and heal, under
// the posts of several clients. It refuses what it cannot keep and reads on, it
// heals by itself, and nothing that was acknowledged is lost when it is killed
// in the middle of the trouble. It can be stopped in order all the while.
func TestDiskInTrouble(t *testing.T) {
	for _, trouble := range []trouble{
		{"full", fullDisk, 4 << 10, "no space left on device", 3},
		{"read-only", readOnlyDisk, 4 << 10, "", 3},
		{"folder without rights", lockedFolder, 1 << 10, "permission denied", 1},
		{"failing sync", strickenBy("-e", "inject=fdatasync,fsync:error=EIO"), 0, "input/output error", 1},
		{"failing write", failingWrites("error=EIO"), 0, "input/output error", 1},
		{"no room to write", failingWrites("error=ENOSPC"), 0, "no space left on device", 1},
	} {
		t.Run(trouble.name, trouble.test)
	}
}

func (tr trouble) test(t *testing.T) {
	t.Parallel()
	p, begin, end := tr.setUp(t)
	p.Start()
	u := newPressure(t, p, tr.size)
	u.awaitPosts(p, 100)

	begin()
	u.awaitRefused(p)
	u.readsGoOn()
	begun := time.Now()
	end()
	u.awaitPosts(p, 1)
	healed := time.Since(begun)
	u.awaitPosts(p, 50)
	u.forbidRefused()
	tr.checkLog(t, p)

	begin()
	u.awaitRefused(p)
	p.Kill()
	end()
	u.revive(p)

	u.press()
	u.awaitPosts(p, 50)
	begin()
	u.awaitRefused(p)
	p.Signal(syscall.SIGTERM)
	if code := p.Wait(); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.Stderr.Text())
	}
	end()
	u.revive(p)
	t.Logf("healed after %v; %s; %d refused for the storage, for other reasons %v",
		healed.Round(time.Millisecond), u.book.figures(), len(u.refused), u.others)
}

// checkLog wants a line that names the trouble, and no flood of them.
func (tr trouble) checkLog(t *testing.T, p *providertest.Provider) {
	t.Helper()
	journal, other := 0, 0
	lines := troubles(t, p)
	for _, line := range lines {
		switch {
		case strings.Contains(line, "journal cannot be written") && strings.Contains(line, tr.words):
			journal++
		case strings.Contains(line, "snapshots cannot be saved"):
			other++
		default:
			other += tr.lines + 1
		}
	}
	if journal < 1 || journal > tr.lines || other > tr.lines {
		t.Errorf("want at most %d lines that say %q:\n%s", tr.lines, tr.words, strings.Join(lines, "\n"))
	}
}

// fullDisk is a small disk, which the posts themselves fill.
func fullDisk(t *testing.T) (p *providertest.Provider, begin, end func()) {
	d := mountSmallDisk(t)
	return d.provider(), func() { d.fill(256 << 10) }, d.free
}

// readOnlyDisk turns read-only. The kernel does not let that happen to a disk
// that is being written, so it is filled first.
func readOnlyDisk(t *testing.T) (p *providertest.Provider, begin, end func()) {
	d := mountSmallDisk(t)
	begin = func() {
		t.Helper()
		d.fill(0)
		for deadline := time.Now().Add(patience); ; {
			err := d.remount("ro,size=80m")
			if err == nil {
				return
			}
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
	}
	end = func() {
		t.Helper()
		if err := d.remount("rw,size=64m"); err != nil {
			t.Fatal(err)
		}
		d.free()
	}
	return d.provider(), begin, end
}

// lockedFolder is a journal folder that takes no new files. The provider learns
// that when a segment is full.
func lockedFolder(t *testing.T) (p *providertest.Provider, begin, end func()) {
	p = providertest.Of(t, providertest.New(program, filepath.Join(t.TempDir(), "data"), "--segmentsize", "32KiB"))
	p.Wrapper = mortal(t)
	allow := func(mode os.FileMode) func() {
		return func() {
			t.Helper()
			if err := os.Chmod(filepath.Join(p.Dir, "journal"), mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	return p, allow(0o500), allow(0o700)
}

// mortal is the command that runs another one without root's right to go past
// the mode of a file.
func mortal(t *testing.T) []string {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	words := []string{"setpriv", "--bounding-set=-dac_override,-dac_read_search"}
	if out, err := command(words, "true").CombinedOutput(); err != nil {
		t.Skipf("root cannot give up a right here (setpriv): %v %s", err, out)
	}
	return words
}

// strickenBy lets system calls fail.
func strickenBy(words ...string) func(t *testing.T) (*providertest.Provider, func(), func()) {
	return func(t *testing.T) (p *providertest.Provider, begin, end func()) {
		p = providertest.Of(t, providertest.New(program, filepath.Join(t.TempDir(), "data")))
		return p, func() { end = afflict(t, p, words...) }, func() { end() }
	}
}

func failingWrites(fault string) func(t *testing.T) (*providertest.Provider, func(), func()) {
	return func(t *testing.T) (p *providertest.Provider, begin, end func()) {
		p = providertest.Of(t, providertest.New(program, filepath.Join(t.TempDir(), "data")))
		return p, func() { end = afflict(t, p, segmentWrites(p.Dir, fault)...) }, func() { end() }
	}
}
