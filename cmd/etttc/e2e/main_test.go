// Package e2e_test runs the real client in pseudo-terminals against real providers, both built
// with the race detector. It looks at the screens as users do.
package e2e_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"elemental/client"
	"elemental/cmd/elemental/providertest"
	"elemental/cmd/etttc/terminaltest"
)

// The built programs.
var etttc, elemental string

func TestMain(m *testing.M) {
	os.Exit(providertest.Main(m, func(dir string) (err error) {
		if etttc, err = providertest.Build(dir, "elemental/cmd/etttc"); err == nil {
			elemental, err = providertest.Build(dir, "elemental/cmd/elemental")
		}
		return err
	}))
}

// passwordOf returns passwords of users and servers that differ from all else on a screen.
func passwordOf(name string) string { return "s3cret-of-" + name }

// user is a user who talks to the provider through the library, for what the test does not do on
// a screen.
type user struct {
	*client.Client
	t   *testing.T
	ctx context.Context // without a deadline: each call has its own
}

// newUser registers a user and logs them in.
func newUser(t *testing.T, addr, name string) *user {
	t.Helper()
	ctx := t.Context()
	who, err := client.Dial(ctx, addr, client.Options{
		MinDelay: time.Millisecond, MaxDelay: 20 * time.Millisecond, Timeout: providertest.Patience, DialTimeout: providertest.Patience,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(who.Close)
	u := &user{who, t, ctx}
	u.must(who.Register(ctx, name, passwordOf(name)))
	u.must(who.Login(ctx, name, passwordOf(name)))
	return u
}

func (u *user) must(err error) {
	u.t.Helper()
	if err != nil {
		u.t.Fatal(err)
	}
}

func (u *user) makes(server string, channels ...string) {
	u.t.Helper()
	u.must(u.CreateServer(u.ctx, server, passwordOf(server)))
	for _, channel := range channels {
		u.must(u.CreateChannel(u.ctx, server, channel))
	}
}

func (u *user) joins(server string) {
	u.t.Helper()
	u.must(u.JoinServer(u.ctx, server, passwordOf(server)))
}

func (u *user) posts(server, channel string, texts ...string) {
	u.t.Helper()
	for _, text := range texts {
		_, err := u.Post(u.ctx, server, channel, text)
		u.must(err)
	}
}

// history returns all texts of a channel.
func (u *user) history(server, channel string) []string {
	u.t.Helper()
	page, err := u.Latest(u.ctx, server, channel, 5000, -1)
	u.must(err)
	texts := make([]string, len(page.Messages))
	for i, m := range page.Messages {
		texts[i] = m.Text
	}
	return texts
}

// The size of a usual terminal, in columns and rows.
const cols, rows = 120, 40

// open starts the client with these arguments and the address.
func open(t *testing.T, addr string, args ...string) *terminaltest.Terminal {
	t.Helper()
	return terminaltest.Start(t, cols, rows, etttc, append(args, addr), nil)
}

// as returns the arguments that log a user in.
func as(t *testing.T, name string, more ...string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(passwordOf(name)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return append([]string{"--user", name, "--passwordfile", file}, more...)
}

// enter types a line and sends it.
func enter(term *terminaltest.Terminal, line string) {
	term.Type(line)
	term.Key("enter")
}

// numbered returns texts with numbers in them, so that a test can find each of them.
func numbered(from, to int) []string {
	var texts []string
	for i := from; i < to; i++ {
		texts = append(texts, fmt.Sprintf("text-%04d", i))
	}
	return texts
}
