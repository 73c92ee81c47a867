package actors

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"elemental/persistence"
)

// These are the states without their actors: pure checks and apply.

func TestTimestampsGrowWhenTheClockStepsBack(t *testing.T) {
	h := newHistory()
	clock := []int64{1000, 2000, 1500, 1500, 0, 3000}
	want := []int64{1000, 2000, 2001, 2002, 2003, 3000}
	for i, now := range clock {
		e := h.next(&post{Author: "alice", Post: &Post{}}, now)
		h.apply(e)
		if e.Index != int64(i) || e.Timestamp != want[i] {
			t.Errorf("message %d at clock %d has index %d, timestamp %d, want %d", i, now, e.Index, e.Timestamp, want[i])
		}
	}
}

func TestNoncesAreKeptForAThousandPosts(t *testing.T) {
	h := newHistory()
	post := func(author, text string) {
		e := h.next(&post{Author: author, Post: &Post{Nonce: text}}, 0)
		h.apply(e)
	}
	post("alice", "first")
	for i := range noncesKept - 1 {
		post("bob", fmt.Sprint(i))
	}
	if _, kept := h.nonces[nonce{"alice", "first"}]; !kept {
		t.Errorf("forgotten within %d posts", noncesKept)
	}
	for range 3 {
		post("bob", "")
	}
	if _, kept := h.nonces[nonce{"alice", "first"}]; kept || len(h.nonces) > noncesKept {
		t.Errorf("%d nonces are kept", len(h.nonces))
	}
}

func TestAServerMadeAgainIsAnother(t *testing.T) {
	g := newGuild()
	g.apply(serverCreated{Incarnation: 1, Owner: "alice", Channel: firstChannel})
	g.apply(memberJoined{User: "bob"})
	g.apply(serverDeleted{})
	if g.Exists || g.isMember("bob") || g.owed[membership{"bob", 1}] {
		t.Fatalf("after the deletion: %+v", g)
	}
	g.apply(serverCreated{Incarnation: 4, Owner: "bob", Channel: firstChannel})
	if g.isMember("alice") || !g.isMember("bob") || g.channel(firstChannel) != 4 {
		t.Fatalf("the new one has the old one's members or channels: %+v", g)
	}
	if member, owed := g.owed[membership{"bob", 1}]; !owed || member {
		t.Error("the old membership's end is not owed any more")
	}
}

// TestAServersChannelsAreFound by name and by incarnation, also after some were deleted and made
// again, and in a snapshot.
func TestAServersChannelsAreFound(t *testing.T) {
	s := newServer(nil, "s")
	s.reset()
	s.guild.apply(serverCreated{Incarnation: 1, Owner: "alice", Channel: firstChannel})
	for i := range uint64(20) {
		s.guild.apply(channelCreated{fmt.Sprint(i), 2 + i})
	}
	s.guild.apply(channelDeleted{"7", 9})
	s.guild.apply(channelDeleted{"8", 10})
	s.guild.apply(channelCreated{"8", 40})
	save := &persistence.SaveSnapshot{}
	s.snapshot(save)
	restored := newServer(nil, "s")
	restored.reset()
	if err := restored.restore(save.State); err != nil {
		t.Fatal(err)
	}
	for _, g := range []*guild{&s.guild, &restored.guild} {
		for name, want := range map[string]uint64{firstChannel: 1, "0": 2, "6": 8, "7": 0, "8": 40, "19": 21, "20": 0} {
			if got := g.channel(name); got != want {
				t.Errorf("channel %s is %d, want %d", name, got, want)
			}
			if made := g.made(want); (made != nil) != (want > 0) || made != nil && made.Channel != name {
				t.Errorf("channel %d is %v, want %s", want, made, name)
			}
		}
		if g.made(9) != nil || g.made(10) != nil || g.channels.len() != 20 || len(g.channels.all()) != 20 {
			t.Errorf("deleted ones are among %v", g.channels.all())
		}
	}
}

