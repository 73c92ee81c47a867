package inspector_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"elemental/actors/telemetry"
	"elemental/inspector"
	"elemental/transport/housetest"
)

// A page sees what the provider does: its rates, its actors, and what happens to them.
func TestFlowAndTree(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	alice, bob := s.channel()
	page := s.look("flow,tree,cost")
	posted := make(chan bool)
	var poster sync.WaitGroup
	poster.Go(func() {
		for {
			select {
			case <-posted:
				return
			default:
				alice.Yes(post, "hello")
				bob.Next()
			}
		}
	})
	page.until("flow", "with posts and all that comes of them", func(f object) bool {
		lacks := lackOf(f) // what is counted last of a post may be only in the next flow
		t.Log(lacks)
		return lacks == nil
	})
	close(posted)
	poster.Wait()
	tree := page.next("tree")
	if kinds := tree["kinds"].(object); kinds["user"] != 2.0 || kinds["channel"] != 1.0 || tree["count"].(float64) < 10 {
		t.Errorf("tree: %v", tree)
	}
	if user := tree["lives"].(object)["user"].(object); user["started"] != 2.0 || user["passivated"] != 0.0 || user["restarts"] != 0.0 {
		t.Errorf("the lives of users: %v", user)
	}
	if cost := page.next("cost"); cost["streams"] != 1.0 || cost["bytes"].(float64) < 100 || cost["cpu"].(float64) > 1 {
		t.Errorf("cost: %v", cost)
	}
}

// The flow begins when a page looks at it: its first second has nothing from before,
// however long another page has looked at something else.
func TestTheFlowsFirstSecondIsOne(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	alice, bob := s.channel()
	other := s.look("tree")
	for range 7 {
		alice.Yes(post, "long ago")
		bob.Next()
	}
	s.Dial().Yes(`{"call":"register","usernm":"carol","passwd":"pw"}`)
	other.until("tree", "of a look since then", func(tree object) bool { return tree["kinds"].(object)["user"] == 3.0 })
	if f := s.look("flow").next("flow"); f["posts"] != 0.0 || f["pushes"] != 0.0 || f["calls"].(object)["message"] != nil {
		t.Errorf("nobody posts, and the flow tells of %v posts, %v pushes, %v", f["posts"], f["pushes"], f["calls"])
	}
}

// lackOf lists what a flow lacks that it must have while posts are made.
func lackOf(f object) (lacks []string) {
	call, _ := f["calls"].(object)["message"].(object)
	channel, memory := f["actors"].(object)["channel"].(object), f["memory"].(object)
	if call == nil || call["refused"] != 0.0 || call["p99"].(float64) < call["p50"].(float64) || channel["alive"] != 1.0 {
		lacks = append(lacks, fmt.Sprintf("message: %v, channels: %v", call, channel))
	}
	const some = 1e-9
	for name, of := range map[string]struct {
		in    object
		least float64
	}{
		"ok": {call, some}, "p50": {call, some}, "heap": {memory, 1}, "stacks": {memory, 1}, "messages": {channel, some},
		"posts": {f, some}, "pushes": {f, some}, "syncs": {f, some}, "recordsPerSync": {f, 1}, "syncP50": {f, 1}, "syncP99": {f, 1},
		"journalBytes": {f, 1}, "segments": {f, 1}, "connections": {f, 3}, "goroutines": {f, 1}, "at": {f, 1e12},
	} {
		if got, told := of.in[name].(float64); !told || got < of.least {
			lacks = append(lacks, fmt.Sprintf("%s is %v", name, of.in[name]))
		}
	}
	return lacks
}

// Refusals are counted under their codes.
func TestFlowTellsOfRefusals(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	alice := s.Founder()
	page := s.look("flow")
	page.next("flow")
	if answer := alice.Ask(`{"call":"message","servername":"nowhere","channel":"general","msg":"x"}`); answer["resp"] != false {
		t.Fatal(answer)
	}
	flow := page.until("flow", "with the refusal", func(f object) bool { return len(f["refused"].(object)) > 0 })
	if flow["refused"].(object)["no_such_server"].(float64) <= 0 || flow["calls"].(object)["message"].(object)["ok"] != 0.0 {
		t.Errorf("flow: %v", flow)
	}
}

