package inspector_test

import (
	"fmt"
	"net/http"
	"testing"

	"elemental/transport/housetest"
)

// A post that is followed shows each station on its way, in order, with plausible times,
// the batch that it was committed with and what it was pushed to.
func TestFollowAPost(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	alice, bob := s.channel()
	page := s.look("flow")
	answer, text := s.ask(http.MethodPost, "/api/follow", fmt.Sprintf(`{"stream":%q,"call":"message","count":2}`, page.id), nil)
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s %s", answer.Status, text)
	}
	for i := range 2 {
		var request object
		arrived := make(chan bool)
		go func() {
			defer close(arrived)
			request = page.next("request")
		}()
		for seen := false; !seen; { // the following of the second begins a moment after the first is told
			alice.Yes(post, "hello")
			bob.Next()
			select {
			case <-arrived:
				seen = true
			default:
			}
		}
		checkPost(t, i, request)
	}
	page.next("followed")
	eventually(t, "it has ended by itself", func() bool { return s.object("/api/about")["cost"].(object)["follows"] == 0.0 })
}

func checkPost(t *testing.T, i int, request object) {
	t.Helper()
	if request["call"] != "message" || request["code"] != "" || request["conn"] != 2.0 || request["took"].(float64) <= 0 || request["begun"].(float64) < 1e12 {
		t.Errorf("%d: %v", i, request)
	}
	at := map[string]object{}
	var order []string
	var handled object // the post itself, by the channel
	spans := map[string]bool{"": true}
	for _, h := range request["hops"].([]any) {
		hop := h.(object)
		where := hop["where"].(string)
		order = append(order, where)
		at[where] = hop
		if hop["message"] == "post" && where == "channel" {
			handled = hop
		}
		spans[hop["span"].(string)] = true
		sent, begun, ended := hop["sent"].(float64), hop["begun"].(float64), hop["ended"].(float64)
		if sent < 0 || begun < sent || ended < begun || ended > request["took"].(float64)+1e6 {
			t.Errorf("%d: %s from %v, begun %v, until %v", i, where, sent, begun, ended)
		}
	}
	for _, h := range request["hops"].([]any) {
		if hop := h.(object); !spans[hop["parent"].(string)] {
			t.Errorf("%d: the parent of %v is not among the hops", i, hop)
		}
	}
	last := -1.0
	for _, where := range []string{"reader", "session", "server", "channel", "persistence", "router", "writer"} {
		hop := at[where]
		if hop == nil {
			t.Errorf("%d: it was not at the %s: %v", i, where, order)
			continue
		}
		if where != "session" && where != "persistence" && where != "channel" { // it comes by again
			if hop["begun"].(float64) < last {
				t.Errorf("%d: the %s comes too early: %v", i, where, order)
			}
			last = hop["begun"].(float64)
		}
	}
	if t.Failed() {
		return
	}
	if handled == nil {
		t.Fatalf("%d: the channel was sent no post: %v", i, request["hops"])
	}
	if place := handled["place"].(object); place["file"] != "actors/channel.go" || place["line"].(float64) < 1 || place["function"] == "" {
		t.Errorf("%d: the place of the channel's hop is %v", i, place)
	}
	if at["router"]["pushes"] != 1.0 {
		t.Errorf("%d: the router's hop is %v", i, at["router"])
	}
	if batch, ok := at["persistence"]["batch"].(object); !ok || batch["records"].(float64) < 1 || batch["synced"].(float64) < batch["written"].(float64) {
		t.Errorf("%d: the batch is %v", i, at["persistence"])
	}
}
