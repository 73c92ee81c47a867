package transport_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"elemental/actors"
	"elemental/persistence"
	"elemental/transport/housetest"
)

// forgetful lets actors leave memory early.
func forgetful(after time.Duration) housetest.Settings {
	return housetest.Settings{Actor: func(c *actors.Config) { c.Passivate = after }}
}

// compacting does so too, and makes checkpoints often.
func compacting(dir string, after, snapshots time.Duration, segment int64) housetest.Settings {
	set := forgetful(after)
	set.Dir = dir
	set.Store = func(c *persistence.Config) { c.SnapshotInterval, c.SegmentBytes = snapshots, segment }
	return set
}

func stopHouse(t *testing.T, h *housetest.House) {
	t.Helper()
	if err := h.Stop(); err != nil {
		t.Fatal(err)
	}
}

// TestIdleActorsLeaveMemoryAndComeBack waits until user, server and channel
// have left, and then finds everything as it was.
func TestIdleActorsLeaveMemoryAndComeBack(t *testing.T) {
	h := housetest.New(t, forgetful(40*time.Millisecond))
	alice := h.Founder()
	for i := range 3 {
		forgetEnds(h)
		posted := alice.Yes(`{"call":"message","servername":"s","channel":"general","msg":"m","nonce":"n%d"}`, i)
		if posted["index"] != float64(i) {
			t.Fatalf("round %d: %v", i, posted)
		}
		alice.Yes(`{"call":"getjoinedservers"}`)
		awaitEnds(h, actors.KindChannel, actors.KindServer, actors.KindUser)
		if n := len(alice.History()); n != i+1 {
			t.Fatalf("%d messages after round %d", n, i)
		}
		again := alice.Yes(`{"call":"message","servername":"s","channel":"general","msg":"m","nonce":"n%d"}`, i)
		if fmt.Sprint(again) != fmt.Sprint(posted) {
			t.Fatalf("the nonce was forgotten: %v, then %v", posted, again)
		}
		if got := alice.Yes(`{"call":"getjoinedservers"}`)["servers"]; fmt.Sprint(got) != "[s]" {
			t.Fatalf("joined %v", got)
		}
	}
}

func forgetEnds(h *housetest.House) {
	for {
		select {
		case <-h.Ended:
		default:
			return
		}
	}
}

// awaitEnds waits until an actor of each kind has left memory.
func awaitEnds(h *housetest.House, kinds ...actors.Kind) {
	h.T.Helper()
	missing := map[actors.Kind]bool{}
	for _, kind := range kinds {
		missing[kind] = true
	}
	deadline := time.After(patience)
	for len(missing) > 0 {
		select {
		case kind := <-h.Ended:
			delete(missing, kind)
		case <-deadline:
			h.T.Fatalf("still in memory: %v", missing)
		}
	}
}

// TestRequestsWhileActorsComeAndGo goes round many servers, so that each is
// idle, leaves memory and is needed again all the time: no request may get
// lost in between.
func TestRequestsWhileActorsComeAndGo(t *testing.T) {
	h := housetest.New(t, forgetful(4*time.Millisecond))
	alice := h.Founder()
	const servers = 20
	for i := range servers {
		alice.Yes(`{"call":"createserver","servername":"s%d","serverpasswd":""}`, i)
	}
	left := 0
	for i := 0; left < 30; i++ {
		posted := alice.Yes(`{"call":"message","servername":"s%d","channel":"general","msg":"m"}`, i%servers)
		if posted["index"] != float64(i/servers) {
			t.Fatalf("post %d: %v", i, posted)
		}
		select {
		case kind := <-h.Ended:
			if kind == actors.KindChannel {
				left++
			}
		default:
		}
	}
}

// TestStopWhileActorsComeAndGo stops providers whose checkpoints keep waking
// actors: none may start a child that nobody stops.
func TestStopWhileActorsComeAndGo(t *testing.T) {
	dir := t.TempDir()
	for round := range 15 {
		h := housetest.New(t, compacting(dir, 4*time.Millisecond, time.Millisecond, 1<<10))
		guest := h.Dial()
		name := fmt.Sprintf("user%d", round)
		guest.Yes(`{"call":"register","usernm":%q,"passwd":"pw"}`, name)
		owner := h.Login(name)
		for i := range 8 {
			owner.Yes(`{"call":"createserver","servername":"%d-%d","serverpasswd":""}`, round, i)
		}
		guest.Close()
		owner.Close()
		stopHouse(t, h)
	}
}

// TestOldMessagesComeFromPages fills a channel until its oldest messages are on
// pages and the journal that held them is gone, and reads all of it back,
// before and after a restart.
func TestOldMessagesComeFromPages(t *testing.T) {
	dir := t.TempDir()
	set := compacting(dir, 100*time.Millisecond, 50*time.Millisecond, 64<<10)
	h := housetest.New(t, set)
	alice := h.Founder()
	const enough = 3000
	n, since := 0, time.Time{}
	for n < enough || !compacted(t, dir) {
		if n == enough {
			since = time.Now()
		}
		if n > enough && time.Since(since) > patience {
			t.Fatal("the journal is never let go")
		}
		postMany(alice, n, 500)
		n += 500
	}
	checkHistory(alice, n)
	stopHouse(t, h)
	h = housetest.New(t, set)
	alice = h.Login("alice")
	checkHistory(alice, n)
	postMany(alice, n, 1)
	checkHistory(alice, n+1)
}

