//go:build linux

package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestProfileParts: the samples of testdata/perf-script.txt, which perf printed for a
// provider, are assigned to the right parts.
func TestProfileParts(t *testing.T) {
	script, err := os.ReadFile("testdata/perf-script.txt")
	if err != nil {
		t.Fatal(err)
	}
	counts, all := samplesOf(string(script))
	want := map[string]int{other: 1, mailboxes: 2}
	for _, r := range rules {
		if r.part != mailboxes {
			want[r.part] = 1
		}
	}
	if !maps.Equal(counts, want) || all != len(want)+1 {
		t.Errorf("%d samples: %v\nwant %v", all, counts, want)
	}
	if counts, all := samplesOf("\n"); all != 0 {
		t.Errorf("nothing is %v", counts)
	}
	var told strings.Builder
	file := filepath.Join(t.TempDir(), "profile.png")
	turn := Turn{Figure: 1000, Operations: 1000, CPU: 0.012}
	if err := (&profileOptions{Row: "post64", File: file}).tell(&told, turn, string(script)); err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(told.String(), "\n")
	if drawn, err := os.ReadFile(file); !strings.HasPrefix(first, mailboxes) || !strings.HasSuffix(first, " 16.7 %, 2.00 µs") || err != nil || !strings.HasPrefix(string(drawn), "\x89PNG") {
		t.Errorf("%v\n%s", err, told.String())
	}
}

// TestProfileWithoutPerf: without perf the error says what is missing.
func TestProfileWithoutPerf(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	var out strings.Builder
	if code := command([]string{"profile", "no.png"}, &out, &out); code != exitTrouble || !strings.Contains(out.String(), "needs perf") {
		t.Errorf("%d, %s", code, out.String())
	}
}
