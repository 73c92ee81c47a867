package inspector_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"elemental/transport/housetest"
)

// follow asks for requests to be followed.
func (st *stream) follow(s *site, call string, count int) {
	st.t.Helper()
	answer, text := s.ask(http.MethodPost, "/api/follow", fmt.Sprintf(`{"stream":%q,"call":%q,"count":%d}`, st.id, call, count), nil)
	if answer.StatusCode != http.StatusOK {
		st.t.Fatalf("%s %s", answer.Status, text)
	}
}

// When a client is told that the next request is followed, it is the very next one.
func TestTheVeryNextRequestIsFollowed(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	alice := s.Founder()
	page := s.look("")
	for range 40 {
		page.follow(s, "ping", 1)
		alice.Yes(`{"call":"ping"}`)
		if request := page.next("request"); request["call"] != "ping" {
			t.Fatal(request)
		}
	}
}

// Only what was asked for is followed: this call, and on this connection.
func TestOnlyWhatIsWantedIsFollowed(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	alice, bob := s.channel()
	page := s.look("")
	answer, text := s.ask(http.MethodPost, "/api/follow", fmt.Sprintf(`{"stream":%q,"conn":2,"call":"ping"}`, page.id), nil)
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s %s", answer.Status, text)
	}
	bob.Yes(`{"call":"ping"}`)
	alice.Yes(`{"call":"getprovidername"}`)
	alice.Yes(`{"call":"ping"}`)
	if request := page.next("request"); request["call"] != "ping" || request["conn"] != 2.0 {
		t.Errorf("%v on connection %v", request["call"], request["conn"])
	}
	if f := page.next("followed"); f["left"] != 0.0 {
		t.Errorf("without a number, one is followed: %v", f)
	}
}

// clocked has the times of a post, as its sender sees them.
type clocked struct{ sent, answered, told time.Time }

// Followed posts, one right after another, show each station on their way, in order and
// within the time that they took, with the batch in which they were committed and the
// pushes that they caused.
func TestFollowPosts(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	alice, bob := s.channel()
	page := s.look("flow")
	page.follow(s, "message", 2)
	posts := make([]clocked, 2)
	for i := range posts {
		posts[i].sent = time.Now()
		alice.Yes(post, "hello")
		bob.Next()
		posts[i].answered = time.Now()
	}
	for i := range posts {
		request := page.next("request")
		posts[i].told = time.Now()
		if request["call"] != "message" || request["code"] != "" || request["conn"] != 2.0 {
			t.Errorf("%d: %v", i, request)
		}
		checkTimes(t, request, posts[i])
		checkWay(t, request)
	}
	page.next("followed")
	eventually(t, "it has ended by itself", func() bool { return s.object("/api/about")["cost"].(object)["follows"] == 0.0 })
}

func hopsOf(request object) (hops []object) {
	for _, h := range request["hops"].([]any) {
		hops = append(hops, h.(object))
	}
	return hops
}

// checkTimes compares a request's times with its client's: everything began before the
// client had its answer, and ended before the page was told. No hop begins before its
// parent.
func checkTimes(t *testing.T, request object, of clocked) {
	t.Helper()
	within := func(at time.Time) float64 { return float64(at.Sub(of.sent).Nanoseconds()) / 1000 }
	if begun := int64(request["begun"].(float64)); begun < of.sent.UnixMilli()-1 || begun > of.answered.UnixMilli()+1 {
		t.Errorf("begun at %v, posted from %v to %v", begun, of.sent.UnixMilli(), of.answered.UnixMilli())
	}
	if took := request["took"].(float64); took <= 0 || took > within(of.told) {
		t.Errorf("it took %v of %v", took, within(of.told))
	}
	hops := hopsOf(request)
	parents := map[any]float64{"": 0}
	for _, hop := range hops {
		parents[hop["span"]] = hop["begun"].(float64)
	}
	for _, hop := range hops {
		sent, begun, ended := hop["sent"].(float64), hop["begun"].(float64), hop["ended"].(float64)
		if parent, known := parents[hop["parent"]]; !known || sent < parent || begun < sent || ended < begun {
			t.Errorf("%s from %v, begun %v, until %v, its parent begun %v", hop["where"], sent, begun, ended, parent)
		}
		if begun > within(of.answered) || ended > within(of.told) {
			t.Errorf("%s begun %v, until %v: the client had waited %v, the page was told at %v", hop["where"], begun, ended, within(of.answered), within(of.told))
		}
	}
}

