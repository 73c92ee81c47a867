package drive

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"elemental/cmd/elemental-load/check"
	"elemental/cmd/elemental-load/plan"
)

// forgetful is a provider that does what it is asked to, but says the first time that the
// outcome is not known.
type forgetful struct {
	mu    sync.Mutex
	done  map[string]bool // the requests that were made
	posts int
}

// asked is a request of a test.
type asked struct{ Call, Usernm, Servername, Name string }

func (f *forgetful) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in := json.NewDecoder(bufio.NewReader(conn))
	for {
		var r asked
		if in.Decode(&r) != nil {
			return
		}
		if _, err := fmt.Fprintln(conn, f.answer(r)); err != nil {
			return
		}
	}
}

func (f *forgetful) answer(r asked) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	exists := map[string]string{"register": "user_exists", "createserver": "server_exists", "createchannel": "channel_exists", "deleteserver": "no_such_server"}
	key := fmt.Sprint(r)
	first := !f.done[key]
	f.done[key] = true
	if r.Call == "message" {
		f.posts++
	}
	switch code := exists[r.Call]; {
	case first:
		return `{"resp":false,"reason":"no answer in time, it may have been done","code":"outcome_unknown"}`
	case code != "":
		return fmt.Sprintf(`{"resp":false,"reason":"%s","code":"%s"}`, code, code)
	case r.Call == "message":
		return fmt.Sprintf(`{"resp":true,"index":%d}`, f.posts-1)
	}
	return `{"resp":true,"key":"k"}`
}

// TestOutcomeUnknown: a run is prepared and removed though the provider does not know at
// first what became of each request.
func TestOutcomeUnknown(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &forgetful{done: map[string]bool{}}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { f.serve(conn) })
		}
	})
	defer conns.Wait()
	defer func() { _ = listener.Close() }()
	book := check.New("load-abc", 0)
	nothing := func(string, string, int64, int64) {}
	w, err := Prepare(context.Background(), Settings{
		Run: "load-abc", Book: book, Reach: Reach{Address: listener.Addr().String(), Timeout: time.Minute},
		Plan: plan.Plan{
			Mix: []plan.Share{{Scenario: "history", Weight: 1}}, Clients: 2, Users: 2, Servers: 1, Channels: 2, History: 3,
			Size: plan.Range{Min: 100, Max: 200},
		},
	}, nothing)
	if err == nil {
		err = Remove(context.Background(), w, nothing)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := book.Counts(); got.Acknowledged != 6 || got.Unsure == 0 {
		t.Errorf("%+v: six messages are acknowledged, and one or more are not", got)
	}
}
