package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"elemental/cmd/etttc/commands"
)

func TestPipePosts(t *testing.T) {
	h := newHouse(t)
	r := h.run("hello\n\nlast line without its end", h.asAlice()...)
	if r.code != 0 || r.out != "" || r.err != "" {
		t.Errorf("posting prints or fails: %v", r)
	}
	if got := h.texts("general"); !slices.Equal(got, []string{"hello", "last line without its end"}) {
		t.Errorf("the channel has %q", got)
	}
}

// A line that begins with one slash is a command; with two it is a message.
func TestSlashes(t *testing.T) {
	h := newHouse(t)
	r := h.run("//x\n  //y\n/nothing\nb /c\r\n", h.asAlice()...)
	if r.code != exitRefused || r.err != "line 3: unknown command /nothing, try /help\n" {
		t.Errorf("an unknown command: %v", r)
	}
	r = h.run("/help\n//z\n", h.asAlice("--literal")...)
	if r.code != 0 {
		t.Errorf("--literal: %v", r)
	}
	if got, want := h.texts("general"), []string{"/x", "  /y", "b /c", "/help", "//z"}; !slices.Equal(got, want) {
		t.Errorf("the channel has %q, want %q", got, want)
	}
}

func TestMessagesComeIn(t *testing.T) {
	h := newHouse(t)
	alice := h.login("alice", alicePassword)
	for i := range 5 {
		_, err := alice.Post(h.ctx(), "demo", "general", fmt.Sprint("before ", i))
		h.must(err)
	}
	bob := h.start(h.asBob("--tail", "2")...)
	bob.waitOut("before 4")
	m, err := alice.Post(h.ctx(), "demo", "general", "one\n[00:00:00] demo/general bob: \x1b[31mtwo\u202e\tthree")
	h.must(err)
	line := bob.waitOut("one")
	if want := m.Time.UTC().Format("[15:04:05]") + " demo/general alice: one"; line != want {
		t.Errorf("printed %q, want %q", line, want)
	}
	if line := bob.waitOut("two"); line != "    [00:00:00] demo/general bob: ␛[31mtwo‹U+202E›    three" {
		t.Errorf("the second line is printed as %q", line)
	}
	if all := bob.out.Text(); strings.Contains(all, "before 2") || !strings.Contains(all, "before 3") {
		t.Errorf("--tail 2 printed\n%s", all)
	}
}

// Messages from earlier are printed before the first line is read.
func TestTail(t *testing.T) {
	h := newHouse(t)
	if r := h.run("", h.asBob("--tail", "3")...); r.code != 0 || r.out != "" {
		t.Errorf("of an empty channel: %v", r)
	}
	if r := h.run("one\ntwo\nthree\n", h.asAlice()...); r.code != 0 {
		t.Fatalf("%v", r)
	}
	r := h.run("four\n", h.asAlice("--tail", "2")...)
	var got []string
	for line := range strings.Lines(r.out) {
		_, message, _ := strings.Cut(line, "] ")
		got = append(got, message)
	}
	if want := []string{"demo/general alice: two\n", "demo/general alice: three\n"}; r.code != 0 || !slices.Equal(got, want) {
		t.Errorf("--tail 2 printed %q: %v", got, r)
	}
}

// Posts of this program are not printed; posts that the same user makes elsewhere are.
func TestOwnPostsAreNotEchoed(t *testing.T) {
	h := newHouse(t)
	alice := h.start(h.asAlice()...)
	elsewhere := h.login("alice", alicePassword)
	sub, err := elsewhere.Subscribe(h.ctx(), "demo", "general")
	h.must(err)
	alice.write("mine")
	<-sub.Events() // once it posts, it listens
	for i := range 20 {
		alice.write(fmt.Sprint("mine ", i))
		_, err := elsewhere.Post(h.ctx(), "demo", "general", fmt.Sprint("elsewhere ", i))
		h.must(err)
	}
	alice.waitOut("elsewhere 19")
	h.must(alice.in.Close())
	if code := alice.code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if all := alice.out.Text(); strings.Contains(all, "mine") || strings.Count(all, "elsewhere") != 20 {
		t.Errorf("printed\n%s", all)
	}
}

