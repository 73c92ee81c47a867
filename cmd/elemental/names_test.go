package main

import (
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"elemental/protocol"
)

// dangerous is what names are made of here: parts of paths, of reserved names,
// of escapes, of forms that some file systems take for the same.
var dangerous = []string{
	"..", ".", "/", "\\", "%", "%2e", "%2F", "~", ":", "*", "?", "|", "\"", "$HOME", "`id`", "-rf", " ", "'", ";", "&",
	"con", "CON", "Con", "prn", "aux", "nul", "com1", "COM9", "lpt1", "CON.txt", "nul.json", "journal", "users", "servers",
	"state.json", "pages.d", "elemental.json", "%hash", "é", "e\u0301", "É", "ﬁ", "K", "\u212a", "ß", "SS", "İ", "ı", "Å", "\u212b",
	"\x00", "\n", "\r", "\t", "\x1b[2J", "\x7f", "\u0085", "\u200b", "\u202e", "\ufeff", "\u2028", "a", "A", "b", "B", "1",
	"名", "😀", "\U0001F468\u200d\U0001F469", "\u0301", "\ue000",
}

// hostileName makes a name of a few of them, or one near a border of length.
func hostileName(rng *rand.Rand) string {
	if rng.IntN(6) == 0 {
		long := []string{"x", "é", "界", "😀", "X", "%"}
		return strings.Repeat(long[rng.IntN(len(long))], 59+rng.IntN(8)) + long[rng.IntN(len(long))]
	}
	if rng.IntN(8) == 0 { // 255 bytes as a file name, more or less
		escaped := 60 + rng.IntN(4)
		return strings.Repeat("é", escaped) + strings.Repeat("x", rng.IntN(65-escaped))
	}
	name := ""
	for range 1 + rng.IntN(4) {
		name += dangerous[rng.IntN(len(dangerous))]
	}
	return name
}

// TestGeneratedNames makes users, servers and channels of hostile names. What
// may be a name works, in each of its Unicode forms and apart from its case
// variants, and has its own folder inside the provider's; what may not is refused.
func TestGeneratedNames(t *testing.T) {
	t.Parallel()
	const seed = 20
	rng := rand.New(rand.NewPCG(seed, 0))
	names := map[string]bool{}
	p := startProvider(t, "--maxrequestbeforelogin", "64KiB", "--snapshotinterval", "50ms")
	outside := tree(t, filepath.Dir(p.Dir), p.Dir)
	alice := p.join("alice")
	alice.must("createserver", "servername", "home", "serverpasswd", "")
	stranger := p.dial()
	n := rounds(150, 5_000)
	for range n {
		name := hostileName(rng)
		clean, good := protocol.CleanName(name)
		want := ""
		if !good {
			want = "invalid "
		} else if names[clean] {
			want = "already exists"
		}
		for _, answer := range []object{
			stranger.call("register", "usernm", name, "passwd", "x"),
			alice.call("createserver", "servername", name, "serverpasswd", ""),
			alice.call("createchannel", "servername", "home", "name", name),
		} {
			reason, _ := answer["reason"].(string)
			if (answer["resp"] == true) != (want == "") || !strings.Contains(reason, want) {
				t.Fatalf("%q: %v, want %q", name, answer, want)
			}
		}
		if good {
			names[clean] = true
		}
	}
	t.Logf("seed %d: %d names, %d of them good and different", seed, n, len(names))
	p.Stop()
	p.Start()
	alice = p.join("alice")
	for name := range names {
		other := norm.NFD.String(name)
		p.dial().must("login", "usernm", other, "passwd", "x")
		alice.must("message", "servername", "home", "channel", other, "msg", name)
		alice.must("getserverchannels", "servername", other)
	}
	ownFolders(t, p.Dir, "users", len(names)+1)
	ownFolders(t, p.Dir, "servers", len(names)+1)
	p.Stop()
	checkInside(t, p.Dir)
	if now := tree(t, filepath.Dir(p.Dir), p.Dir); !slices.Equal(now, outside) {
		t.Errorf("files outside the folder: %v, before: %v", now, outside)
	}
}

// ownFolders waits until each entity of a kind has its snapshot: they are in
// folders of their own, also where case does not count.
func ownFolders(t *testing.T, dir, kind string, want int) {
	t.Helper()
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) { // a pace for looking
		found, err := filepath.Glob(filepath.Join(dir, kind, "*", "state.json"))
		if err != nil {
			t.Fatal(err)
		}
		apart := map[string]bool{}
		for _, file := range found {
			apart[strings.ToLower(file)] = true
		}
		if len(apart) == want {
			return
		}
		if len(apart) > want || time.Since(start) > patience {
			t.Fatalf("%d %s have a folder, want %d: %v", len(apart), kind, want, tree(t, dir, ""))
		}
	}
}

// TestInvalidTextAsAName sends bytes that are no text where names are due.
func TestInvalidTextAsAName(t *testing.T) {
	p := startProvider(t)
	p.join("alice")
	before := tree(t, p.Dir, "")
	for _, bad := range []string{"\xff", "a\x80", "\xc0\xae\xc0\xae\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", `\ud800`, `\udc00\ud800`} {
		for _, field := range []string{"usernm", "servername", "name", "channel", "call"} {
			c := p.dial()
			c.send(`{"` + field + `":"` + bad + `"}`)
			if answer := c.hear(); answer["reason"] != "malformed JSON" {
				t.Errorf("%q as %s: %v", bad, field, answer)
			}
			c.hungUp()
			c.close()
		}
	}
	p.Stop()
	for _, path := range tree(t, p.Dir, "") {
		if !slices.Contains(before, path) || !utf8.ValidString(path) || !fs.ValidPath(strings.TrimPrefix(filepath.ToSlash(path), "/")) {
			t.Errorf("%q was made", path)
		}
	}
}
