package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"elemental/cmd/elemental/providertest"
	"elemental/transport/housetest"
)

// The secrets that are planted: each changes in every usual way of writing it.
var (
	userSecret, newSecret = housetest.Secret("user"), housetest.Secret("new")
	serverSecret          = housetest.Secret("server")
	providedSecret        = housetest.Secret("nobodys")
)

// TestSecretsStaySecret plants passwords in every call, in every secret value
// and where it does not belong, in requests that are none, and looks for them,
// and for the keys, in all that the provider prints, answers and keeps.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			p := startProvider(t, "--logrequests", "--loglevel", "debug", "--logformat", format, "--snapshotinterval", "20ms",
				"--segmentsize", "4KiB", "--loginfailures", "3", "--requesttimeout", "1h")
			answers, keys := p.plant(t)
			secrets := append(keys, userSecret, newSecret, serverSecret, providedSecret)
			checkProcess(t, p, secrets)
			waitForKinds(t, p.Dir)
			p.Stop()
			printed := p.Stdout.Text() + p.Stderr.Text()
			if !strings.Contains(printed, "a public word") {
				t.Error("--logrequests printed no request")
			}
			checkLeaks(t, "the output", []byte(printed), secrets...)
			checkLeaks(t, "an answer", []byte(answers), userSecret, newSecret, serverSecret, providedSecret)
			checkFolder(t, p.Dir, userSecret, newSecret, serverSecret, providedSecret)
			for _, key := range keys { // of these a plain hash is kept: they are random, and long
				searchFolder(t, p.Dir, key)
			}
		})
	}
}

// waitForKinds waits until there are files of all kinds, so that each is searched.
func waitForKinds(t *testing.T, dir string) {
	t.Helper()
	for _, kind := range []string{"journal/*.jsonl", "users/*/state.json", "servers/*/state.json", "servers/*/channels/*/*/pages.d/*.jsonl"} {
		for start := time.Now(); ; time.Sleep(10 * time.Millisecond) { // a pace for looking
			found, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(kind)))
			if len(found) > 0 {
				break
			}
			if err != nil || time.Since(start) > patience {
				t.Fatalf("there is no %s to be searched (%v)", kind, err)
			}
		}
	}
}

func checkLeaks(t *testing.T, where string, text []byte, secrets ...string) {
	t.Helper()
	if found := housetest.Leaks(text, secrets...); found != nil {
		t.Errorf("%s has %v", where, found)
	}
}

func checkFolder(t *testing.T, dir string, secrets ...string) {
	t.Helper()
	for path, content := range contents(t, dir) {
		checkLeaks(t, path, content, secrets...)
	}
}

// manyPosts is enough for a page of old messages.
const manyPosts = 1500

// plant sends requests with secrets in them, and gives all answers and the keys.
func (p *provider) plant(t *testing.T) (answers string, keys []string) {
	t.Helper()
	c := p.dial()
	ask := func(call string, pairs ...any) object {
		answer := c.call(call, pairs...)
		if key, ok := answer["key"].(string); ok {
			keys = append(keys, key)
			delete(answer, "key")
		}
		answers += fmt.Sprintln(answer)
		return answer
	}
	ask("register", "usernm", "alice", "passwd", userSecret)
	ask("register", "usernm", "alice", "passwd", userSecret)
	ask("login", "usernm", "alice", "passwd", userSecret)
	ask("login", "usernm", "alice", "key", keys[0])
	ask("login", "usernm", "alice", "passwd", userSecret+"x")
	ask("login", "usernm", "nobody", "passwd", providedSecret)
	ask("login", "usernm", "alice", "key", providedSecret)
	ask("createserver", "servername", "gophers", "serverpasswd", serverSecret)
	ask("joinserver", "servername", "gophers", "serverpasswd", serverSecret)
	ask("deleteserver", "servername", "gophers", "serverpasswd", serverSecret+"x")
	ask("createserver", "servername", "kept", "serverpasswd", serverSecret)
	for i := range manyPosts { // with the secret beside each message
		c.send(request("message", "servername", "kept", "channel", "general", "msg", fmt.Sprint("a public word ", i), "passwd", userSecret))
	}
	for range manyPosts {
		c.hear()
	}
	all := []any{"passwd", userSecret, "key", providedSecret, "serverpasswd", serverSecret, "newpasswd", newSecret}
	for _, call := range calls {
		if call.name == "changepasswd" || call.name == "logout" || call.name == "deleteserver" {
			continue // these come last
		}
		ask(call.name, append(pairsOf(call.values), all...)...)
		ask(call.name, all...)
		ask(call.name, misplaced()...)
	}
	for _, text := range malformed() {
		bad := p.dial()
		bad.send(text)
		if raw, ok := bad.next(); ok {
			answers += string(raw)
		}
		bad.hungUp()
		bad.close()
	}
	c = p.dial()
	ask("login", "usernm", "alice", "key", keys[0])
	ask("changepasswd", "passwd", userSecret, "newpasswd", newSecret)
	ask("deleteserver", "servername", "gophers", "serverpasswd", serverSecret, "passwd", newSecret)
	ask("logout", all...)
	return answers, keys
}