// A user's own posts are recognised however they write their name.
func TestOwnPostsUnderADecomposedName(t *testing.T) {
	h := newHouse(t)
	const user = "e\u0301mile"
	h.must(h.login(user, bobPassword).JoinServer(h.ctx(), "demo", serverPassword))
	alice := h.login("alice", alicePassword)
	sub, err := alice.Subscribe(h.ctx(), "demo", "general")
	h.must(err)
	emile := h.start(h.p.Addr, "--plain", "--user", user, "--passwordfile", h.passwordFile(bobPassword), "--server", "demo")
	emile.write("mine")
	<-sub.Events() // once it posts, it listens
	_, err = alice.Post(h.ctx(), "demo", "general", "hers")
	h.must(err)
	emile.waitOut("hers")
	h.must(emile.in.Close())
	if code := emile.code(); code != 0 || strings.Contains(emile.out.Text(), "mine") {
		t.Errorf("exit code %d, printed\n%s", code, emile.out.Text())
	}
}

func TestFollow(t *testing.T) {
	h := newHouse(t)
	bob := h.start(h.asBob("--follow")...)
	h.must(bob.in.Close())
	alice := h.login("alice", alicePassword)
	// Posts again and again until one is printed: nothing tells when the program has begun to
	// listen.
	for heard := false; !heard; heard = strings.Contains(bob.out.Text(), "demo/general alice: tick") {
		_, err := alice.Post(h.ctx(), "demo", "general", "tick")
		h.must(err)
	}
	h.must(alice.DeleteChannel(h.ctx(), "demo", "general"))
	bob.waitErr("demo/general is not heard any more, channel was deleted")
	if code := bob.code(); code != exitRefused {
		t.Errorf("exit code %d after the channel's end", code)
	}
}

// Every command, with the words of the original client where that had the command.
func TestCommands(t *testing.T) {
	h := newHouse(t)
	image := filepath.Join(t.TempDir(), "my image.gif")
	h.must(os.WriteFile(image, []byte("GIF89a not more"), 0o600))
	script := strings.Join([]string{
		"/createserver \"my server\" " + serverPassword, "/listservers", "/createchannel off topic", "/listchannels",
		"/gotochannel off topic", "a word", "/gotochannel nowhere", "lost", "/gotoserver my server", "/deletechannel off topic",
		"/setserverimg " + image, "/getserverimg", "/members", "/gotoserver elsewhere", "/gotoserver demo",
		"/joinserver demo nonsense", "/joinserver demo " + serverPassword, "/deleteserver \"my server\" wrong",
		"/deleteserver \"my server\" " + serverPassword, "/createserver demo x", "/leaveserver demo",
		"/passwd " + alicePassword + " " + bobPassword + " " + bobPassword, "/passwd wrong " + alicePassword + " " + alicePassword,
		"/reconnect", "/listservers", "/help quit", "/quit", "never read",
	}, "\n")
	r := h.run(script, h.asAlice()...)
	want := []string{
		"server created", "demo", "my server", "channel has been created", "general", "off topic",
		"connected to #off topic", "line 7: no such channel in this server",
		"line 8: not posted, you are in no channel, try /gotoserver and /gotochannel",
		"entered server and joined #general", "channel has been deleted",
		"server image has been set (15 bytes, image/gif)", "got server image",
		"image of my server saved to " + filepath.Join(h.home, "cache", "etttc", "server-my_server.gif"),
		"alice, online, owner", "line 14: not in that server", "entered server and joined #general",
		"line 16: unable to join server, incorrect server password", "successfully joined server",
		"line 18: server not deleted, incorrect server password", "server successfully deleted",
		"line 20: server not created, server already exists by that name", "left server demo",
		"password has been changed", "line 23: password not changed, password is incorrect",
		"reconnecting", "you are in no server, try /joinserver or /createserver", "/quit  end the client",
	}
	if got := withoutConnection(r.err); !slices.Equal(got, want) {
		t.Errorf("the commands say\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if r.code != exitRefused || r.out != "" {
		t.Errorf("%v", r)
	}
}

// An image that the provider does not take, since it is too large, is told with its size: the
// provider only says that it is invalid.
func TestALargeImage(t *testing.T) {
	h := newHouse(t, "--maximage", "64")
	image := filepath.Join(t.TempDir(), "large.gif")
	h.must(os.WriteFile(image, []byte("GIF89a"+strings.Repeat("x", 94)), 0o600))
	r := h.run("/setserverimg "+image+"\n", h.asAlice()...)
	if r.code != exitRefused || !strings.Contains(r.err, "line 1: couldn't set image, its 100 bytes may be too many, invalid image") {
		t.Errorf("%v", r)
	}
}

// A post that was meant for another place is not made here, whatever was wrong with the command
// that should have led there. Mistakes in other commands leave the user where they are.
func TestWayWithASlip(t *testing.T) {
	h := newHouse(t)
	for _, way := range []string{"/joinserver other server pw", "/joinserver \"other pw", "/gotochanel news", "/gotoserver"} {
		r := h.run(way+"\nfor elsewhere\n/createchannel elsewhere\n", h.asAlice()...)
		if r.code != exitRefused || !strings.Contains(r.err, "line 2: not posted, you are in no channel") ||
			!strings.Contains(r.err, "line 3: couldn't create channel, you are in no server, try /gotoserver or /joinserver") {
			t.Errorf("after %s: %v", way, r)
		}
	}
	if r := h.run("/members all\n/nothing\nfor here\n", h.asAlice()...); r.code != exitRefused {
		t.Errorf("%v", r)
	}
	if got := h.texts("general"); !slices.Equal(got, []string{"for here"}) {
		t.Errorf("the channel has %q", got)
	}
}

// withoutConnection removes what is told about the connection, since that can come at any time.
func withoutConnection(text string) []string {
	var kept []string
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if !strings.HasPrefix(line, "connect") || strings.HasPrefix(line, "connected to") {
			kept = append(kept, line)
		}
	}
	return kept
}

