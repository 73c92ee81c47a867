package main

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFewOpenFiles has more clients than there may be open files: those beyond
// half of them are turned away, and the files that are left keep the storage going.
func TestFewOpenFiles(t *testing.T) {
	p := unstarted(t, filepath.Join(t.TempDir(), "data"))
	p.Wrapper = []string{"sh", "-c", `ulimit -n 400 && exec "$0" "$@"`}
	p.Start()
	if !strings.Contains(p.Stdout.Text(), " 200 connections at most") {
		t.Errorf("the start line tells another number: %s", p.Stdout.Text())
	}
	p.WaitLog("the warning", func(line string) bool {
		return strings.Contains(line, "open files") && strings.Contains(line, "maxconnections=16384") && strings.Contains(line, "=200")
	})
	alice := p.join("alice")
	for range 199 {
		p.dial().must("getprovidername")
	}
	if code := p.dial().call("getprovidername")["code"]; code != "too_many_connections" {
		t.Errorf("the connection beyond is answered %v", code)
	}
	for range 300 {
		conn, err := net.DialTimeout("tcp", p.Addr, 30*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
	}
	alice.makeServer("gophers")
	alice.post("gophers", "general", "hello")
	p.Stop()
}

func TestPagesWithin(t *testing.T) {
	for files, want := range map[uint64]int{100: 16, 256: 42, 768: 128, 1024: 128, 1 << 63: 128} {
		if got := pagesWithin(files); got != want {
			t.Errorf("of %d open files %d are for pages, want %d", files, got, want)
		}
	}
	if got := new(options).storage(nil).OpenPages; got == 0 || got != openPages() {
		t.Errorf("the storage may keep %d open, not %d", got, openPages())
	}
}

func TestConnectionsWithin(t *testing.T) {
	for files, want := range map[uint64]uint64{0: 1, 1: 1, 100: 50, 768: 384, 1024: 640, 1 << 63: 1<<63 - filesBesides} {
		if got := connectionsWithin(files); got != want {
			t.Errorf("%d open files hold %d connections, want %d", files, got, want)
		}
	}
}
