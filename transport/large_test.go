package transport_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"elemental/actors"
	"elemental/actors/telemetry"
	"elemental/persistence"
	"elemental/transport"
	"elemental/transport/housetest"
)

// TestFewLargeRequestsComeInAtATime: clients that begin large requests and do not end them hold a
// bounded number of turns. They lose them when somebody else needs one, and only then: all of them
// have much more time otherwise.
func TestFewLargeRequestsComeInAtATime(t *testing.T) {
	h := housetest.New(t, housetest.Settings{Wire: func(cfg *transport.Config) { cfg.RequestTime = time.Hour }})
	h.Founder()
	const turns = 32
	begun := `{"call":"ping","more":"` + strings.Repeat("x", 20<<10)
	lines := make([]*housetest.Line, turns+1) // one more than there are turns
	for i := range lines {
		lines[i] = h.Login("alice")
		lines[i].Write(begun)
	}
	type heard struct {
		line   *housetest.Line
		answer map[string]any
	}
	answers := make(chan heard, len(lines))
	for _, line := range lines {
		go func() {
			got := heard{line: line}
			defer func() { answers <- got }() // also if there is no answer
			got.answer = line.Next()
		}()
	}
	first := <-answers
	if first.answer["code"] != "timed_out" {
		t.Fatalf("nobody has lost a turn: %v", first.answer)
	}
	for _, line := range lines {
		if line != first.line {
			line.Write(`"}`)
		}
	}
	done := 0
	for range turns {
		last := <-answers
		answer := last.answer
		if answer["resp"] == true { // who was just about to lose the turn hears that only now
			answer = last.line.Ask(`{"call":"ping"}`)
		}
		switch {
		case answer["resp"] == true:
			done++
		case answer["code"] != "timed_out":
			t.Errorf("answered %v", answer)
		}
	}
	if done == 0 {
		t.Error("nobody got the turn that became free")
	}
	lines[turns].Close()
	h.Login("alice").Yes("%s", begun+`"}`) // all turns were given back
}

// TestStrangersCannotAskForManyIcons: whoever asks for the icon again and again, and does not
// read, has one answer more under way than may wait for him.
func TestStrangersCannotAskForManyIcons(t *testing.T) {
	icon := strings.Repeat("aaaa", 64<<10)
	h := housetest.New(t, housetest.Settings{Actor: func(cfg *actors.Config) { cfg.Icon = icon }})
	const requests = 64
	line := h.Dial()
	line.Write(strings.Repeat(`{"call":"getprovidername"}`, requests))
	most := int64(transport.DefaultConfig().OutboxBytes + len(icon) + 4<<10)
	for range requests {
		if line.Next()["icon"] != icon {
			t.Fatal("another icon")
		}
		if unread := h.Listener.Counters().Unread; unread > most {
			t.Fatalf("%d bytes wait for a client, more than %d", unread, most)
		}
	}
}

// TestWithAPasswordARequestIsNotLarge: it may wait for long to be hashed, and a few that are large would
// leave no room to the requests of others meanwhile. So the limit is that before the login.
func TestWithAPasswordARequestIsNotLarge(t *testing.T) {
	h := housetest.New(t, housetest.Settings{})
	h.Founder()
	limit := transport.DefaultConfig().LoginRequestBytes
	for _, call := range []string{
		`"register","usernm":"carol","passwd":"x"`,
		`"login","usernm":"alice","passwd":"x"`,
		`"changepasswd","passwd":"x","newpasswd":"y"`,
		`"createserver","servername":"t","serverpasswd":"x"`,
		`"joinserver","servername":"s","serverpasswd":"x"`,
		`"deleteserver","servername":"s","serverpasswd":"x"`,
	} {
		line := h.Login("alice")
		start := `{"call":` + call + `,"more":"`
		line.Write(`{"call":"ping"}`)
		line.Write(start + strings.Repeat("x", limit+1-len(start)-2) + `"}`)
		if answer := line.Next(); answer["resp"] != true {
			t.Errorf("%s: what came before was answered %v", call, answer)
		}
		if answer := line.Next(); answer["code"] != "too_large" {
			t.Errorf("%s: answered %v", call, answer)
		}
	}
	line := h.Login("alice")
	start := `{"call":"login","usernm":"alice","passwd":"`
	if answer := line.Ask("%s", start+strings.Repeat("x", limit-len(start)-2)+`"}`); answer["code"] != "wrong_password" {
		t.Errorf("at the limit: answered %v", answer)
	}
}

