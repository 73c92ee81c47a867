package client_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"elemental/client"
	"elemental/cmd/elemental/providertest"
)

// TestEveryCall makes every call once and checks its answer.
func TestEveryCall(t *testing.T) {
	p := providertest.Start(t, program, "--providername", "HERE")
	ctx := within(t)
	c := connect(t, p.Addr, client.Options{})
	about, err := c.Provider(ctx)
	must(t, err)
	if about.Name != "HERE" || about.Welcome == "" || about.Icon != nil || c.Original() {
		t.Errorf("the provider says %+v, original %v", about, c.Original())
	}
	must(t, c.Register(ctx, "alice", "secret"))
	must(t, c.Login(ctx, "alice", "secret"))
	must(t, c.Ping(ctx))
	must(t, c.CreateServer(ctx, "gophers", "burrow"))
	must(t, c.JoinServer(ctx, "gophers", "burrow"))
	must(t, c.CreateChannel(ctx, "gophers", "tea"))
	servers, err := c.Servers(ctx)
	must(t, err)
	channels, err := c.Channels(ctx, "gophers")
	must(t, err)
	if !slices.Equal(servers, []string{"gophers"}) || !slices.Equal(channels, []string{"general", "tea"}) {
		t.Errorf("servers %q with channels %q", servers, channels)
	}
	members, err := c.Members(ctx, "gophers")
	must(t, err)
	if members.Owner != "alice" || !slices.Equal(members.Members, []client.Member{{User: "alice", Online: true}}) {
		t.Errorf("members %+v", members)
	}
	must(t, c.SetImage(ctx, "gophers", []byte("GIF89a\x00")))
	image, err := c.Image(ctx, "gophers")
	must(t, err)
	if !bytes.Equal(image, []byte("GIF89a\x00")) {
		t.Errorf("image %q", image)
	}
	checkHistory(t, c)
	must(t, c.DeleteChannel(ctx, "gophers", "tea"))
	must(t, c.ChangePassword(ctx, "secret", "better"))
	must(t, c.LoginByKey(ctx, "alice", c.Key()))
	must(t, c.LeaveServer(ctx, "gophers"))
	must(t, c.DeleteServer(ctx, "gophers", "burrow"))
	must(t, c.Logout(ctx))
	if _, err = c.Servers(ctx); client.CodeOf(err) != client.NotLoggedIn || c.User() != "" {
		t.Errorf("after logout: %v, user %q", err, c.User())
	}
	must(t, c.Login(ctx, "alice", "better"))
}

// checkHistory posts messages and reads them back in every way.
func checkHistory(t *testing.T, c *client.Client) {
	t.Helper()
	ctx := within(t)
	texts := []string{"zero", "eins ü", "two 😀\n\x1b[31m", "three"}
	var all []client.Message
	for _, text := range texts {
		all = append(all, post(t, c, "gophers", "tea", text))
	}
	again, err := c.PostOnce(ctx, "gophers", "tea", "once", "n1")
	must(t, err)
	all = append(all, again)
	again, err = c.PostOnce(ctx, "gophers", "tea", "once", "n1")
	must(t, err)
	if again != all[4] || again.Index != 4 || again.Author != "alice" || time.Since(again.Time) > time.Hour {
		t.Errorf("posted twice under a nonce: %+v, then %+v", all[4], again)
	}
	total, err := c.Total(ctx, "gophers", "tea")
	must(t, err)
	page, err := c.Messages(ctx, "gophers", "tea", 1, 5)
	must(t, err)
	if total != 5 || !slices.Equal(page, all[1:]) {
		t.Errorf("total %d, messages\n%v\nwant\n%v", total, page, all[1:])
	}
	latest, err := c.Latest(ctx, "gophers", "tea", 2, -1)
	must(t, err)
	before, err := c.Latest(ctx, "gophers", "tea", 2, 3)
	must(t, err)
	if latest.Total != 5 || !slices.Equal(latest.Messages, all[3:]) || !slices.Equal(before.Messages, all[1:3]) {
		t.Errorf("latest %v of %d, before 3 %v", latest.Messages, latest.Total, before.Messages)
	}
}

