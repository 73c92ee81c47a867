package torture

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"elemental/cmd/elemental/providertest"
)

// TestDeletionsUnderLoad has clients make and delete the same few servers and
// channels that others join, leave and post in, with actors that leave memory
// all the time. When it is quiet again users' lists and servers agree, all that
// is there can be read, and the journal becomes short.
func TestDeletionsUnderLoad(t *testing.T) {
	const users = 8
	seed := rand.Uint64()
	p := providertest.Start(t, program, "--segmentsize", "4KiB", "--snapshotinterval", "30ms", "--passivate", "200ms")
	var seats []*talker
	for i := range users {
		c, err := dialTalker(p.Addr)
		if err == nil {
			t.Cleanup(c.close)
			err = c.enter(fmt.Sprint("user", i))
		}
		if err != nil {
			t.Fatal(err)
		}
		seats = append(seats, c)
	}
	for round := range rounds(2, 60) {
		var running sync.WaitGroup
		for i, c := range seats {
			random := rand.New(rand.NewPCG(seed, uint64(round*users+i)))
			running.Go(func() { unsettle(t, c, random, 250) })
		}
		running.Wait()
		for _, c := range seats {
			settled(t, c)
		}
		eventually(t, "the journal is short", func() bool { return len(segments(t, p)) <= 6 })
	}
	t.Logf("seed %d", seed)
}

// unsettle makes changes, and posts ahead of the answers.
func unsettle(t *testing.T, c *talker, random *rand.Rand, changes int) {
	calls := []string{
		"createserver", "deleteserver", "createchannel", "deletechannel", "joinserver", "leaveserver",
		"message", "message", "message", "message", "getlatestmessages",
	}
	for range changes {
		call, ahead := calls[random.IntN(len(calls))], 1
		if call == "message" {
			ahead = 1 + random.IntN(16)
		}
		channel := []string{"general", "tea"}[random.IntN(2)]
		server := fmt.Sprint("s", random.IntN(4))
		for range ahead {
			if err := c.send(call, "servername", server, "serverpasswd", "", "channel", channel, "name", channel, "msg", "x", "count", 10); err != nil {
				t.Error(err)
				return
			}
		}
		for range ahead {
			if _, err := c.hear(call); err != nil && !errors.As(err, new(refusal)) {
				t.Error(err)
				return
			}
		}
	}
}

// settled holds a user's list against the servers, and reads what is there.
func settled(t *testing.T, c *talker) {
	t.Helper()
	list, err := c.ask("getjoinedservers")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		server := fmt.Sprint("s", i)
		there, err := c.ask("getserverchannels", "servername", server)
		if member := slices.Contains(list.Servers, server); member != (err == nil) {
			t.Errorf("a member of %s by the list: %v; the server: %v", server, member, err)
		}
		for _, channel := range there.Channels {
			head, err := c.ask("getlatestmessages", "servername", server, "channel", channel, "count", 0)
			if err != nil {
				t.Fatal(err)
			}
			all, err := c.ask("getmessages", "servername", server, "channel", channel, "begin", 0, "end", head.Amount)
			if err != nil || int64(len(all.Messages)) != head.Amount {
				t.Errorf("%d of %d messages: %v", len(all.Messages), head.Amount, err)
			}
		}
	}
}
