package client_test

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"elemental/client"
	"elemental/client/originaltest"
)

func startOriginal(t *testing.T) *originaltest.Provider {
	t.Helper()
	p, err := originaltest.Start()
	must(t, err)
	t.Cleanup(p.Close)
	return p
}

// TestOriginal makes the calls that the original provider has, and checks that the others fail
// with a clear error.
func TestOriginal(t *testing.T) {
	p := startOriginal(t)
	ctx := within(t)
	c := member(t, p.Addr, "alice", "s", quick())
	if !c.Original() {
		t.Fatal("not found out")
	}
	must(t, c.Ping(ctx))
	about, err := c.Provider(ctx)
	must(t, err)
	must(t, c.CreateChannel(ctx, "s", "tea"))
	channels, err := c.Channels(ctx, "s")
	must(t, err)
	if about.Name == "" || !slices.Equal(channels, []string{"general", "tea"}) {
		t.Errorf("provider %+v, channels %q", about, channels)
	}
	must(t, c.SetImage(ctx, "s", []byte("picture")))
	image, err := c.Image(ctx, "s")
	must(t, err)
	if string(image) != "picture" {
		t.Errorf("image %q", image)
	}
	for i := range 5 {
		if m := post(t, c, "s", "tea", fmt.Sprint(i)); m.Index != -1 || m.Text != fmt.Sprint(i) {
			t.Errorf("posted %+v", m)
		}
	}
	page, err := c.Latest(ctx, "s", "tea", 2, 4)
	must(t, err)
	if page.Total != 5 || len(page.Messages) != 2 || page.Messages[0].Text != "2" || page.Messages[1].Index != 3 {
		t.Errorf("latest %+v", page)
	}
	if _, err = c.Members(ctx, "s"); !errors.Is(err, client.ErrNotOffered) {
		t.Errorf("members: %v", err)
	}
	if err = c.ChangePassword(ctx, "pw-alice", "x"); !errors.Is(err, client.ErrNotOffered) {
		t.Errorf("a password change: %v", err)
	}
	for _, text := range []string{strings.Repeat("x", 20_000), strings.Repeat("ж", 3_000)} { // the wire has six bytes for each ж
		if _, err = c.Post(ctx, "s", "tea", text); client.CodeOf(err) != client.TooLarge {
			t.Errorf("more than it reads: %v", err)
		}
	}
	if _, err = c.Channels(ctx, "nowhere"); client.CodeOf(err) != client.NoSuchServer {
		t.Errorf("a refusal: %v", err)
	}
	must(t, c.DeleteChannel(ctx, "s", "tea"))
	must(t, c.Logout(ctx))
	must(t, c.Login(ctx, "alice", "pw-alice"))
	must(t, c.LeaveServer(ctx, "s"))
}

