package transport_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"elemental/actors"
)

// TestIdleActorsLeaveMemoryAndComeBack waits until user, server and channel
// have left, and then finds everything as it was.
func TestIdleActorsLeaveMemoryAndComeBack(t *testing.T) {
	h := newHouse(t, t.TempDir(), settings{passivate: 40 * time.Millisecond})
	alice := h.founder()
	for i := range 3 {
		h.forgetEnds()
		posted := alice.yes(`{"call":"message","servername":"s","channel":"general","msg":"m","nonce":"n%d"}`, i)
		if posted["index"] != float64(i) {
			t.Fatalf("round %d: %v", i, posted)
		}
		alice.yes(`{"call":"getjoinedservers"}`)
		h.awaitEnds(actors.KindChannel, actors.KindServer, actors.KindUser)
		if n := len(alice.history()); n != i+1 {
			t.Fatalf("%d messages after round %d", n, i)
		}
		again := alice.yes(`{"call":"message","servername":"s","channel":"general","msg":"m","nonce":"n%d"}`, i)
		if fmt.Sprint(again) != fmt.Sprint(posted) {
			t.Fatalf("the nonce was forgotten: %v, then %v", posted, again)
		}
		if got := alice.yes(`{"call":"getjoinedservers"}`)["servers"]; fmt.Sprint(got) != "[s]" {
			t.Fatalf("joined %v", got)
		}
	}
}

func (h *house) forgetEnds() {
	for {
		select {
		case <-h.ended:
		default:
			return
		}
	}
}

// awaitEnds waits until an actor of each kind has left memory.
func (h *house) awaitEnds(kinds ...actors.Kind) {
	h.t.Helper()
	missing := map[actors.Kind]bool{}
	for _, kind := range kinds {
		missing[kind] = true
	}
	deadline := time.After(20 * time.Second)
	for len(missing) > 0 {
		select {
		case kind := <-h.ended:
			delete(missing, kind)
		case <-deadline:
			h.t.Fatalf("still in memory: %v", missing)
		}
	}
}

// TestRequestsWhileActorsComeAndGo goes round many servers, so that each is
// idle, leaves memory and is needed again all the time: no request may get
// lost in between.
func TestRequestsWhileActorsComeAndGo(t *testing.T) {
	h := newHouse(t, t.TempDir(), settings{passivate: 4 * time.Millisecond})
	alice := h.founder()
	const servers = 20
	for i := range servers {
		alice.yes(`{"call":"createserver","servername":"s%d","serverpasswd":""}`, i)
	}
	left := 0
	for i := 0; left < 30; i++ {
		posted := alice.yes(`{"call":"message","servername":"s%d","channel":"general","msg":"m"}`, i%servers)
		if posted["index"] != float64(i/servers) {
			t.Fatalf("post %d: %v", i, posted)
		}
		select {
		case kind := <-h.ended:
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
		h := newHouse(t, dir, settings{passivate: 4 * time.Millisecond, snapshots: time.Millisecond, segment: 1 << 10})
		guest := h.dial()
		name := fmt.Sprintf("user%d", round)
		guest.yes(`{"call":"register","usernm":%q,"passwd":"pw"}`, name)
		owner := h.login(name)
		for i := range 8 {
			owner.yes(`{"call":"createserver","servername":"%d-%d","serverpasswd":""}`, round, i)
		}
		guest.close()
		owner.close()
		h.stop()
	}
}

// TestOldMessagesComeFromPages fills a channel until its oldest messages are on
// pages and the journal that held them is gone, and reads all of it back,
// before and after a restart.
func TestOldMessagesComeFromPages(t *testing.T) {
	dir := t.TempDir()
	set := settings{passivate: 100 * time.Millisecond, snapshots: 50 * time.Millisecond, segment: 64 << 10}
	h := newHouse(t, dir, set)
	alice := h.founder()
	n := 0
	for n < 3000 || !h.compacted(dir) {
		if n > 100_000 {
			t.Fatal("the journal is never let go")
		}
		alice.postMany(n, 500)
		n += 500
	}
	alice.checkHistory(n)
	h.stop()
	h = newHouse(t, dir, set)
	alice = h.login("alice")
	alice.checkHistory(n)
	alice.postMany(n, 1)
	alice.checkHistory(n + 1)
}

// compacted tells whether there are pages, and the first segment is gone.
func (h *house) compacted(dir string) bool {
	pages := 0
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && strings.Contains(path, "/pages.d/") && !entry.IsDir() {
			pages++
		}
		return nil // a file may vanish meanwhile
	})
	if err != nil {
		h.t.Fatal(err)
	}
	_, err = os.Stat(filepath.Join(dir, "journal", "00000001.jsonl"))
	return pages > 2 && os.IsNotExist(err)
}

// postMany posts n messages without waiting in between.
func (l *line) postMany(first, n int) {
	l.t.Helper()
	go func() {
		for i := range n {
			if _, err := fmt.Fprintf(l.conn, `{"call":"message","servername":"s","channel":"general","msg":"m%d"}`, first+i); err != nil {
				return // the reader fails
			}
		}
	}()
	for i := range n {
		if answer := l.next(); answer == nil || answer["index"] != float64(first+i) {
			l.t.Fatalf("message %d: %v", first+i, answer)
		}
	}
}

func (l *line) checkHistory(n int) {
	l.t.Helper()
	for begin := 0; begin < n; begin += 700 {
		end := min(begin+700, n)
		list := l.yes(`{"call":"getmessages","servername":"s","channel":"general","begin":%d,"end":%d}`, begin, end)["messages"].([]any)
		if len(list) != end-begin {
			l.t.Fatalf("%d messages from %d to %d", len(list), begin, end)
		}
		for i, message := range list {
			if got := message.(map[string]any)["message"]; got != fmt.Sprintf("m%d", begin+i) {
				l.t.Fatalf("message %d is %v", begin+i, got)
			}
		}
	}
}