func TestAUsersListFollowsTheNewestIncarnation(t *testing.T) {
	var a account
	a.apply(joined{"s", 1})
	late := &membershipChanged{Server: "s", Incarnation: 1, Member: false}
	if !a.news(late) {
		t.Error("leaving is no news")
	}
	a.apply(joined{"s", 5})
	if a.news(late) {
		t.Error("a late word of the old incarnation would end the new membership")
	}
	if a.news(&membershipChanged{Server: "s", Incarnation: 5, Member: true}) {
		t.Error("what is known is news")
	}
	if a.servers.len() != 1 {
		t.Errorf("listed %v", a.servers.all())
	}
}

func TestKeysExpireAndAreBounded(t *testing.T) {
	var a account
	now := time.Unix(10_000, 0)
	a.apply(loggedIn{Key: hashKey("old"), At: now.Unix() - 3601})
	a.apply(loggedIn{Key: hashKey("new"), At: now.Unix() - 3600})
	for key, want := range map[string]Code{"old": KeyTooOld, "new": "", "other": WrongKey} {
		if got := a.checkKey(hashKey(key), now, time.Hour); got != want {
			t.Errorf("key %q: %q, want %q", key, got, want)
		}
	}
	for range 2 * maxKeys {
		a.apply(loggedIn{Key: hashKey(newKey()), At: now.Unix()})
	}
	if len(a.Keys) != maxKeys || a.TimesLoggedIn != 2*maxKeys+2 {
		t.Errorf("%d keys after %d logins", len(a.Keys), a.TimesLoggedIn)
	}
}

// TestAnEventIsReadAsItWasWritten holds the two decoders of posts to each other:
// for what Append makes, and for what it does not.
func TestAnEventIsReadAsItWasWritten(t *testing.T) {
	texts := []string{"", "x", "Grüße 🌍", `a "quote" and \ and /`, "\x00\n\t\u2028\x7f", strings.Repeat("long ", 4000), "\\", `"`}
	for _, text := range texts {
		for _, author := range texts {
			for _, nonce := range texts {
				for _, n := range []int64{0, 7, 1<<53 + 1, 999_999_999_999_999_999} {
					e := posted{Index: n, Author: author, Text: text, Timestamp: n, Nonce: nonce}
					data := e.Append(nil)
					quick, err := decodePosted(data, string(data)[:len(data)*int(n%2)], texts[n%8])
					slow, slowErr := decode[posted](data)
					if err != nil || slowErr != nil || quick != e || slow != e {
						t.Fatalf("%s comes back as %+v and %+v, %v, %v", data, quick, slow, err, slowErr)
					}
				}
			}
		}
	}
	for _, data := range []string{
		"", "{", "{}", `{"index":1}`, `{"index":1,"author":"a","message":"m","us":2,"nonce":"n"`, `{"index":01,"author":"a","message":"m","us":2}`,
		`{ "index":1,"author":"a","message":"m","us":2}`, `{"us":2,"message":"m","author":"a","index":1}`, `{"index":-1,"author":"a","message":"m","us":-2}`,
		`{"index":1,"author":"a","message":"m","us":2}x`, `{"index":1,"author":"a","message":"m","us":9223372036854775808}`,
		`{"index":9223372036854775807,"author":"\u0061","message":"\ud83d\ude00","us":2,"nonce":""}`, `{"index":1,"author":"\ud83d","message":"m","us":2}`,
		"{\"index\":1,\"author\":\"\xff\",\"message\":\"\n\",\"us\":2}",
		"{\"index\":1,\"author\":\"a\",\"message\":\"more than eight\n bytes\",\"us\":2}", "{\"index\":1,\"author\":\"a\",\"message\":\"more than eight\xff bytes\",\"us\":2}", `{"index":1,"author":"a\`, `{"index":1,"author":"a\"`, `{"index":1,"author":"a`,
	} {
		quick, err := decodePosted([]byte(data), data, "a")
		slow, slowErr := decode[posted]([]byte(data))
		if quick != slow || (err == nil) != (slowErr == nil) {
			t.Errorf("%s is read as %+v, %v, or as %+v, %v", data, quick, err, slow, slowErr)
		}
	}
}
