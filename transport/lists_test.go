package transport_test

import (
	"fmt"
	"testing"

	"elemental/actors"
	"elemental/transport/housetest"
)

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
