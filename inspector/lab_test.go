package inspector_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"elemental/transport"
	"elemental/transport/housetest"
)

// fault begins a fault.
func (s *site) fault(format string, args ...any) {
	s.t.Helper()
	answer, text := s.ask(http.MethodPost, "/api/fault", fmt.Sprintf(format, args...), nil)
	if answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %s %s", fmt.Sprintf(format, args...), answer.Status, text)
	}
}

func (s *site) faults() []any { return s.object("/api/fault")["faults"].([]any) }

func TestWithoutTheLabThereIsNone(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	for _, method := range []string{"GET", "POST", "DELETE"} {
		if answer, _ := s.ask(method, "/api/fault", `{"what":"crash","id":"provider"}`, nil); answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", method, answer.Status)
		}
	}
}

// While the disk is slow a post waits. It goes on when the fault ends by itself.
func TestDelayedJournal(t *testing.T) {
	s := withLab(t)
	alice, bob := s.channel()
	begun := time.Now()
	s.fault(`{"what":"delay","ms":10000,"seconds":1}`)
	alice.Yes(post, "slow") // its sync waits for the rest of the second
	if took := time.Since(begun); took < time.Second {
		t.Errorf("it took %v", took)
	}
	if m := bob.Next(); m["event"] == nil && m["call"] == nil {
		t.Errorf("bob hears %v", m)
	}
	eventually(t, "the fault has ended", func() bool { return len(s.faults()) == 0 })
	alice.Yes(post, "quick")
}

// A delay can be ended early: those who wait go on at once.
func TestFaultIsEndedEarly(t *testing.T) {
	s := withLab(t)
	alice, _ := s.channel()
	s.fault(`{"what":"delay","ms":10000,"seconds":60}`)
	if on := s.faults(); len(on) != 1 || on[0].(object)["what"] != "delay" || on[0].(object)["ms"] != 10000.0 || on[0].(object)["until"].(float64) < 1e12 {
		t.Errorf("what is on: %v", on)
	}
	alice.Write(fmt.Sprintf(post, "slow"))
	eventually(t, "it waits for the disk", func() bool {
		view := s.object("/api/actor?id=provider/persistence")["view"].(object)
		return view["writing"] == true
	})
	if answer, text := s.ask(http.MethodDelete, "/api/fault?what=delay", "", nil); answer.StatusCode != http.StatusOK {
		t.Fatalf("%s %s", answer.Status, text)
	}
	if answer := alice.Next(); answer["resp"] != true {
		t.Errorf("the post: %v", answer)
	}
	if answer, _ := s.ask(http.MethodDelete, "/api/fault?what=delay", "", nil); answer.StatusCode != http.StatusNotFound {
		t.Errorf("ended twice: %s", answer.Status)
	}
}

// With a full disk posts are refused and the provider is not ready. Both end with the
// fault.
func TestFullDisk(t *testing.T) {
	s := withLab(t)
	alice, _ := s.channel()
	page := s.look("feed")
	s.fault(`{"what":"budget","bytes":600,"seconds":60}`)
	if on := s.faults(); len(on) != 1 || on[0].(object)["bytes"] != 600.0 {
		t.Errorf("what is on: %v", on)
	}
	posted := 0
	for posted <= 10 {
		answer := alice.Ask(post, "as long as there is room")
		if answer["resp"] == true {
			posted++
			continue
		}
		if answer["code"] != "storage_unavailable" {
			t.Errorf("refused with %v", answer)
		}
		break
	}
	if posted == 0 || posted > 10 {
		t.Errorf("%d posts had room", posted)
	}
	told := map[any]object{}
	page.until("feed", "of the storage and of the post", func(h object) bool {
		told[h["what"]] = h
		return told["storage"] != nil && told["busy"] != nil
	})
	if no := told["busy"]; no["kind"] != "channel" || no["actor"] != "provider/servers/s/1" || no["detail"] != "storage_unavailable: message" {
		t.Errorf("the post is told of as %v", no)
	}
	if answer, text := s.ask(http.MethodGet, "/ready", "", nil); answer.StatusCode != http.StatusServiceUnavailable || text != "storage is unavailable\n" {
		t.Errorf("ready: %s %s", answer.Status, text)
	}
	if answer, text := s.ask(http.MethodDelete, "/api/fault?what=budget", "", nil); answer.StatusCode != http.StatusOK {
		t.Fatalf("%s %s", answer.Status, text)
	}
	eventually(t, "it is ready", func() bool {
		answer, _ := s.ask(http.MethodGet, "/ready", "", nil)
		return answer.StatusCode == http.StatusOK
	})
	eventually(t, "what was refused is counted", func() bool { return s.happenings("busy") == 1 })
	alice.Yes(post, "again")
	if got := len(alice.History()); got != posted+1 {
		t.Errorf("%d messages, %d were posted", got, posted+1)
	}
}

