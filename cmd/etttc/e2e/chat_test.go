package e2e_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"elemental/cmd/elemental/providertest"
	"elemental/cmd/etttc/terminaltest"
)

// register fills in the login dialog for a new user.
func register(term *terminaltest.Terminal, name string) {
	term.WaitFor("(r)egister or (l)ogin")
	term.WaitFor("Enter goes on")
	term.Type("r")
	term.Key("enter")
	enter(term, name)
	enter(term, passwordOf(name))
	term.WaitFor("logged in as " + name)
}

func waitForMatch(term *terminaltest.Terminal, pattern string) {
	expression := regexp.MustCompile(pattern)
	term.WaitUntil("match of "+pattern, expression.MatchString)
}

// TestTwoUsers plays a first evening: alice registers and makes a server, all in dialogs; bob
// joins with a command line; each sees at once what the other writes.
func TestTwoUsers(t *testing.T) {
	p := providertest.Start(t, elemental)
	alice := open(t, p.Addr)
	register(alice, "alice")
	enter(alice, "/createserver")
	alice.WaitFor("new server name")
	enter(alice, "gophers")
	enter(alice, passwordOf("gophers"))
	alice.WaitFor("#general in gophers")
	enter(alice, "hello, is anybody here?")
	waitForMatch(alice, `\d\d:\d\d alice +hello, is anybody here\?`)

	bob := open(t, p.Addr)
	register(bob, "bob")
	enter(bob, "/joinserver gophers "+passwordOf("gophers"))
	waitForMatch(bob, `\d\d:\d\d alice +hello, is anybody here\?`)
	waitForMatch(bob, `members 2/2`)
	waitForMatch(bob, `● alice, owner`)
	enter(bob, "yes, bob is")
	waitForMatch(alice, `\d\d:\d\d bob +yes, bob is`)
	enter(alice, "welcome, bob!")
	waitForMatch(bob, `\d\d:\d\d alice +welcome, bob!`)
	waitForMatch(alice, `● bob`)
	for name, term := range map[string]*terminaltest.Terminal{"alice": alice, "bob": bob} {
		if shown := regexp.MustCompile(`s3cret`).FindString(term.Output()); shown != "" {
			t.Errorf("a password was on the screen of %s", name)
		}
	}
}

// TestUnread has bob write in channels that alice is not looking at.
func TestUnread(t *testing.T) {
	p := providertest.Start(t, elemental)
	owner := newUser(t, p.Addr, "owner")
	owner.makes("gophers", "random", "news")
	newUser(t, p.Addr, "alice").joins("gophers")
	bob := newUser(t, p.Addr, "bob")
	bob.joins("gophers")
	alice := open(t, p.Addr, as(t, "alice")...)
	alice.WaitFor("#general in gophers")
	waitForMatch(alice, `members \d/3`)

	bob.posts("gophers", "random", "one", "two", "three")
	waitForMatch(alice, `#random +3 `)
	bob.posts("gophers", "news", "that is for Alice: read it", "and more")
	waitForMatch(alice, `#news +@2 `)

	alice.Key("alt+a") // the channel with the mention comes first
	alice.WaitFor("#news in gophers")
	waitForMatch(alice, `─ new ─`)
	waitForMatch(alice, `▌\d\d:\d\d bob +that is for Alice: read it`)
	alice.ClickOn("#random")
	alice.WaitFor("#random in gophers")
	waitForMatch(alice, `─ new ─+\s.*\n.*bob +one`)
	alice.WaitUntil("nothing unread", func(screen string) bool {
		return !regexp.MustCompile(`#(random|news|general) +@?\d`).MatchString(screen)
	})
}

// TestOthersChangeServer has the owner make and delete channels while alice looks at them.
func TestOthersChangeServer(t *testing.T) {
	p := providertest.Start(t, elemental)
	owner := newUser(t, p.Addr, "owner")
	owner.makes("gophers", "old")
	newUser(t, p.Addr, "alice").joins("gophers")
	alice := open(t, p.Addr, as(t, "alice", "--server", "gophers", "--channel", "old")...)
	alice.WaitFor("#old in gophers")
	waitForMatch(alice, `members \d/2`) // now everything is loaded, and the subscriptions have begun

	owner.must(owner.CreateChannel(owner.ctx, "gophers", "fresh"))
	owner.posts("gophers", "fresh", "the first message here")
	waitForMatch(alice, `#fresh +1 `)
	owner.must(owner.DeleteChannel(owner.ctx, "gophers", "old"))
	alice.WaitFor("the channel #old was deleted")
	alice.WaitFor("#general in gophers")
	owner.must(owner.DeleteServer(owner.ctx, "gophers", passwordOf("gophers")))
	alice.WaitFor("no servers yet")
	enter(alice, "/createserver mine "+passwordOf("mine"))
	alice.WaitFor("#general in mine")
}

// TestServerImage sets an image. A terminal that cannot show it gets a file.
func TestServerImage(t *testing.T) {
	png := []byte("\x89PNG\r\n\x1a\nand what else is in an image")
	file := filepath.Join(t.TempDir(), "logo.png")
	if err := os.WriteFile(file, png, 0o600); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	_, term := inGeneral(t, "--images", folder)
	enter(term, "/getserverimg")
	term.WaitFor("no image")
	enter(term, "/setserverimg "+file)
	term.WaitFor("server image has been set")
	enter(term, "/getserverimg")
	var saved []string
	term.WaitUntil("a saved file", func(string) bool {
		saved, _ = filepath.Glob(filepath.Join(folder, "*"))
		return len(saved) == 1
	})
	waitForMatch(term, `#general in gophers(.|\n)*saved to`) // no key has to be pressed
	got, err := os.ReadFile(saved[0])
	if err != nil || !bytes.Equal(got, png) {
		t.Errorf("%s has %q (%v)", saved[0], got, err)
	}
	enter(term, "the screen is back")
	waitForMatch(term, `alice +the screen is back`)
}

// TestUnreadUnderADecomposedName logs in with a name written in another form than the provider's:
// the user is mentioned all the same, and their own posts are not unread.
func TestUnreadUnderADecomposedName(t *testing.T) {
	p := providertest.Start(t, elemental)
	owner := newUser(t, p.Addr, "owner")
	owner.makes("gophers", "random")
	const name = "e\u0301mile"
	elsewhere := newUser(t, p.Addr, name)
	elsewhere.joins("gophers")
	term := open(t, p.Addr, as(t, name)...)
	term.WaitFor("#general in gophers")
	waitForMatch(term, `members \d/2`)
	elsewhere.posts("gophers", "random", "mine, from elsewhere")
	owner.posts("gophers", "random", "@\u00e9mile, hello")
	waitForMatch(term, `#random +@1 `)
}