// TestListsAreAsLongAsAnAnswer: one account may make any number of servers and channels. Without a
// limit the answers that list them would take more memory than all else, and stop everybody while
// they are made.
func TestListsAreAsLongAsAnAnswer(t *testing.T) {
	const most = 5 // names of some five letters
	h := housetest.New(t, housetest.Settings{Actor: func(cfg *actors.Config) { cfg.AnswerBytes = most * 38 }})
	alice := h.Founder()
	for i := range most - 1 {
		alice.Yes(`{"call":"createchannel","servername":"s","name":"%05d"}`, i)
	}
	full := `{"call":"createchannel","servername":"s","name":"00009"}`
	if no := alice.Ask("%s", full); no["code"] != "list_too_long" || no["reason"] != "list is too long" {
		t.Error(no)
	}
	if list := alice.Yes(`{"call":"getserverchannels","servername":"s"}`)["channels"].([]any); len(list) != most {
		t.Error(list)
	}
	alice.Yes(`{"call":"deletechannel","servername":"s","name":"00000"}`)
	alice.Yes("%s", full)

	alice.Yes(`{"call":"getjoinedservers"}`)
	for i := range most {
		alice.Yes(`{"call":"createserver","servername":"%05d","serverpasswd":""}`, i)
	}
	if no := alice.Ask(`{"call":"getjoinedservers"}`); no["code"] != "list_too_long" {
		t.Error(no)
	}

	alice.Yes(`{"call":"getservermembers","servername":"s"}`)
	for i := range most {
		name := fmt.Sprintf("%05d", i)
		h.Dial().Yes(`{"call":"register","usernm":%q,"passwd":"pw"}`, name)
		h.Login(name).Yes(`{"call":"joinserver","servername":"s","serverpasswd":"spw"}`)
	}
	if no := alice.Ask(`{"call":"getservermembers","servername":"s"}`); no["code"] != "list_too_long" {
		t.Error(no)
	}
}

// TestTheLongestMessageIsReadAgain posts as much text as a message may have, and an answer too, of
// characters that take six bytes in JSON each: it is read as well when it has left memory.
func TestTheLongestMessageIsReadAgain(t *testing.T) {
	const longest = 128 << 10
	h := housetest.New(t, housetest.Settings{
		Store: func(cfg *persistence.Config) { cfg.SnapshotInterval = 20 * time.Millisecond },
		Actor: func(cfg *actors.Config) { cfg.MessageBytes, cfg.AnswerBytes = longest, longest },
	})
	alice := h.Founder()
	alice.Yes(post, strings.Repeat(`\u0001`, longest))
	for range 2 * persistence.PageItems {
		alice.Write(fmt.Sprintf(post, "x"))
	}
	for range 2 * persistence.PageItems {
		alice.Next()
	}
	until(t, "it leaves memory", func() bool {
		told := follow(t, h, telemetry.Filter{Call: "getmessages"})
		defer told.stop()
		list := alice.Yes(`{"call":"getmessages","servername":"s","channel":"general","begin":0,"end":1}`)["messages"].([]any)
		if text := list[0].(map[string]any)["message"]; text != strings.Repeat("\x01", longest) {
			t.Fatal("it is another")
		}
		return strings.Contains(way(told.one()), "persistence")
	})
	if no := alice.Ask(`{"call":"getmessages","servername":"s","channel":"general","begin":0,"end":2}`); no["code"] != "too_many_messages" {
		t.Error("more than an answer may have was answered")
	}
}

// TestAMessageFromBeforeTheLimitsIsReadAgain posts a message and then lowers the limits, so that it
// is longer than an answer may be. It can still be read: otherwise a client that reads a channel's
// history, or fetches what it missed, could never get past it.
func TestAMessageFromBeforeTheLimitsIsReadAgain(t *testing.T) {
	const before, after = 64 << 10, 16 << 10
	text := strings.Repeat("x", before)
	set := housetest.Settings{Dir: t.TempDir(), Actor: func(cfg *actors.Config) { cfg.MessageBytes, cfg.AnswerBytes = before, before }}
	h := housetest.New(t, set)
	alice := h.Founder()
	alice.Yes(post, text)
	alice.Yes(post, "y")
	if err := h.Stop(); err != nil {
		t.Fatal(err)
	}
	set.Actor = func(cfg *actors.Config) { cfg.MessageBytes, cfg.AnswerBytes = after, after }
	alice = housetest.New(t, set).Login("alice")
	for _, request := range []string{
		`{"call":"getmessages","servername":"s","channel":"general","begin":0,"end":1}`,
		`{"call":"getlatestmessages","servername":"s","channel":"general","count":1,"before":1}`,
	} {
		list := alice.Yes("%s", request)["messages"].([]any)
		if list[0].(map[string]any)["message"] != text {
			t.Errorf("%s: it is another", request)
		}
	}
	if no := alice.Ask(`{"call":"getmessages","servername":"s","channel":"general","begin":0,"end":2}`); no["code"] != "too_many_messages" {
		t.Error("more than an answer may have was answered")
	}
}