// Nothing is written to a stalled connection, even if its client reads. Others go on.
// When the fault ends by itself, everything that was meant for the client comes.
func TestStalledConnection(t *testing.T) {
	s := withLab(t)
	alice, bob := s.channel()
	const conn = 4
	if who := s.object("/api/connections")["connections"].([]any)[conn-1].(object); who["user"] != "bob" || who["id"] != float64(conn) {
		t.Fatalf("that is %v", who)
	}
	begun := time.Now()
	s.fault(`{"what":"stall","conn":%d,"seconds":1}`, conn)
	alice.Yes(post, "hello") // is answered, since nobody waits for bob
	if m := bob.Next(); m == nil {
		t.Error("bob was cut off")
	}
	if took := time.Since(begun); took < time.Second {
		t.Errorf("it came after %v", took)
	}
	eventually(t, "the fault is over", func() bool { return len(s.faults()) == 0 })
	bob.Yes(`{"call":"ping"}`)
}

// One connection is stalled at a time: another one takes its place. To stall the same one
// again makes it last longer.
func TestAnotherConnectionIsStalled(t *testing.T) {
	s := withLab(t)
	alice, bob := s.channel()
	for _, conn := range []int{4, 4, 3} {
		s.fault(`{"what":"stall","conn":%d,"seconds":60}`, conn)
		for _, c := range s.object("/api/connections")["connections"].([]any) {
			if stalled := c.(object)["stalled"] == true; stalled != (c.(object)["id"] == float64(conn)) {
				t.Errorf("after %d was stalled: %v", conn, c)
			}
		}
	}
	if on := s.faults(); len(on) != 1 || on[0].(object)["conn"] != 3.0 {
		t.Errorf("what is on: %v", on)
	}
	alice.Yes(post, "hello")
	if m := bob.Next(); m["message"] != "hello" {
		t.Errorf("bob, who is not stalled any more, hears %v", m)
	}
}

// For a stalled connection the limits hold as for a client that does not read.
func TestStalledConnectionIsCutOff(t *testing.T) {
	disk := housetest.Settings{Wire: func(cfg *transport.Config) { cfg.StallTime = 200 * time.Millisecond }}
	s := openLab(t, disk)
	alice, bob := s.channel()
	page := s.look("feed")
	s.fault(`{"what":"stall","conn":4,"seconds":60}`)
	if who := s.object("/api/connections")["connections"].([]any)[3].(object); who["user"] != "bob" || who["stalled"] != true {
		t.Fatalf("it is %v that is stalled", who)
	}
	alice.Yes(post, "hello")
	if m := bob.Next(); m != nil {
		t.Errorf("bob was sent %v", m)
	}
	slow := page.until("feed", "of the slow reader", func(h object) bool { return h["what"] == "slow-reader" })
	if slow["actor"] != "conn/4" || slow["kind"] != "session" {
		t.Errorf("told as %v", slow)
	}
	if answer, _ := s.ask(http.MethodDelete, "/api/fault?what=stall", "", nil); answer.StatusCode != http.StatusOK {
		t.Errorf("its end afterwards: %s", answer.Status)
	}
}

// A crashed session ends its connection. A crashed channel comes back with everything it
// had.
func TestCrashes(t *testing.T) {
	s := withLab(t)
	alice, bob := s.channel()
	alice.Yes(post, "before")
	bob.Next()
	s.fault(`{"what":"crash","id":%q}`, named(s.object("/api/tree?kind=channel"))[0])
	alice.Yes(post, "after")
	if got := len(alice.History()); got != 2 {
		t.Errorf("%d messages", got)
	}
	s.fault(`{"what":"crash","id":"conn/2"}`)
	if answer := alice.Next(); answer != nil {
		t.Errorf("alice hears %v", answer)
	}
}

// If a fault's request is half sent when the inspector stops, the fault does not begin:
// nothing would end it, and the provider's stop would wait for a disk that is slow on
// purpose.
func TestNoFaultBeginsDuringTheStop(t *testing.T) {
	s := withLab(t)
	page := s.look("feed")
	late, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = late.Close() }()
	if err := late.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	const wish = `{"what":"delay","ms":10000,"seconds":60}`
	const head = "POST /api/fault HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n"
	if _, err := fmt.Fprintf(late, head, len(wish)); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(late)
	if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("%q, %v", line, err)
	}
	_, _ = answers.ReadString('\n')
	stopped := make(chan error)
	go func() { stopped <- s.stop() }()
	page.all() // the streams end after the lab has closed
	if _, err := late.Write([]byte(wish)); err != nil {
		t.Fatal(err)
	}
	if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, "503") {
		t.Errorf("%q, %v", line, err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// TestACrashIsOneAtATime: another crash is refused until the actor has gone on. Waiting
// for that does not count as the inspector's work.
func TestACrashIsOneAtATime(t *testing.T) {
	s := withLab(t)
	s.channel()
	status := map[int]int{}
	for range 40 {
		answer, _ := s.ask("POST", "/api/fault", `{"what":"crash","id":"provider/servers/s"}`, nil)
		status[answer.StatusCode]++
	}
	if status[http.StatusConflict] == 0 || status[http.StatusOK]+status[http.StatusConflict] != 40 {
		t.Errorf("answered %v", status)
	}
	eventually(t, "it has gone on", func() bool {
		actor := s.object("/api/actor?id=provider/servers/s")["actor"].(object)
		return actor["restarts"] == float64(status[http.StatusOK])
	})
	if cost := s.object("/api/about")["cost"].(object); cost["cpu"].(float64) > 1 {
		t.Errorf("it says that it takes %v processors", cost["cpu"])
	}
}