// misplaced is secrets in values of the wrong type, in names of the wrong case,
// and in values that no call knows.
func misplaced() []any {
	return []any{
		"passwd", []any{userSecret}, "key", map[string]any{"passwd": providedSecret}, "serverpasswd", map[string]any{serverSecret: serverSecret},
		"Passwd", userSecret, "PASSWD", userSecret, "NewPasswd", newSecret, "password", userSecret, "x", []any{map[string]any{"passwd": userSecret}},
	}
}

// malformed is requests that end a connection, with secrets in them.
func malformed() []string {
	q := strconv.Quote
	return []string{
		`{"call":"login","usernm":"alice","passwd":` + q(userSecret) + `,,}`,
		`{"call":"login","passwd":` + q(userSecret) + `,"passwd":` + q(userSecret) + `}`,
		`{"call":"login","passwd":` + q(userSecret) + "\xff}",
		`{"passwd":` + q(userSecret) + `:` + q(newSecret) + `}`,
		`{` + q(serverSecret) + `}`,
		userSecret, `[` + q(userSecret) + `]`, q(userSecret),
		`{"passwd":"` + strings.Repeat(userSecret[:8]+"fill", 4<<10),
		`{"passwd":` + q(userSecret) + `,"x":` + strings.Repeat("[", 1000),
		`{"passwd":"\ud800` + userSecret[:8] + `"}`,
	}
}

// checkProcess looks at what the system shows of a running program, and of the
// one that hashes its passwords.
func checkProcess(t *testing.T, p *provider, secrets []string) {
	t.Helper()
	for _, pid := range append(providertest.Children(p.Pid()), p.Pid()) {
		for _, file := range []string{"cmdline", "environ"} {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
			if errors.Is(err, os.ErrNotExist) {
				return // a system without
			} else if err != nil {
				t.Fatal(err)
			}
			checkLeaks(t, file, text, secrets...)
		}
	}
}

// TestNoTextOfAClientIsLoggedUnasked puts a secret in every value of every
// call, also in those that are kept and shown to others. Without --logrequests
// the log has none of it, whatever its level.
func TestNoTextOfAClientIsLoggedUnasked(t *testing.T) {
	t.Parallel()
	p := startProvider(t, "--loglevel", "debug", "--snapshotinterval", "20ms")
	c := p.join("alice")
	c.makeServer("gophers")
	for _, call := range calls {
		for _, field := range []string{"call", "usernm", "passwd", "key", "servername", "serverpasswd", "name", "channel", "msg", "nonce",
			"img", "newpasswd", "id", "begin", "x"} {
			if call.name == "register" || call.name == "login" {
				p.dial().call(call.name, append(pairsOf(call.values), field, providedSecret)...)
			} else if call.name != "logout" && call.name != "deleteserver" {
				c.call(call.name, append(pairsOf(call.values), field, providedSecret)...)
			}
		}
	}
	for _, text := range malformed() {
		bad := p.dial()
		bad.send(text)
		bad.hear()
		bad.hungUp()
		bad.close()
	}
	p.Restart()
	p.Stop()
	checkLeaks(t, "the output", []byte(p.Stdout.Text()+p.Stderr.Text()), userSecret, newSecret, serverSecret, providedSecret)
}