// compacted tells whether there are pages, and the first segment is gone.
func compacted(t *testing.T, dir string) bool {
	pages := 0
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && strings.Contains(path, "/pages.d/") && !entry.IsDir() {
			pages++
		}
		return nil // a file may vanish meanwhile
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = os.Stat(filepath.Join(dir, "journal", "00000001.jsonl"))
	return pages > 2 && os.IsNotExist(err)
}

// postMany posts n messages without waiting in between.
func postMany(l *housetest.Line, first, n int) {
	l.T.Helper()
	go func() {
		for i := range n {
			if _, err := fmt.Fprintf(l.Conn, `{"call":"message","servername":"s","channel":"general","msg":"m%d"}`, first+i); err != nil {
				return // the reader fails
			}
		}
	}()
	for i := range n {
		if answer := l.Next(); answer == nil || answer["index"] != float64(first+i) {
			l.T.Fatalf("message %d: %v", first+i, answer)
		}
	}
}

func checkHistory(l *housetest.Line, n int) {
	l.T.Helper()
	for begin := 0; begin < n; begin += 700 {
		end := min(begin+700, n)
		list := l.Yes(`{"call":"getmessages","servername":"s","channel":"general","begin":%d,"end":%d}`, begin, end)["messages"].([]any)
		if len(list) != end-begin {
			l.T.Fatalf("%d messages from %d to %d", len(list), begin, end)
		}
		for i, message := range list {
			if got := message.(map[string]any)["message"]; got != fmt.Sprintf("m%d", begin+i) {
				l.T.Fatalf("message %d is %v", begin+i, got)
			}
		}
	}
}

// TestServerMadeAgainIsAnother deletes a server, waits until nothing of it is on
// disk any more, and makes it again: all its numbers begin at 1 again, and
// nothing of the former one may be seen, neither messages, nor nonces, members,
// or an entry in somebody's list.
func TestServerMadeAgainIsAnother(t *testing.T) {
	dir := t.TempDir()
	h := housetest.New(t, compacting(dir, time.Minute, 20*time.Millisecond, 1<<20))
	alice := h.Founder()
	alice.Yes(`{"call":"register","usernm":"bob","passwd":"pw"}`)
	bob := h.Login("bob")
	for round := range 3 {
		bob.Yes(`{"call":"joinserver","servername":"s","serverpasswd":"spw"}`)
		for i := range 1 + round {
			posted := bob.Yes(`{"call":"message","servername":"s","channel":"general","msg":"of %d","nonce":"n%d"}`, round, i)
			if posted["index"] != float64(i) {
				t.Fatalf("round %d: %v", round, posted)
			}
		}
		if text := fmt.Sprint(alice.History()); strings.Count(text, fmt.Sprintf("of %d", round)) != 1+round || strings.Count(text, "of ") != 1+round {
			t.Fatalf("round %d: %s", round, text)
		}
		if round == 1 {
			confirmLate(h)
		}
		alice.Yes(`{"call":"deleteserver","servername":"s","serverpasswd":"spw"}`)
		h.Strike(nil)
		awaitNoFolder(t, bob, filepath.Join(dir, "servers"))
		if got := bob.Yes(`{"call":"getjoinedservers"}`)["servers"]; fmt.Sprint(got) != "[]" {
			t.Fatalf("bob is in %v", got)
		}
		made := alice.Ask(`{"call":"createserver","servername":"s","serverpasswd":"spw"}`)
		for ; made["code"] == "busy"; made = alice.Ask(`{"call":"createserver","servername":"s","serverpasswd":"spw"}`) {
			t.Log("its actor knew of the former life, and recovers")
		}
		if made["resp"] != true {
			t.Fatal(made)
		}
		if no := bob.Ask(`{"call":"getserverchannels","servername":"s"}`); no["resp"] != false {
			t.Fatalf("bob is a member of a server that he never joined: %v", no)
		}
		if n := len(alice.History()); n != 0 {
			t.Fatalf("%d messages in a new server", n)
		}
	}
	stopHouse(t, h)
}

// confirmLate holds back the members' word that their lists follow until the
// deleted server has saved a snapshot without it.
func confirmLate(h *housetest.House) {
	saved := make(chan struct{})
	once := sync.OnceFunc(func() { close(saved) })
	h.Strike(func(kind actors.Kind, msg any) {
		switch fmt.Sprintf("%v %T", kind, msg) {
		case fmt.Sprintf("%v *persistence.SnapshotSaved", actors.KindServer):
			once()
		case fmt.Sprintf("%v *actors.membershipChanged", actors.KindUser):
			<-saved
		}
	})
}

// awaitNoFolder waits until checkpoints have taken all of a folder away.
func awaitNoFolder(t *testing.T, l *housetest.Line, name string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		if _, err := os.Stat(name); os.IsNotExist(err) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the deleted server's files stay")
		}
		l.Yes(`{"call":"getjoinedservers"}`)
	}
}
