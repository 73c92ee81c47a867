package client_test

import (
	"testing"

	"elemental/client"
	"elemental/cmd/elemental/providertest"
)

// TestMadeAnewWhileAway deletes a channel and makes it again while the listener
// is away: it hears that, and the new one from its first message, also where
// the new one is as long as the old one was.
func TestMadeAnewWhileAway(t *testing.T) {
	for name, whole := range map[string]string{"the channel": "tea", "the whole server": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := providertest.Start(t, program)
			cut := newCutter(t, p.Addr)
			ctx := within(t)
			alice := member(t, p.Addr, "alice", "s", quick())
			must(t, alice.CreateChannel(ctx, "s", "tea"))
			bob := member(t, cut.addr(), "bob", "s", quick())
			s := subscribe(t, bob, "s", whole)
			for _, texts := range [][]string{{"a", "b"}, {"c", "d", "e"}, {"f"}} {
				for i, text := range texts {
					post(t, alice, "s", "tea", text)
					hear(t, s, "tea", int64(i), text)
				}
				hold := cut.hold()
				must(t, alice.DeleteChannel(ctx, "s", "tea"))
				must(t, alice.CreateChannel(ctx, "s", "tea"))
				first := []string{"x", "y", "z"}
				for _, text := range first {
					post(t, alice, "s", "tea", text)
				}
				hold()
				if e := next(t, s); e.Kind != client.Deleted || e.Channel != "tea" {
					t.Fatalf("heard %+v where the channel was made anew", e)
				}
				hear(t, s, "tea", 0, first...)
				must(t, alice.DeleteChannel(ctx, "s", "tea"))
				must(t, alice.CreateChannel(ctx, "s", "tea"))
				if whole != "" {
					if err := ends(t, s); client.CodeOf(err) != client.ChannelGone {
						t.Fatal(err)
					}
					s = subscribe(t, bob, "s", whole)
				} else if e := next(t, s); e.Kind != client.Deleted {
					t.Fatalf("heard %+v where the channel was deleted", e)
				}
			}
		})
	}
}

// TestGoneWhileAway ends a subscription whose channel is no more.
func TestGoneWhileAway(t *testing.T) {
	p := providertest.Start(t, program)
	cut := newCutter(t, p.Addr)
	ctx := within(t)
	alice := member(t, p.Addr, "alice", "s", quick())
	must(t, alice.CreateChannel(ctx, "s", "tea"))
	bob := member(t, cut.addr(), "bob", "s", quick())
	tea, all := subscribe(t, bob, "s", "tea"), subscribe(t, bob, "s", "")
	post(t, alice, "s", "tea", "a")
	hear(t, tea, "tea", 0, "a")
	hear(t, all, "tea", 0, "a")
	hold := cut.hold()
	must(t, alice.DeleteChannel(ctx, "s", "tea"))
	must(t, alice.CreateChannel(ctx, "s", "new"))
	post(t, alice, "s", "new", "made while away")
	hold()
	if err := ends(t, tea); client.CodeOf(err) != client.NoSuchChannel {
		t.Errorf("the channel's subscription ended with %v", err)
	}
	heard := map[client.Kind]client.Event{}
	for range 2 {
		e := next(t, all)
		heard[e.Kind] = e
	}
	if heard[client.Deleted].Channel != "tea" || heard[client.Posted].Text != "made while away" {
		t.Errorf("the server's subscription heard %+v", heard)
	}
	hold = cut.hold()
	must(t, alice.DeleteServer(ctx, "s", "pw"))
	hold()
	for range all.Events() { // what is told of channels before the end does not matter
	}
	if code := client.CodeOf(all.Err()); code != client.NoSuchServer {
		t.Errorf("the server's subscription ended with %v", all.Err())
	}
}