func TestActorIsWatched(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	alice, _ := s.channel()
	channel := named(s.object("/api/tree?kind=channel"))[0]
	page := s.look("actor:" + channel + ",actor:provider/users/nobody")
	for range 10 {
		alice.Yes(post, "hello")
	}
	var post object
	seen := page.until("actor", "with posts", func(a object) bool { // it may handle something else before
		types, _ := a["types"].([]any)
		for _, each := range types {
			if each.(object)["message"] == "post" {
				post = each.(object)
			}
		}
		return a["id"] == channel && a["rate"].(float64) > 0 && post != nil
	})
	if post["waitP99"].(float64) <= 0 || post["max"].(float64) < post["handleP50"].(float64) || post["rate"].(float64) <= 0 || post["count"].(float64) < 1 || post["handleP99"].(float64) < post["handleP50"].(float64) ||
		post["place"] == nil {
		t.Errorf("seen: %v", seen)
	}
	if busy := seen["busy"].(float64); busy <= 0 || busy > 1 {
		t.Errorf("busy %v", busy)
	}
	page.until("actor", "of one who is not", func(a object) bool { return a["id"] == "provider/users/nobody" && a["gone"] == true })
	if got := s.object("/api/about")["cost"].(object); got["watches"] != 2.0 {
		t.Errorf("cost: %v", got)
	}
	page.end()
	eventually(t, "the watches end with their page", func() bool {
		cost := s.object("/api/about")["cost"].(object)
		return cost["watches"] == 0.0 && cost["streams"] == 0.0
	})
}

// What happens often is told in sums. All of it is counted.
func TestFeedTellsHowMany(t *testing.T) {
	s := withLab(t)
	alice, _ := s.channel()
	page := s.look("feed")
	s.fault(`{"what":"budget","bytes":0,"seconds":60}`)
	const posts = 20
	for range posts {
		alice.Ask(post, "x")
	}
	told := 0.0
	page.until("feed", "of all refusals", func(h object) bool {
		if h["what"] == "busy" {
			n, sum := h["n"].(float64)
			if !sum {
				n = 1
			}
			if told += n; sum && h["detail"] != fmt.Sprintf("%v more storage_unavailable", n) {
				t.Errorf("%v are told as %v", n, h)
			}
		}
		return told == posts
	})
	if counted := s.happenings("busy"); counted != posts {
		t.Errorf("%v are counted", counted)
	}
}

// crowdAround lets so many watch an actor that nobody else can, until leaves is called.
func (s *site) crowdAround(id string) (leaves func()) {
	s.t.Helper()
	for {
		watch, err := s.Provider.Watch(id)
		if errors.Is(err, telemetry.ErrWatched) {
			return leaves
		}
		if err != nil {
			s.t.Fatal(err)
		}
		leaves = watch.Stop
	}
}

// An actor that too many watch is not reported as gone, and is shown when there is room.
func TestActorThatTooManyWatch(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	const id = "provider/router"
	leaves := s.crowdAround(id)
	page := s.look("actor:" + id + ",actor:provider/users/nobody")
	page.until("actor", "of the crowd", func(a object) bool {
		if a["id"] == id && (a["gone"] != nil || a["crowded"] != true) {
			t.Errorf("while too many watch it: %v", a)
		}
		return a["id"] == id
	})
	page.until("actor", "of one who is not", func(a object) bool {
		if a["id"] != id && (a["gone"] != true || a["crowded"] != nil) {
			t.Errorf("one who is not: %v", a)
		}
		return a["id"] != id
	})
	leaves()
	page.until("actor", "with its figures", func(a object) bool {
		if a["gone"] == true && a["id"] == id {
			t.Errorf("after one has left: %v", a)
		}
		return a["id"] == id && a["crowded"] == nil
	})
}