// TestOriginalCallsTogether calls from many goroutines at once, since the original loses requests
// that arrive together.
func TestOriginalCallsTogether(t *testing.T) {
	p := startOriginal(t)
	c := member(t, p.Addr, "alice", "s", quick())
	var callers sync.WaitGroup
	for i := range 10 {
		callers.Go(func() {
			for range 20 {
				if _, err := c.Channels(within(t), "s"); err != nil {
					t.Error(err)
				}
				if _, err := c.Post(within(t), "s", "general", fmt.Sprint(i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	callers.Wait()
	page, err := c.Latest(within(t), "s", "general", 300, -1)
	must(t, err)
	if page.Total != 200 {
		t.Errorf("200 posts made %d messages", page.Total)
	}
}

// TestOriginalPolling checks that a subscription to the original delivers by asking, also when
// connections are lost and channels are made and deleted.
func TestOriginalPolling(t *testing.T) {
	t.Parallel()
	p := startOriginal(t)
	ctx := within(t)
	alice := member(t, p.Addr, "alice", "s", quick())
	bob := member(t, p.Addr, "bob", "s", quick())
	post(t, alice, "s", "general", "before")
	one, all := subscribe(t, bob, "s", "general"), subscribe(t, bob, "s", "")
	post(t, alice, "s", "general", "a")
	post(t, bob, "s", "general", "b")
	hear(t, one, "general", 1, "a", "b")
	hear(t, all, "general", 1, "a", "b")
	p.Drop()
	returned(t, alice)
	post(t, alice, "s", "general", "c")
	p.Close()
	must(t, p.Restart())
	returned(t, alice)
	post(t, alice, "s", "general", "d")
	hear(t, one, "general", 3, "c", "d")
	hear(t, all, "general", 3, "c", "d")
	one.Close()
	must(t, alice.CreateChannel(ctx, "s", "tea"))
	post(t, alice, "s", "tea", "e")
	hear(t, all, "tea", 0, "e")
	must(t, alice.DeleteChannel(ctx, "s", "tea"))
	if e := next(t, all); e.Kind != client.Deleted || e.Channel != "tea" {
		t.Errorf("heard %+v", e)
	}
}

// returned waits until a client is online again, since a post to the original cannot be repeated.
func returned(t *testing.T, c *client.Client) {
	t.Helper()
	_, err := c.Servers(within(t))
	must(t, err)
}

// TestOriginalFails makes calls at which the original fails: at some it closes the connection, to
// others it never answers. The client recovers from both.
func TestOriginalFails(t *testing.T) {
	p := startOriginal(t)
	member(t, p.Addr, "alice", "s", quick())
	o := quick()
	o.Timeout = time.Second
	c := connect(t, p.Addr, o)
	for ctx := within(t); c.Login(ctx, "alice", "pw-alice") != nil; { // on a busy machine the second may be too short
		must(t, ctx.Err())
	}
	for what, call := range map[string]func() error{
		"an image of no server":  func() error { _, err := c.Image(t.Context(), "nowhere"); return err },
		"leaving once too often": func() error { return c.LeaveServer(t.Context(), "s") },
	} {
		_, _ = call(), call() // it lists twice who joined twice; two calls may be right
		if err := call(); !errors.Is(err, client.ErrUncertain) {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := c.Servers(within(t)); err != nil {
			t.Errorf("after %s: %v", what, err)
		}
	}
}

// TestOriginalMadeAnew checks that the client notices a channel that was deleted and made again
// between two counts and has as many messages as before.
func TestOriginalMadeAnew(t *testing.T) {
	t.Parallel()
	p := startOriginal(t)
	ctx := within(t)
	alice := member(t, p.Addr, "alice", "s", quick())
	bob := member(t, p.Addr, "bob", "s", quick())
	s := subscribe(t, bob, "s", "general")
	post(t, alice, "s", "general", "same")
	hear(t, s, "general", 0, "same")
	must(t, alice.DeleteChannel(ctx, "s", "general"))
	must(t, alice.CreateChannel(ctx, "s", "general"))
	post(t, alice, "s", "general", "same")
	if e := next(t, s); e.Kind != client.Deleted {
		t.Fatalf("heard %+v where the channel was made anew", e)
	}
	hear(t, s, "general", 0, "same")
}

// TestOriginalNumber reads a message that is a number and no text, which the original accepts.
func TestOriginalNumber(t *testing.T) {
	t.Parallel()
	p := startOriginal(t)
	alice := member(t, p.Addr, "alice", "s", quick())
	s := subscribe(t, alice, "s", "general")
	sendRaw(t, p, `{"call":"message","servername":"s","channel":"general","usernm":"alice","msg":{"a":[5]}}`)
	e := next(t, s)
	if e.Index != 0 || strings.ReplaceAll(e.Text, " ", "") != `{"a":[5]}` {
		t.Errorf("heard %+v", e)
	}
}

// sendRaw sends alice's requests to the original as they are.
func sendRaw(t *testing.T, p *originaltest.Provider, requests ...string) {
	t.Helper()
	wire, err := net.Dial("tcp", p.Addr)
	must(t, err)
	defer func() { _ = wire.Close() }()
	answer := make([]byte, 4096)
	login := `{"call":"login","usernm":"alice","passwd":"pw-alice"}`
	for _, request := range append([]string{login}, requests...) {
		_, err = wire.Write([]byte(request))
		must(t, err)
		_, err = wire.Read(answer)
		must(t, err)
	}
}

// TestOriginalImage asks for images that are none, which the original accepts. They do not end
// the connection.
func TestOriginalImage(t *testing.T) {
	t.Parallel()
	p := startOriginal(t)
	member(t, p.Addr, "alice", "s", quick())
	c, err := client.Connect(within(t), p.Addr, quick(), nil)
	must(t, err)
	defer c.Close()
	_, err = c.Login(within(t), "alice", "pw-alice")
	must(t, err)
	if _, err = c.Image(within(t), "s"); client.CodeOf(err) != client.NoImage {
		t.Errorf("before one was set: %v", err)
	}
	for _, image := range []string{`""`, "null"} {
		sendRaw(t, p, `{"call":"setserverimage","servername":"s","img":`+image+`}`)
		if _, err = c.Image(within(t), "s"); client.CodeOf(err) != client.NoImage {
			t.Errorf("%s: %v", image, err)
		}
	}
	for _, image := range []string{"5", "true", `{"a":1}`, `"no base64"`} {
		sendRaw(t, p, `{"call":"setserverimage","servername":"s","img":`+image+`}`)
		if got, err := c.Image(within(t), "s"); err == nil {
			t.Errorf("%s: got %q", image, got)
		}
		must(t, c.Ping(within(t)))
	}
}

// TestOriginalPassword registers with passwords that the original reads as JSON, and logs in with
// them.
func TestOriginalPassword(t *testing.T) {
	t.Parallel()
	p := startOriginal(t)
	c, err := client.Connect(within(t), p.Addr, quick(), nil)
	must(t, err)
	defer c.Close()
	for i, password := range []string{`a"b`, `a\b`, `a\tb`, "a\tb", `\u0041`, "<é😀>/"} {
		user := fmt.Sprint("user", i)
		must(t, c.Register(within(t), user, password))
		if _, err = c.Login(within(t), user, password); err != nil {
			t.Errorf("%q: %v", password, err)
		}
	}
}