// checkWay looks for each station of a post, in order.
func checkWay(t *testing.T, request object) {
	t.Helper()
	at := map[string]object{}
	var order []string
	var handled object // the post itself, handled by the channel
	for _, hop := range hopsOf(request) {
		where := hop["where"].(string)
		order = append(order, where)
		at[where] = hop
		if hop["message"] == "post" && where == "channel" {
			handled = hop
		}
	}
	last := -1.0
	for _, where := range []string{"reader", "session", "server", "channel", "persistence", "router", "writer"} {
		hop := at[where]
		if hop == nil {
			t.Errorf("it was not at the %s: %v", where, order)
			continue
		}
		if where != "session" && where != "persistence" && where != "channel" { // these come more than once
			if hop["begun"].(float64) < last {
				t.Errorf("the %s comes too early: %v", where, order)
			}
			last = hop["begun"].(float64)
		}
	}
	if t.Failed() {
		return
	}
	if handled == nil {
		t.Fatalf("the channel was sent no post: %v", request["hops"])
	}
	if place := handled["place"].(object); place["file"] != "actors/channel.go" || place["line"].(float64) < 1 || place["function"] == "" {
		t.Errorf("the place of the channel's hop is %v", place)
	}
	if at["router"]["pushes"] != 1.0 {
		t.Errorf("the router's hop is %v", at["router"])
	}
	if batch, ok := at["persistence"]["batch"].(object); !ok || batch["records"].(float64) < 1 || batch["synced"].(float64) < batch["written"].(float64) {
		t.Errorf("the batch is %v", at["persistence"])
	}
}

func TestFollowIsBounded(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	page := s.look("cost")
	follow := func(body string) (int, string) {
		answer, text := s.ask(http.MethodPost, "/api/follow", body, nil)
		return answer.StatusCode, text
	}
	if status, _ := follow(`{"stream":"nobody","count":1}`); status != http.StatusNotFound {
		t.Errorf("a stream that is not: %d", status)
	}
	var last string
	for i := range 16 {
		status, text := follow(fmt.Sprintf(`{"stream":%q,"call":"ping","conn":%d,"count":99}`, page.id, 1000+i))
		if status != http.StatusOK {
			t.Fatalf("%d: %d %s", i, status, text)
		}
		last = strings.TrimSuffix(strings.TrimPrefix(text, `{"id":"`), `"}`)
	}
	if status, _ := follow(fmt.Sprintf(`{"stream":%q}`, page.id)); status != http.StatusServiceUnavailable {
		t.Errorf("the seventeenth: %d", status)
	}
	if answer, text := s.ask(http.MethodDelete, "/api/follow?id="+last, "", nil); answer.StatusCode != http.StatusOK {
		t.Errorf("%s %s", answer.Status, text)
	}
	if f := page.next("followed"); f["id"] != last || f["left"] != 20.0 { // no more than that, of 99
		t.Errorf("the one that was ended: %v", f)
	}
	eventually(t, "it is gone", func() bool {
		answer, _ := s.ask(http.MethodDelete, "/api/follow?id="+last, "", nil)
		return answer.StatusCode == http.StatusNotFound
	})
	page.end()
	eventually(t, "they end with their page", func() bool { return s.object("/api/about")["cost"].(object)["follows"] == 0.0 })
}
