package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestBusy fills the one place for work in flight with a slow request: others
// hear "busy, try again", nothing is done for them, and later all goes on.
func TestBusy(t *testing.T) {
	p := startProvider(t, "--maxinflight", "1", "--hashtime", "200", "--hashmemory", "8192")
	slow, other := p.dial(), p.dial()
	register := request("register", "usernm", "alice", "passwd", "x")
	slow.send(register)
	for busy := false; !busy; {
		answer := other.call("getprovidername")
		busy = answer["reason"] == "busy, try again"
		select {
		case raw := <-slow.heard:
			if !strings.Contains(string(raw), "busy") {
				t.Fatalf("the slow request was over before anybody was refused: %s", raw)
			}
			busy = false
			slow.send(register) // the other had the one place when it came
		default:
		}
	}
	if answer := slow.hear(); answer["resp"] != true {
		t.Errorf("the request that was there first: %v", answer)
	}
	for other.call("getprovidername")["resp"] != true {
		continue // the place is given back just after the answer
	}
}

// TestDiskFull runs the provider on a small file system of its own. Full, it
// refuses what it cannot keep, reads on, and goes on by itself when there is room.
func TestDiskFull(t *testing.T) {
	p := startOnSmallDisk(t)
	alice := p.join("alice")
	alice.makeServer("gophers")
	text := strings.Repeat("x", 16<<10)
	posted := 0
	for full := false; !full; {
		answer := alice.call("message", "servername", "gophers", "channel", "general", "msg", text)
		switch {
		case answer["resp"] == true:
			posted++
		case answer["reason"] == "storage is unavailable":
			full = true
		default:
			t.Fatalf("post %d: %v", posted, answer)
		}
	}
	if got := len(alice.history("gophers", "general")); got < posted {
		t.Errorf("%d messages can be read, %d were acknowledged", got, posted)
	}
	p.freeSpace()
	for again := false; !again; {
		answer := alice.call("message", "servername", "gophers", "channel", "general", "msg", "room again")
		again = answer["resp"] == true
	}
	if got := alice.history("gophers", "general"); got[len(got)-1] != "room again" {
		t.Errorf("the post after the trouble is not the last: %.20q", got[len(got)-1])
	}
}

// startOnSmallDisk mounts a file system of 8 MiB that only the provider sees,
// half of it taken by a file that freeSpace removes.
func startOnSmallDisk(t *testing.T) *provider {
	t.Helper()
	root := t.TempDir()
	mount := `mount -t tmpfs -o size=8m small "$0" && head -c 4194304 /dev/zero > "$0/ballast" && exec "$@"`
	if out, err := exec.Command("unshare", "-rm", "sh", "-c", mount, root, "true").CombinedOutput(); err != nil {
		t.Skipf("no file system of its own can be had here: %v %s", err, out)
	}
	p := unstarted(t, filepath.Join(root, "data"), "--snapshotinterval", "1h")
	p.Wrapper = []string{"unshare", "-rm", "sh", "-c", mount, root}
	p.Start()
	return p
}

// freeSpace reaches into the provider's own view of the file system.
func (p *provider) freeSpace() {
	p.t.Helper()
	ballast := fmt.Sprintf("/proc/%d/root%s/ballast", p.Pid(), filepath.Dir(p.Dir))
	if err := os.Remove(ballast); err != nil {
		p.t.Fatal(err)
	}
}
