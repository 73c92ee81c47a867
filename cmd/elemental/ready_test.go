package main

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"elemental/cmd/elemental/providertest"
)

// freeAddress is one of this machine at which nobody listens. Its host is not that at which
// all others look for free ports, where it has more than one: nobody takes this one meanwhile.
func freeAddress(t *testing.T) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.5:0")
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		free, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	return free.Addr().String()
}

// probe asks as a balancer does: "" when nobody answers.
func probe(t *testing.T, address, path string) (status int, text string) {
	t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + address + path)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = answer.Body.Close() }()
	all, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, strings.TrimSuffix(string(all), "\n")
}

// awaitReady waits until /ready says a word. Before that it may say others; /live says the
// same all the time.
func awaitReady(t *testing.T, address string, status int, word string, before ...string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		got, text := probe(t, address, "/ready")
		if text == word {
			if got != status {
				t.Errorf("%q with status %d", text, got)
			}
			break
		}
		if !slices.Contains(before, text) || time.Now().After(deadline) {
			t.Fatalf("/ready says %d %q, and not %q", got, text, word)
		}
	}
	if got, text := probe(t, address, "/live"); got != http.StatusOK || text != "ok" {
		t.Errorf("/live says %d %q while /ready says %q", got, text, word)
	}
}

// heldUp launches a provider whose start waits for its journal, of which there is a first file
// that was only begun: a pipe that nobody has opened, until goOn is called.
func heldUp(t *testing.T, args ...string) (p *provider, goOn func()) {
	t.Helper()
	p = unstarted(t, filepath.Join(t.TempDir(), "data"))
	begun := filepath.Join(p.Dir, "journal", "00000001.jsonl")
	if err := os.MkdirAll(filepath.Dir(begun), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(begun, 0o600); err != nil {
		t.Fatal(err)
	}
	p.Launch(on(p.Dir, args...)...)
	return p, func() {
		pipe, err := os.OpenFile(begun, os.O_RDWR, 0) // opens at once, which lets go who waits
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = pipe.Close() })
		line, err := p.Stdout.Wait("the start line", p.Exited(), func(line string) bool { return providertest.ListensAt(line) != "" })
		if err != nil {
			t.Fatal(err)
		}
		p.Addr = providertest.ListensAt(line)
	}
}

// TestReadyAtStartAndStop: whoever sends clients to the provider is told not to while it
// starts and while it stops, and why; and it is never said to be dead.
func TestReadyAtStartAndStop(t *testing.T) {
	address := freeAddress(t)
	p, goOn := heldUp(t, "--admin", address, "--hashworkers", "1")
	awaitReady(t, address, http.StatusServiceUnavailable, "starting", "")
	if status, text := probe(t, address, "/metrics"); status != http.StatusServiceUnavailable || text != "starting" {
		t.Errorf("/metrics says %d %q during the start", status, text)
	}
	goOn()
	awaitReady(t, address, http.StatusOK, "ok", "starting", "not serving")

	p.join("alice")
	goOn = p.haltHashers(t)
	bob := p.dial()
	bob.send(request("register", "usernm", "bob", "passwd", "pw")) // waits for its hash, and the stop for its answer
	awaitInFlight(t, address)
	p.Signal(syscall.SIGTERM)
	awaitReady(t, address, http.StatusServiceUnavailable, "stopping", "ok")
	if status, text := probe(t, address, "/api/about"); status != http.StatusServiceUnavailable || text != "stopping" {
		t.Errorf("the page is told %d %q during the stop", status, text)
	}
	goOn()
	if answer := bob.hear(); answer["resp"] != true {
		t.Errorf("what was under way at the stop is answered %v", answer)
	}
	if code := p.Wait(); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.Stderr.Text())
	}
}

var inFlight = regexp.MustCompile(`(?m)^elemental_requests_in_flight 1$`)

// awaitInFlight waits until a request is under way.
func awaitInFlight(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) { // a pace for looking
		if _, text := probe(t, address, "/metrics"); inFlight.MatchString(text) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("no request is under way")
		}
	}
}