// TestADumpOfAllGoroutinesTellsNoSecret makes the program print its stacks, as
// a crash does, while it works on requests that carry secrets.
func TestADumpOfAllGoroutinesTellsNoSecret(t *testing.T) {
	p := unstarted(t, filepath.Join(t.TempDir(), "data"), "--hashtime", "500", "--hashmemory", "4096", "--loglevel", "debug")
	p.Env = []string{"GOTRACEBACK=all"}
	p.Start()
	for i := range 8 {
		c := p.dial()
		c.send(request("register", "usernm", fmt.Sprint("user", i), "passwd", userSecret))
		c.send(`{"call":"login","usernm":"user","passwd":` + strconv.Quote(userSecret) + `,"x":"`) // the reader is in it
	}
	p.dial().must("getprovidername") // they were read before this one
	p.Signal(syscall.SIGQUIT)
	if code := p.Wait(); code != 2 {
		t.Errorf("exit code %d", code)
	}
	dump := p.Stderr.Text()
	p.Stderr = providertest.NewLines() // it is no clean log, and is not held against the program
	if !strings.Contains(dump, "goroutine ") || !strings.Contains(dump, "actors.(*hashPool)") {
		t.Errorf("this is no dump of a program that hashes:\n%.2000s", dump)
	}
	checkLeaks(t, "the dump", []byte(dump), userSecret)
	checkFolder(t, p.Dir, userSecret)
}

// TestNoOptionHoldsASecret prints the config: what it knows of secrets is where
// they are.
func TestNoOptionHoldsASecret(t *testing.T) {
	certFile, keyFile, _ := providertest.Certificate(t)
	p := unstarted(t, "", "--printconfig")
	p.Launch("--printconfig", "--tlscert", certFile, "--tlskey", keyFile)
	if code := p.Wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	printed := p.Stdout.Text()
	secret, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(printed, keyFile) || strings.Contains(printed, strings.Split(string(secret), "\n")[1]) {
		t.Errorf("not the name of the key's file alone:\n%s", printed)
	}
	named := regexp.MustCompile(`(?im)^#?\s*(\w*(pass|secret|token|key|pw)\w*):`)
	for _, match := range named.FindAllStringSubmatch(printed, -1) {
		if !slices.Contains([]string{"tlskey", "admintokenfile", "keylifetime", "passivate"}, match[1]) {
			t.Errorf("the option %s may hold a secret", match[1])
		}
	}
}

// TestTheDiskKeepsHashesAlone reads how passwords and keys are kept: salted
// argon2id for what people choose, SHA-256 for what is random and long.
func TestTheDiskKeepsHashesAlone(t *testing.T) {
	t.Parallel()
	p := startProvider(t, "--hashmemory", "19456", "--hashtime", "2", "--snapshotinterval", "1h")
	keys := map[string]bool{}
	for _, user := range []string{"alice", "bob"} {
		c := p.dial()
		c.must("register", "usernm", user, "passwd", userSecret)
		key, _ := c.must("login", "usernm", user, "passwd", userSecret)["key"].(string)
		sum := sha256.Sum256([]byte(key))
		keys[hex.EncodeToString(sum[:])] = false
		c.must("createserver", "servername", user, "serverpasswd", userSecret)
		newKey, _ := c.must("changepasswd", "passwd", userSecret, "newpasswd", userSecret)["key"].(string)
		sum = sha256.Sum256([]byte(newKey))
		keys[hex.EncodeToString(sum[:])] = false
	}
	p.Stop()
	password := regexp.MustCompile(`"password": ?"([^"]*)"`)
	phc := regexp.MustCompile(`^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`)
	key := regexp.MustCompile(`"(?:key|hash)": ?"([^"]*)"`)
	hashes := map[string]bool{}
	for path, content := range contents(t, p.Dir) {
		for _, match := range password.FindAllSubmatch(content, -1) {
			hashes[string(match[1])] = true
			if !phc.Match(match[1]) {
				t.Errorf("%s keeps the password as %q", path, match[1])
			}
		}
		for _, match := range key.FindAllSubmatch(content, -1) {
			if _, ours := keys[string(match[1])]; !ours {
				t.Errorf("%s keeps the key as %q", path, match[1])
			}
			keys[string(match[1])] = true
		}
	}
	if len(hashes) != 6 || slices.Contains(slices.Collect(maps.Values(keys)), false) {
		t.Errorf("one password in six places gives %d hashes, with the keys %v", len(hashes), keys)
	}
}

// searchFolder looks for a key in all ways but its hash.
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

// TestFilesAreTheOwnersAlone wants nothing in the folder that others may read.
func TestFilesAreTheOwnersAlone(t *testing.T) {
	p := startProvider(t)
	p.join("alice").makeServer("gophers")
	p.Stop()
	err := filepath.WalkDir(p.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
