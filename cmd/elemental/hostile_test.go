package main

import (
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"elemental/protocol"
)

// hostileNames are names that are no names, or that would be paths.
var hostileNames = []string{
	"", " ", "a ", strings.Repeat("x", 10_000), strings.Repeat("é", 65), "nul\x00byte", "new\nline", "tab\tbed",
	"right\u202eleft", "iso\u2066late", "zero\u200bwidth", "\ufeffbom", "bell\a", "private\ue000", "del\x7f",
}

// pathNames are good names that must never become paths.
var pathNames = []string{
	"../x", "..", ".", "/etc/passwd", "a/../../b", "info", "messages", "con", "nul.json", "%2e%2e", "x%2Fy",
	`back\slash`, "~root", "*", "a:b", "-rf", "$HOME", "`id`", "🙂", "名前", "ÀÉ", strings.Repeat("y", 64), strings.Repeat("界", 64),
}

func TestHostileNames(t *testing.T) {
	t.Parallel()
	p := startProvider(t, "--maxrequestbeforelogin", "64KiB")
	outside := tree(t, filepath.Dir(p.Dir), p.Dir)
	alice := p.join("alice")
	alice.makeServer("home")
	for _, name := range hostileNames {
		p.dial().refused("invalid username", "register", "usernm", name, "passwd", "x")
		p.dial().refused("username does not exist", "login", "usernm", name, "passwd", "x")
		alice.refused("invalid server name", "createserver", "servername", name, "serverpasswd", "x")
		alice.refused("server does not exist", "joinserver", "servername", name, "serverpasswd", "x")
		alice.refused("invalid channel name", "createchannel", "servername", "home", "name", name)
		alice.refused("channel does not exist", "message", "servername", "home", "channel", name, "msg", "x")
	}
	for _, name := range pathNames {
		p.join(name).makeServer(name)
		alice.must("createchannel", "servername", "home", "name", name)
		alice.post("home", name, "in "+name)
	}
	p.Stop()
	checkInside(t, p.Dir)
	if now := tree(t, filepath.Dir(p.Dir), p.Dir); !slices.Equal(now, outside) {
		t.Errorf("files outside the folder: %v, before: %v", now, outside)
	}
	p.Start()
	for _, name := range pathNames {
		p.join(name).must("getserverchannels", "servername", name)
		if got := p.history("alice", "home", name); !slices.Equal(got, []string{"in " + name}) {
			t.Errorf("channel %q has %q after the restart", name, got)
		}
	}
}

// tree lists the files below a folder, with their sizes, but for one part.
func tree(t testing.TB, root, except string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == except {
			return filepath.SkipDir
		}
		found = append(found, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// checkInside wants plain files and folders with harmless names.
func checkInside(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if !entry.IsDir() && !entry.Type().IsRegular() {
			t.Errorf("%s is neither file nor folder", path)
		}
		if strings.ContainsAny(name, "\\:*?\"<>|\x00\n\t") || len(name) > 255 || strings.HasSuffix(name, ".") && path != dir {
			t.Errorf("%q is no safe file name", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

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

// drainUntilClosed reads away what is left and wants the end.
func drainUntilClosed(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil && isTimeout(err) {
		t.Error("the connection is still open")
	}
}

func TestBadBytes(t *testing.T) {
	p := startProvider(t, "--requesttimeout", "1h")
	good := p.join("alice")
	good.makeServer("gophers")
	deep := strings.Repeat("[", 100_000)
	for name, bytes := range map[string]string{
		"text":           "hello there",
		"a list":         "[]",
		"a number":       "42 ",
		"null":           "null ",
		"bytes":          "\x00\xff\xfe",
		"half a literal": `{"call":tru}`,
		"bad UTF-8":      "{\"call\":\"ping\",\"x\":\"\xff\"}",
		"TLS":            "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"HTTP":           "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		c := p.dial()
		c.send(bytes)
		if answer := c.hear(); answer["reason"] != "malformed JSON" {
			t.Errorf("%s: %v", name, answer)
		}
		c.hungUp()
	}
	c := p.dial()
	c.send(`{"call":"ping","x":` + deep)
	if answer := c.hear(); answer["resp"] != false {
		t.Errorf("too deep: %v", answer)
	}
	c.hungUp()
	good.must("getjoinedservers")
	good.post("gophers", "general", "still here")
}

func TestLargeInput(t *testing.T) {
	p := startProvider(t)
	alice := p.join("alice")
	alice.makeServer("gophers")

	endless := p.dial()
	endless.send(`{"call":"ping","x":"` + strings.Repeat("x", 64<<10))
	if answer := endless.hear(); answer["reason"] != "request is too large" {
		t.Errorf("an endless request before login: %v", answer)
	}
	endless.hungUp()

	p.dial().refused("invalid password", "register", "usernm", "bob", "passwd", strings.Repeat("p", 10_000))
	p.dial().refused("username does not exist", "login", "usernm", "bob", "passwd", strings.Repeat("p", 10_000))
	p.dial().refused("password is incorrect", "login", "usernm", "alice", "passwd", strings.Repeat("p", 10_000))
	alice.refused("message is too long", "message", "servername", "gophers", "channel", "general", "msg", strings.Repeat("m", 16<<10+1))
	if first := alice.post("gophers", "general", strings.Repeat("m", 16<<10)); first["index"] != float64(0) {
		t.Errorf("a refused message took an index: %v", first)
	}

	alice.send(request("ping", "x", strings.Repeat("x", 2<<20)))
	if answer := alice.hear(); answer["reason"] != "request is too large" {
		t.Errorf("2 MiB after login: %v", answer)
	}
	p.join("carol").must("getprovidername")
}

// TestEncodings talks in other encodings than the default.
func TestEncodings(t *testing.T) {
	for encoding, want := range map[string]string{
		"ascii": `"message":"\u00e9"`, "utf-8": `"message":"é"`, "latin-1": "\"message\":\"\xe9\"",
	} {
		p := startProvider(t, "--encoding", encoding)
		alice := p.join("alice")
		alice.makeServer("gophers")
		alice.send(`{"call":"message","servername":"gophers","channel":"general","msg":"\u00e9"}`)
		alice.hear()
		conn := p.raw(request("login", "usernm", "alice", "passwd", passwordOf("alice")) +
			request("getmessages", "servername", "gophers", "channel", "general", "begin", 0, "end", 1))
		if got := conn.readUntil(t, "author"); !strings.Contains(got, want) {
			t.Errorf("%s: %q has no %q", encoding, got, want)
		}
	}
}

// rawConn is a connection whose bytes the test looks at itself.
type rawConn struct{ net.Conn }

func (p *provider) raw(text string) rawConn {
	p.t.Helper()
	conn, err := net.Dial("tcp", p.Addr)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, text); err != nil {
		p.t.Fatal(err)
	}
	return rawConn{conn}
}

// readUntil gives what was read up to and with the mark.
func (c rawConn) readUntil(t *testing.T, mark string) string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var all []byte
	chunk := make([]byte, 4096)
	for !strings.Contains(string(all), mark) {
		n, err := c.Read(chunk)
		if err != nil {
			t.Fatalf("%v after %q", err, all)
		}
		all = append(all, chunk[:n]...)
	}
	return string(all)
}
