package drive

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"elemental/cmd/elemental-load/check"
	"elemental/cmd/elemental-load/plan"
	"elemental/cmd/elemental-load/wire"
	"elemental/protocol"
)

// troubled is a provider that refuses each request the first time.
type troubled struct {
	code  string // of the refusal
	does  bool   // it does what it refuses
	mu    sync.Mutex
	tried map[string]bool // the requests that were made
	posts int

	hangsUp atomic.Int64 // on so many connections it only reads the first request
}

// asked is a request of a test.
type asked struct{ Call, Usernm, Servername, Name string }

func (f *troubled) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in := json.NewDecoder(bufio.NewReader(conn))
	for {
		var r asked
		if in.Decode(&r) != nil || f.hangsUp.Add(-1) >= 0 {
			return
		}
		if _, err := fmt.Fprintln(conn, f.answer(r)); err != nil {
			return
		}
	}
}

func (f *troubled) answer(r asked) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	exists := map[string]string{"register": "user_exists", "createserver": "server_exists", "createchannel": "channel_exists", "deleteserver": "no_such_server"}
	key := fmt.Sprint(r)
	first := !f.tried[key]
	f.tried[key] = true
	if r.Call == "message" && (f.does || !first) {
		f.posts++
	}
	switch code := exists[r.Call]; {
	case first:
		return refusal(f.code)
	case f.does && code != "":
		return refusal(code)
	case r.Call == "message":
		return fmt.Sprintf(`{"resp":true,"index":%d}`, f.posts-1)
	}
	return `{"resp":true,"key":"k"}`
}

func refusal(code string) string {
	return fmt.Sprintf(`{"resp":false,"reason":%q,"code":%q}`, protocol.Reason(code, 0), code)
}

// TestPassingTrouble: a run is prepared and removed though the provider refuses each request
// at first, and does not know of some what became of them.
func TestPassingTrouble(t *testing.T) {
	for _, f := range []*troubled{{code: "outcome_unknown", does: true}, {code: "outcome_unknown"}, {code: "storage_unavailable"}, {code: "busy"}} {
		t.Run(fmt.Sprint(f.code, f.does), func(t *testing.T) {
			t.Parallel()
			f.prepares(t)
		})
	}
}

// TestTurnedAway: a full provider may close a connection without a word. The preparation waits
// for a place then as well.
func TestTurnedAway(t *testing.T) {
	f := &troubled{code: "busy"}
	f.hangsUp.Store(3)
	f.prepares(t)
}

func (f *troubled) prepares(t *testing.T) {
	f.tried = map[string]bool{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
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
	if got := book.Counts(); got.Acknowledged != 6 || got.Unsure > 0 != (f.code == outcomeUnknown) {
		t.Errorf("%+v", got)
	}
}

// TestToldInOrder: the last word of a step tells all that was done, and not what was done a moment
// before by somebody who is told of late.
func TestToldInOrder(t *testing.T) {
	const n = 500
	var mu sync.Mutex
	var told, want []int64
	tell := func(done int64) {
		runtime.Gosched()
		mu.Lock()
		defer mu.Unlock()
		told = append(told, done)
	}
	if err := (&World{}).inParallel(t.Context(), n, 8, tell, func(context.Context, int) error { return nil }); err != nil {
		t.Fatal(err)
	}
	for i := range int64(n) {
		want = append(want, i+1)
	}
	if !slices.Equal(told, want) {
		t.Errorf("told %v", told)
	}
}

// TestHungUpOn: a client that is about to connect again when the worker hangs up has
// failed at nothing.
func TestHungUpOn(t *testing.T) {
	p := paced(nil, 1, 1, nil)
	p.w.life, p.w.leave = context.WithCancel(context.Background())
	for _, failures := range []int64{1, 0} {
		p.actors[0].judge(opLogin, epoch, &wire.Answer{Err: wire.ErrClosed})
		p.actors[0].failed(opConnect, context.Canceled)
		taken := p.w.rec.Take()
		for _, operation := range []string{opLogin, opConnect} {
			if o := taken.Operations[operation]; (o != nil) != (failures > 0) {
				t.Errorf("%s: %+v, wanted %d failures", operation, o, failures)
			}
		}
		p.w.leave()
	}
}