// A line that is too long is refused as a whole, and the next one is read.
func TestHugeLines(t *testing.T) {
	h := newHouse(t)
	huge := strings.Repeat("x", 3<<20)
	r := h.run(huge+"\nnext\n"+strings.Repeat("y", 20<<10)+"\n"+huge[:1<<20]+"\nlast\n"+huge, h.asAlice()...)
	want := []string{
		"line 1: not posted, it is longer than 1048576 bytes", "line 3: not posted, message is too long",
		"line 4: not posted, request is too large", "line 6: not posted, it is longer than 1048576 bytes",
	}
	if got := withoutConnection(r.err); r.code != exitRefused || !slices.Equal(got, want) {
		t.Errorf("%v", r)
	}
	if got := h.texts("general"); !slices.Equal(got, []string{"next", "last"}) {
		t.Errorf("the channel has %q", got)
	}
}

// If the user has ended their own membership or server, nothing is told of that; if others have
// ended it, it is told with its code.
func TestEndOfAServer(t *testing.T) {
	h := newHouse(t)
	alice := h.login("alice", alicePassword)
	h.must(alice.CreateServer(h.ctx(), "other", serverPassword))
	script := "/leaveserver other\nhere\n/leaveserver\n/joinserver other " + serverPassword + "\n/deleteserver other " + serverPassword + "\n"
	if r := h.run(script, h.asAlice()...); r.code != 0 || r.err != "left server other\nleft server demo\nsuccessfully joined server\nserver successfully deleted\n" {
		t.Errorf("%v", r)
	}
	bob := h.start(h.asBob("--json", "--raw")...)
	bob.waitOut(`"amount":1`)           // from here on it is subscribed
	bob.write("/deletechannel general") // this is refused and ends nothing
	bob.waitOut(`"event":"refused"`)
	h.must(alice.DeleteServer(h.ctx(), "demo", serverPassword))
	bob.waitOut(`{"event":"notice","server":"demo","channel":"general","text":"demo/general is not heard any more, server was deleted","code":"server_gone"}`)
}

