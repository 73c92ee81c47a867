package transport_test

import (
	"strings"
	"testing"
	"time"

	"elemental/actors"
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
