package main

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// startRefused starts the program where it must not start: one line that names
// the trouble, the exit code, and nothing changed on disk.
func startRefused(t *testing.T, code int, mention []string, watch string, args ...string) {
	t.Helper()
	refuses(t, unstarted(t, ""), code, mention, watch, args...)
}

// refuses is startRefused for a provider that the test has made.
func refuses(t *testing.T, p *provider, code int, mention []string, watch string, args ...string) {
	t.Helper()
	before := contents(t, watch)
	p.Launch(args...)
	if got := p.Wait(); got != code {
		t.Errorf("exit code %d, want %d\n%s", got, code, p.Stderr.Text())
	}
	said := strings.TrimSpace(p.Stderr.Text())
	if strings.Count(said, "\n") > 0 || !strings.HasPrefix(said, "elemental: ") {
		t.Errorf("not one line of complaint:\n%s", said)
	}
	for _, word := range mention {
		if !strings.Contains(said, word) {
			t.Errorf("%q does not name %q", said, word)
		}
	}
	if strings.Contains(p.Stdout.Text(), "listening") {
		t.Errorf("it says that it listens: %s", p.Stdout.Text())
	}
	for path, content := range contents(t, watch) {
		if old, there := before[path]; !there || !bytes.Equal(old, content) {
			t.Errorf("%s was changed or made", path)
		}
		delete(before, path)
	}
	for path := range before {
		t.Errorf("%s was removed", path)
	}
}

// contents is every file below a folder, with what is in it.
func contents(t *testing.T, root string) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		found[path] = nil
		if entry.Type().IsRegular() {
			found[path], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestPortTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	root := t.TempDir()
	port := fmt.Sprint(taken.Addr().(*net.TCPAddr).Port)
	startRefused(t, 1, []string{port, "address already in use"}, root, on(filepath.Join(root, "data"), "--port", port)...)
}

func TestHostThatIsNone(t *testing.T) {
	root := t.TempDir()
	startRefused(t, 1, []string{"192.0.2.1"}, root, on(filepath.Join(root, "data"), "--host", "192.0.2.1")...)
}

func TestFileInPlaceOfTheFolder(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "data")
	writeFile(t, file, "I am a file")
	startRefused(t, 1, []string{file}, root, on(file)...)
	startRefused(t, 1, []string{file}, root, on(filepath.Join(file, "below"))...)
}

func writeFile(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFolderNotWritable(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "data")
	p := unstarted(t, "")
	if err := os.Mkdir(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	p.Wrapper = heedingModes(t, dir)
	refuses(t, p, 1, []string{dir, "permission denied"}, root, on(dir)...)
}

// TestFolderMadeUnusable: a folder that the umask leaves without use is not left behind, where the
// next start would fail too, whatever its umask is.
func TestFolderMadeUnusable(t *testing.T) {
	root := t.TempDir()
	probe := filepath.Join(t.TempDir(), "probe")
	if err := os.Mkdir(probe, 0o500); err != nil {
		t.Fatal(err)
	}
	p := unstarted(t, "")
	p.Wrapper = append([]string{"sh", "-c", `umask 0177; exec "$@"`, "sh"}, heedingModes(t, probe)...)
	dir := filepath.Join(root, "data")
	refuses(t, p, 1, []string{dir, "permission denied"}, root, on(dir)...)
}

// heedingModes is a command that runs a program for which modes count, also for root. dir is one
// that its user may not write. It is empty for who has no such rights.
func heedingModes(t *testing.T, dir string) []string {
	t.Helper()
	probe, err := os.Create(filepath.Join(dir, "probe"))
	if err != nil {
		return nil
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		t.Fatal(err)
	}
	wrapper := []string{"setpriv", "--bounding-set=-dac_override,-dac_read_search"}
	if out, err := exec.Command(wrapper[0], wrapper[1], "true").CombinedOutput(); err != nil {
		t.Skipf("this user may write everywhere, and cannot give that up (setpriv): %v %s", err, out)
	}
	return wrapper
}

// TestReadOnlyFileSystem is the like of TestFolderNotWritable that also holds for root.
func TestReadOnlyFileSystem(t *testing.T) {
	const dir = "/sys/kernel" // never takes a new file, whoever asks
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		t.Skip("there is no folder here that takes no file")
	}
	startRefused(t, 1, []string{dir}, t.TempDir(), on(dir)...)
}