// TestRefusals checks the reason and the code of refusals by either provider.
func TestRefusals(t *testing.T) {
	p := providertest.Start(t, program)
	ctx := within(t)
	c := login(t, p.Addr, "alice", client.Options{})
	for code, err := range map[client.Code]error{
		client.UserExists:    c.Register(ctx, "alice", "x"),
		client.WrongPassword: c.Login(ctx, "alice", "x"),
		client.NoSuchUser:    c.Login(ctx, "nobody", "x"),
		client.WrongKey:      c.LoginByKey(ctx, "alice", "x"),
		client.NoSuchServer:  c.JoinServer(ctx, "nowhere", "x"),
	} {
		var refusal *client.Refusal
		if client.CodeOf(err) != code || !errors.As(err, &refusal) || refusal.Reason == "" || refusal.Call == "" {
			t.Errorf("%v, want code %s with reason and call", err, code)
		}
	}
	if c.User() != "alice" || client.CodeOf(errors.New("x")) != "" {
		t.Error("a refused login changed who is logged in")
	}
}

// TestAddresses checks what Address makes of what people write.
func TestAddresses(t *testing.T) {
	for written, want := range map[string]string{
		"": "localhost:5005", "chat.example": "chat.example:5005", "chat.example:7": "chat.example:7",
		":7": "localhost:7", "::1": "[::1]:5005", "[::1]": "[::1]:5005", "[::1]:7": "[::1]:7", "h\t": "h:5005",
		"fe80::1%eth0": "[fe80::1%eth0]:5005", "[fe80::1%eth0]": "[fe80::1%eth0]:5005",
		"a:b:c": "", "h:nosuchport": "", "h:70000": "",
	} {
		got, err := client.Address(written)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v; want %q", written, got, err, want)
		}
	}
}

// TestNoProvider checks that clear errors come at once if there is no provider.
func TestNoProvider(t *testing.T) {
	p := providertest.Start(t, program)
	p.Stop()
	if _, err := client.Dial(within(t), p.Addr, client.Options{}); err == nil {
		t.Error("dialled a provider that is not there")
	}
	if _, err := client.Open("a:b:c", client.Options{}); err == nil {
		t.Error("opened an address that is none")
	}
	if _, err := client.Open(p.Addr, client.Options{Encoding: "klingon"}); err == nil {
		t.Error("opened with an encoding that is none")
	}
	c, err := client.Open(p.Addr, quick())
	must(t, err)
	ctx, cancel := context.WithTimeout(within(t), 50*time.Millisecond)
	defer cancel()
	if _, err = c.Servers(ctx); !errors.Is(err, context.DeadlineExceeded) || client.CodeOf(err) != "" {
		t.Errorf("a call without a provider: %v", err)
	}
	c.Close()
	if _, err = c.Servers(within(t)); !errors.Is(err, client.ErrClosed) {
		t.Errorf("a call after Close: %v", err)
	}
	if _, err = c.Subscribe(within(t), "a", "b"); !errors.Is(err, client.ErrClosed) {
		t.Errorf("a subscription after Close: %v", err)
	}
	c.Reconnect()
	cancel()
	for range 50 { // a call finds out at random that its time is over, or that the client is closed
		if _, err = c.Servers(ctx); !strings.Contains(err.Error(), "closed") {
			t.Fatalf("a call after Close and Reconnect: %v", err)
		}
	}
}

// TestEncodings talks to providers in the encodings they were started with.
func TestEncodings(t *testing.T) {
	for _, encoding := range []string{"utf-8", "latin-1", "utf-16", "utf-16-be", "utf-32", "cp1252", "shift_jis"} {
		t.Run(encoding, func(t *testing.T) {
			t.Parallel()
			p := providertest.Start(t, program, "--encoding", encoding)
			c := member(t, p.Addr, "zoë", "s", client.Options{Encoding: encoding})
			s := subscribe(t, member(t, p.Addr, "bob", "s", client.Options{Encoding: encoding}), "s", "general")
			const text = "ä ü 日本 😀 \\u0041 \""
			post(t, c, "s", "general", text)
			hear(t, s, "general", 0, text)
		})
	}
}

// TestTooManyConnections checks that the provider's own reason is told.
func TestTooManyConnections(t *testing.T) {
	p := providertest.Start(t, program, "--maxconnections", "1")
	connect(t, p.Addr, client.Options{})
	_, err := client.Dial(within(t), p.Addr, client.Options{})
	if client.CodeOf(err) != "too_many_connections" {
		t.Errorf("one connection too many: %v", err)
	}
}