// Nothing is told of the end of a channel that the user has deleted.
func TestEndOfAChannel(t *testing.T) {
	h := newHouse(t)
	script := "/createchannel tmp\n/gotochannel tmp\nhere\n/deletechannel tmp\n"
	want := "channel has been created\nconnected to #tmp\nchannel has been deleted\n"
	if r := h.run(script, h.asAlice()...); r.code != 0 || r.err != want {
		t.Errorf("%v", r)
	}
}

// A channel that was deleted and made again is heard again once the user has gone there.
func TestBackInAChannelMadeAnew(t *testing.T) {
	h := newHouse(t)
	alice := h.login("alice", alicePassword)
	bob := h.start(h.asBob("--json", "--raw")...)
	bob.waitOut(`"messages":[]`) // from here on it listens
	h.must(alice.DeleteChannel(h.ctx(), "demo", "general"))
	bob.waitOut("demo/general is not heard any more, channel was deleted")
	h.must(alice.CreateChannel(h.ctx(), "demo", "general"))
	bob.write("/gotochannel general")
	bob.write("here")
	bob.waitOut(`"event":"posted"`) // from here on it listens again
	_, err := alice.Post(h.ctx(), "demo", "general", "in the new one")
	h.must(err)
	bob.waitOut(`"author":"alice","text":"in the new one"`)
}

// Listing the servers counts as a change: the user may have joined one with another client.
func TestListingServersIsNews(t *testing.T) {
	h := newHouse(t)
	did, err := commands.Find("listservers").Run(h.ctx(), h.login("alice", alicePassword), commands.Place{}, nil)
	if err != nil || !did.Changed || !slices.Equal(did.Lines, []string{"demo"}) {
		t.Errorf("%+v, %v", did, err)
	}
}

// A user who is logged out elsewhere is not told that the server is the reason.
func TestEndOfALogin(t *testing.T) {
	h := newHouse(t)
	bob := h.start(h.asBob("--json", "--raw")...)
	bob.waitOut(`"amount":0`) // from here on it is subscribed
	h.must(h.login("bob", bobPassword).ChangePassword(h.ctx(), bobPassword, "PLANTED-bob-new"))
	bob.write("/reconnect")
	bob.waitOut("demo/general is not heard any more, you are not logged in any more")
}

func TestJSON(t *testing.T) {
	h := newHouse(t)
	_, err := h.login("bob", bobPassword).Post(h.ctx(), "demo", "general", "\x1b]0;x\a\u009b\u202e\U000E0041\nß")
	h.must(err)
	r := h.run("hello\n/createchannel general\n/getserverimg\n", h.asAlice("--json", "--raw", "--tail", "1")...)
	if r.code != exitRefused || r.err != "" {
		t.Fatalf("%v", r)
	}
	if found := regexp.MustCompile(`[\x00-\x09\x0b-\x1f\x7f-\x{9f}\x{202e}\x{e0041}]`).FindString(r.out); found != "" {
		t.Errorf("%q stands in the output", found)
	}
	events := map[string]map[string]any{}
	for line := range strings.Lines(r.out) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if events[e["event"].(string)] == nil {
			events[e["event"].(string)] = e
		}
	}
	for kind, fields := range map[string]map[string]any{
		"message": {"server": "demo", "channel": "general", "index": 0.0, "author": "bob", "text": "\x1b]0;x\a\u009b\u202e\U000E0041\nß"},
		"posted":  {"server": "demo", "channel": "general", "index": 1.0, "author": "alice", "text": "hello", "line": 1.0},
		"refused": {"code": "channel_exists", "line": 2.0, "text": "line 2: couldn't create channel, channel already exists"},
		"status":  {"state": "online"},
		"wire":    {"sent": true},
	} {
		for name, want := range fields {
			if got := events[kind][name]; got != want {
				t.Errorf("%s: %s is %v, want %v", kind, name, got, want)
			}
		}
	}
	if _, err := time.Parse(time.RFC3339, fmt.Sprint(events["message"]["time"])); err != nil {
		t.Error(err)
	}
	if _, isObject := events["wire"]["json"].(map[string]any); !isObject {
		t.Errorf("the wire's JSON is %v", events["wire"]["json"])
	}
}