func TestFolderLocked(t *testing.T) {
	first := startProvider(t)
	first.join("alice").makeServer("gophers")
	p := unstarted(t, "")
	p.Launch(on(first.Dir)...)
	if code := p.Wait(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if said := p.Stderr.Text(); !strings.Contains(said, first.Dir) || !strings.Contains(said, "use") {
		t.Errorf("%q does not say that another process uses %s", said, first.Dir)
	}
	first.join("alice").must("getserverchannels", "servername", "gophers")
}

// usedFolder is the folder of a provider that has worked and was stopped.
func usedFolder(t *testing.T) string {
	t.Helper()
	p := startProvider(t)
	alice := p.join("alice")
	alice.makeServer("gophers")
	for i := range 50 {
		alice.post("gophers", "general", fmt.Sprintf("a message worth keeping %d", i))
	}
	p.Kill()
	return p.Dir
}

// largest is the largest file of a folder: where the events are.
func largest(t *testing.T, dir string) string {
	t.Helper()
	best, size := "", -1
	for path, content := range contents(t, dir) {
		if len(content) > size {
			best, size = path, len(content)
		}
	}
	return best
}

func TestFolderDamaged(t *testing.T) {
	dir := usedFolder(t)
	file := largest(t, dir)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(content, []byte("a message worth keeping 10"))
	if at < 0 {
		t.Fatalf("the message is not in %s", file)
	}
	content[at] ^= 0x01
	writeFile(t, file, string(content))
	startRefused(t, 1, []string{dir + ": ", filepath.Base(file)}, dir, on(dir)...)
}

// journalHead is the first line of a journal file, and its checksum.
var journalHead = regexp.MustCompile(`^\{"c":"[0-9a-f]{8}",("n":.*"version":)1(,.*\})\n`)

func TestFolderNewer(t *testing.T) {
	dir := usedFolder(t)
	changed := 0
	for path, content := range contents(t, dir) {
		head := journalHead.FindSubmatch(content)
		if head == nil {
			continue
		}
		newer := string(head[1]) + "999" + string(head[2])
		sum := crc32.Checksum([]byte(newer), crc32.MakeTable(crc32.Castagnoli))
		writeFile(t, path, fmt.Sprintf("{\"c\":\"%08x\",%s\n%s", sum, newer, content[len(head[0]):]))
		changed++
	}
	if changed == 0 {
		t.Fatalf("no file of %v is a journal", tree(t, dir, ""))
	}
	startRefused(t, 1, []string{dir + ": ", "newer", "999"}, dir, on(dir)...)
}

func TestFolderOfTheOriginal(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "config.json"), "")
	writeFile(t, filepath.Join(dir, "users", "alice"), `{"passwd": "secret", "timesloggedin": 1, "joinedservers": ["gophers"]}`)
	writeFile(t, filepath.Join(dir, "servers", "gophers", "info"),
		`{"owner": "alice", "passwd": "pw", "channels": ["general"], "users": ["alice"]}`)
	writeFile(t, filepath.Join(dir, "servers", "gophers", "general", "messages"), `{"messages": 0}`)
	startRefused(t, 1, []string{dir, "original"}, dir, on(dir)...)
}

// TestFolderWhoseNameIsNotText is refused. With its bytes exchanged, the name would be that of another folder.
func TestFolderWhoseNameIsNotText(t *testing.T) {
	root := t.TempDir()
	startRefused(t, exitUsage, []string{"--storagepath", `caf\xe9`, "UTF-8"}, root, on(filepath.Join(root, "caf\xe9"))...)
}

// TestHostInBrackets is taken too: --admin, clients and the start line have it in brackets.
func TestHostInBrackets(t *testing.T) {
	if probe, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skip("there is no IPv6 here: ", err)
	} else if err := probe.Close(); err != nil {
		t.Fatal(err)
	}
	p := startProvider(t, "--host", "[::1]")
	if !strings.HasPrefix(p.Addr, "[::1]:") {
		t.Errorf("it listens at %s", p.Addr)
	}
	p.dial().must("getprovidername")
	p.Stop()
}