// A crash is in the feed, and in the actor's restarts.
func TestFeedTellsOfACrash(t *testing.T) {
	s := withLab(t)
	s.channel()
	channel := named(s.object("/api/tree?kind=channel"))[0]
	page := s.look("feed,actor:" + channel)
	if answer, text := s.ask(http.MethodPost, "/api/fault", fmt.Sprintf(`{"what":"crash","id":%q}`, channel), nil); answer.StatusCode != http.StatusOK {
		t.Fatalf("%s %s", answer.Status, text)
	}
	page.until("feed", "of the panic", func(h object) bool { return h["what"] == "panic" && h["actor"] == channel && h["kind"] == "channel" })
	page.until("actor", "with the restart", func(a object) bool {
		restarts := a["restarts"].([]any)
		return len(restarts) == 1 && restarts[0].(object)["reason"] != "" && restarts[0].(object)["at"].(float64) > 1e12
	})
}

// The feed tells how long after the crash a restart came. From the second restart on,
// supervision waits at least that long.
func TestFeedTellsHowLateARestartIs(t *testing.T) {
	s := withLab(t)
	s.channel()
	channel := named(s.object("/api/tree?kind=channel"))[0]
	page := s.look("feed")
	for _, least := range []time.Duration{0, 10 * time.Millisecond, 20 * time.Millisecond} {
		s.fault(`{"what":"crash","id":%q}`, channel)
		page.until("feed", fmt.Sprintf("of a restart after %v", least), func(h object) bool {
			if h["what"] != "restart" || h["actor"] != channel {
				return false
			}
			said, _, _ := strings.Cut(strings.TrimPrefix(h["detail"].(string), "after "), ":")
			if after, err := time.ParseDuration(said); err != nil || after < least {
				t.Errorf("at least %v: %q, %v", least, h["detail"], err)
			}
			return true
		})
	}
}

// There can be sixteen streams, whoever asks and how often. Each one that ends makes
// room.
func TestStreamsAreBounded(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	var pages []*stream
	for range 16 {
		pages = append(pages, s.look("flow"))
	}
	const attempts, atOnce = 2000, 20
	refused := make(chan int, atOnce)
	for range atOnce {
		go func() {
			n := 0
			for range attempts / atOnce {
				answer, err := http.Get(s.url + "/events?topics=flow")
				if err != nil {
					t.Error(err)
					break
				}
				if answer.StatusCode == http.StatusServiceUnavailable && answer.Header.Get("Retry-After") != "" {
					n++
				}
				_ = answer.Body.Close()
			}
			refused <- n
		}()
	}
	total := 0
	for range atOnce {
		total += <-refused
	}
	if total != attempts {
		t.Errorf("%d of %d were refused", total, attempts)
	}
	if cost := s.object("/api/about")["cost"].(object); cost["streams"] != 16.0 {
		t.Errorf("cost: %v", cost)
	}
	for _, page := range pages {
		page.next("flow") // none of the streams was harmed
		page.end()
	}
	eventually(t, "there is room again", func() bool {
		page, _ := s.tryLook("flow")
		if page == nil {
			return false
		}
		page.end()
		return true
	})
	http.DefaultClient.CloseIdleConnections()
}

func TestUnknownTopicsAreRefused(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	for _, topics := range []string{"weather", "actor", "flow,weather", strings.Repeat("actor:provider,", 5)} {
		if page, answer := s.tryLook(topics); page != nil || answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %s", topics, answer.Status)
		}
	}
}

// A page that does not read is disconnected, and what it used is given back.
func TestSlowPageIsCutOff(t *testing.T) {
	s := open(t, housetest.Settings{}, func(cfg *inspector.Config) { cfg.Patience = 100 * time.Millisecond })
	alice, bob := s.channel()
	page, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = page.Close() }()
	if err := page.(*net.TCPConn).SetReadBuffer(1024); err != nil {
		t.Fatal(err)
	}
	channel := named(s.object("/api/tree?kind=channel"))[0]
	const ask = "GET /events?topics=flow,tree,cost,feed,actor:provider/router,actor:conn/2,actor:provider/persistence,actor:%s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
	if _, err := fmt.Fprintf(page, ask, channel); err != nil {
		t.Fatal(err)
	}
	streams := func() float64 { return s.object("/api/about")["cost"].(object)["streams"].(float64) }
	eventually(t, "it looks", func() bool { return streams() == 1 })
	// It reads nothing. The buffers of the system are soon full of events about these
	// posts.
	eventually(t, "it is cut off", func() bool {
		alice.Yes(post, "hello")
		bob.Next()
		return streams() == 0
	})
}

