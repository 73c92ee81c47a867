package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"elemental/cmd/elemental/providertest"
)

// TestSecretsStaySecret plants passwords and looks for them, and for the key,
// in all that the provider prints and keeps.
func TestSecretsStaySecret(t *testing.T) {
	const userSecret, newSecret, serverSecret = "user-s3cret-Zq", "newer-s3cret-Zq", "server-s3cret-Zq"
	p := startProvider(t, "--logrequests", "--loglevel", "debug", "--snapshotinterval", "20ms")
	c := p.dial()
	c.must("register", "usernm", "alice", "passwd", userSecret)
	c.refused("user already exists", "register", "usernm", "alice", "passwd", userSecret)
	key, _ := c.must("login", "usernm", "alice", "passwd", userSecret)["key"].(string)
	c.must("login", "usernm", "alice", "key", key)
	c.call("login", "usernm", "alice", "passwd", userSecret+"x")
	c.must("createserver", "servername", "gophers", "serverpasswd", serverSecret)
	c.must("joinserver", "servername", "gophers", "serverpasswd", serverSecret, "passwd", userSecret)
	c.call("deleteserver", "servername", "gophers", "serverpasswd", serverSecret+"x")
	c.call("flyaway", "usernm", "alice", "passwd", userSecret, "serverpasswd", serverSecret, "key", key)
	c.post("gophers", "general", "a public word")
	newKey, _ := c.must("changepasswd", "passwd", userSecret, "newpasswd", newSecret)["key"].(string)
	bad := p.dial()
	bad.send(`{"call":"login","usernm":"alice","passwd":"` + userSecret + `",,}`)
	bad.hear()
	bad.hungUp()
	p.Stop()

	printed := p.Stdout.Text() + p.Stderr.Text()
	if !strings.Contains(printed, "a public word") {
		t.Error("--logrequests printed no request")
	}
	for _, secret := range []string{userSecret, newSecret, serverSecret, key, newKey} {
		if secret == "" || strings.Contains(printed, secret) {
			t.Errorf("the output has the secret %q", secret)
		}
		searchFolder(t, p.Dir, secret)
	}
}

// searchFolder looks for a secret as it is, in hexadecimal and in base64.
func searchFolder(t *testing.T, dir, secret string) {
	t.Helper()
	forms := []string{secret, hex.EncodeToString([]byte(secret)), base64.RawStdEncoding.EncodeToString([]byte(secret))}
	for path, content := range contents(t, dir) {
		for _, form := range forms {
			if bytes.Contains(content, []byte(form)) {
				t.Errorf("%s has the secret %q", path, form)
			}
		}
	}
}

// consoleLine is what the original printed of every request and answer.
var consoleLine = regexp.MustCompile(
	`^\(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\) \| HOME (<==|==>) \[127\.0\.0\.1:\d+\] \| \{.*\}$`)

func TestConsoleLines(t *testing.T) {
	p := startProvider(t, "--logrequests", "--providernameinconsole", "HOME")
	p.dial().must("register", "usernm", "alice", "passwd", "secret")
	p.Stop()
	arrows := map[string]int{}
	for _, line := range strings.Split(p.Stdout.Text(), "\n")[1:] {
		if match := consoleLine.FindStringSubmatch(line); match != nil {
			arrows[match[1]]++
		}
	}
	if arrows["<=="] != 1 || arrows["==>"] != 1 {
		t.Errorf("one request and one answer were due:\n%s", p.Stdout.Text())
	}
}

// TestHostileTextIsHarmlessInTheLog sends what would forge a line or move the
// operator's cursor.
func TestHostileTextIsHarmlessInTheLog(t *testing.T) {
	p := startProvider(t, "--logrequests", "--loglevel", "debug")
	forged := "x\n(2020-01-01 00:00:00) | FORGED \x1b[2J \u202e"
	c := p.join("alice")
	c.call("register", "usernm", forged, "passwd", "x")
	c.call("login", "usernm", forged, "passwd", "x")
	c.call(forged)
	c.makeServer("gophers")
	c.post("gophers", "general", forged)
	p.Stop()
	for _, line := range strings.Split(p.Stdout.Text()+"\n"+p.Stderr.Text(), "\n") {
		if strings.HasPrefix(line, "(2020-01-01") || strings.ContainsAny(line, "\x1b\u202e") {
			t.Errorf("a client's text reached the terminal as it was: %q", line)
		}
	}
}

// TestOutputReaderGone closes the pipe that the provider prints to: it goes on.
func TestOutputReaderGone(t *testing.T) {
	p := unstarted(t, filepath.Join(t.TempDir(), "data"))
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.LaunchTo(writer, on(p.Dir, "--logrequests")...); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 4096)
	n, err := reader.Read(first)
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(first[:n]), "\n")
	p.Addr = providertest.ListensAt(line)
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	p.join("alice").makeServer("gophers")
	p.join("alice").must("getjoinedservers")
	p.Signal(syscall.SIGTERM)
	if code := p.Wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
