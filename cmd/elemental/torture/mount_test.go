package torture

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"elemental/cmd/elemental/providertest"
)

// smallDisk is a file system of a few MiB in memory, in a mount namespace of its
// own, which a process that does nothing else holds. It outlives a provider
// that is killed.
type smallDisk struct {
	t      *testing.T
	holder int
	root   string // as the provider sees it
}

const smallDiskSize = 64 << 20

// mountSmallDisk mounts one, where that may be done without being root.
func mountSmallDisk(t *testing.T) *smallDisk {
	t.Helper()
	d := &smallDisk{t: t, root: t.TempDir()}
	script := fmt.Sprintf(`mount -t tmpfs -o size=%d small "$0" && echo mounted && exec cat`, smallDiskSize)
	cmd := exec.Command("unshare", "-rm", "sh", "-c", script, d.root)
	out := providertest.NewLines()
	cmd.Stdout, cmd.Stderr = out, out
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	ended, err := providertest.StartBound(cmd)
	if err == nil {
		t.Cleanup(func() { _ = in.Close(); <-ended })
		_, err = out.Wait("a file system", ended, func(line string) bool { return line == "mounted" })
	}
	if err != nil {
		t.Skipf("no file system of its own can be mounted here (unshare -rm, mount -t tmpfs): %v %s", err, out.Text())
	}
	d.holder = cmd.Process.Pid
	if out, err := d.inside("true").CombinedOutput(); err != nil {
		t.Skipf("the namespace of a file system cannot be entered here (nsenter): %v %s", err, out)
	}
	return d
}

// wrapper is the command that runs another one where the disk is seen.
func (d *smallDisk) wrapper() []string {
	return []string{"nsenter", "-t", fmt.Sprint(d.holder), "-U", "-m", "--preserve-credentials"}
}

func (d *smallDisk) inside(words ...string) *exec.Cmd { return command(d.wrapper(), words...) }

// path is where this process finds a file of the disk.
func (d *smallDisk) path(name string) string {
	return filepath.Join(fmt.Sprintf("/proc/%d/root", d.holder), d.root, name)
}

// fill takes all the room but some.
func (d *smallDisk) fill(but int64) {
	d.t.Helper()
	var stat syscall.Statfs_t
	if err := syscall.Statfs(d.path("."), &stat); err != nil {
		d.t.Fatal(err)
	}
	f, err := os.OpenFile(d.path("ballast"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	take := int64(stat.Bavail)*int64(stat.Bsize) - but //nolint:gosec,unconvert // a few MiB; the type is another elsewhere
	_, err = io.Copy(f, io.LimitReader(zeros{}, max(take, 0)))
	if err = errors.Join(err, f.Close()); err != nil && !errors.Is(err, syscall.ENOSPC) {
		d.t.Fatal(err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// free gives the room back.
func (d *smallDisk) free() {
	d.t.Helper()
	if err := os.Remove(d.path("ballast")); err != nil {
		d.t.Fatal(err)
	}
}

// remount changes the options of the mount.
func (d *smallDisk) remount(options string) error {
	if out, err := d.inside("mount", "-o", "remount,"+options, d.root).CombinedOutput(); err != nil {
		return fmt.Errorf("remount %s: %w %s", options, err, out)
	}
	return nil
}

// provider is an unstarted provider with its data on the disk.
func (d *smallDisk) provider(args ...string) *providertest.Provider {
	p := providertest.Of(d.t, providertest.New(program, filepath.Join(d.root, "data"), args...))
	p.Wrapper = d.wrapper()
	return p
}

// command is a command behind a wrapper.
func command(wrapper []string, words ...string) *exec.Cmd {
	all := append(wrapper[:len(wrapper):len(wrapper)], words...)
	return exec.Command(all[0], all[1:]...)
}