// A stop ends the streams, and does not wait for the pages.
func TestStopEndsStreams(t *testing.T) {
	s := withLab(t)
	s.channel()
	var pages []*stream
	for range 16 {
		pages = append(pages, s.look("flow,tree,feed,cost,actor:provider"))
	}
	if answer, text := s.ask(http.MethodPost, "/api/follow", fmt.Sprintf(`{"stream":%q,"count":20}`, pages[0].id), nil); answer.StatusCode != http.StatusOK {
		t.Fatalf("%s %s", answer.Status, text)
	}
	const delay = 10 * time.Second
	s.fault(`{"what":"delay","ms":%d,"seconds":60}`, delay.Milliseconds())
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		for {
			_, _, err := page.read()
			if err == io.EOF {
				break // as for a page that ends
			}
			if err != nil {
				t.Fatalf("the stream was cut off: %v", err)
			}
		}
	}
	if conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://")); err == nil {
		_ = conn.Close()
		t.Error("it still listens")
	}
	begun := time.Now()
	if err := s.House.Stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took >= delay {
		t.Errorf("the provider's stop took %v: the fault was still on", took)
	}
}

// What actors do for pages is in the cost: nothing while no page watches or follows, and
// more with each of these.
func TestCostTellsOfTheActors(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	alice, _ := s.channel()
	counted := func() float64 {
		return value(s.scrape(), "elemental_inspector_busy_seconds_total", "part", "counted")
	}
	page := s.look("cost,flow,tree,feed")
	alice.Yes(post, "unwatched")
	if page.next("cost"); counted() != 0 {
		t.Errorf("%v s, and nobody watches", counted())
	}
	s.look("actor:provider/servers/s/1")
	alice.Yes(post, "watched")
	eventually(t, "the watch costs something", func() bool { return counted() > 0 })
	page.until("cost", "of it", func(cost object) bool {
		alice.Yes(post, "more")
		parts := cost["counted"].(float64) + cost["measured"].(float64)
		return cost["counted"].(float64) > 0 && math.Abs(cost["cpu"].(float64)-parts) < 1e-9
	})
}

// If too much happens, the feed is cut to what a page can show, and tells how much was
// left out.
func TestFeedIsBounded(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	page := s.look("feed")
	const flood = 5000
	for range flood {
		s.Provider.Happened("slow-reader", "", "one of many")
	}
	told, seconds, leftOut := 0, 1, 0.0
	page.until("feed", "of what was left out", func(h object) bool {
		if h["what"] != "more" {
			told++
			return false
		}
		seconds++ // a second has ended, perhaps in the middle of the flood
		leftOut += h["n"].(float64)
		return leftOut > flood/2
	})
	if told == 0 || told > 50*seconds {
		t.Errorf("%d were told in %d seconds, and %v were not", told, seconds, leftOut)
	}
	if got := s.happenings("slow-reader"); got < flood {
		t.Errorf("%v were counted", got)
	}
	later := func() { s.Provider.Happened("slow-reader", "", "later") }
	later()
	page.until("feed", "of what comes later", func(h object) bool {
		if h["what"] == "more" { // it may still be one of too many
			later()
		}
		return h["detail"] == "later"
	})
}

func (s *site) happenings(what string) float64 {
	s.t.Helper()
	return value(s.scrape(), "elemental_happenings_total", "what", what)
}

// A stream may last as long as its page reads: the time limits for requests do not hold
// for it.
func TestStreamOutlivesTheTimeForARequest(t *testing.T) {
	if os.Getenv("ELEMENTAL_LONG") == "" {
		t.Skip("it takes longer than such a time; ELEMENTAL_LONG=1")
	}
	s := open(t, housetest.Settings{}, nil)
	page := s.look("tree")
	for range 25 { // one comes each second
		page.next("tree")
	}
}
