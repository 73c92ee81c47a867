package drive

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"elemental/cmd/elemental-load/check"
	"elemental/cmd/elemental-load/measure"
	"elemental/cmd/elemental-load/plan"
	"elemental/cmd/elemental-load/wire"
)

// TestWhatBecomesOfAPost: a post counts as refused only if the answer says that nothing
// was done. In all other cases its outcome is unknown. In this test the message is always
// in the history.
func TestWhatBecomesOfAPost(t *testing.T) {
	for answer, violation := range map[string]check.Violation{
		`{"resp":true,"index":0}`: "",
		`{"resp":true}`:           "", // from the original provider
		`{"resp":false,"reason":"no answer in time, it may have been done","code":"outcome_unknown"}`: "",
		`{"resp":false,"reason":"busy, try again","code":"busy"}`:                                     check.Undone,
		``: "", // the connection ends without an answer
	} {
		book := check.New("load-abc", 0)
		channel := book.Channel("gophers", "general")
		w := &World{Plan: plan.Plan{Size: plan.Range{Min: 100, Max: 200}}}
		sent := postTo(t, answer, newPoster(w, channel.Lane(), "alice"), book)
		h := channel.History()
		h.Read(0, []byte(sent))
		h.Finish()
		reports := book.Reports()
		if violation == "" && len(reports) > 0 || violation != "" && (len(reports) != 1 || reports[0].Kind != violation) {
			t.Errorf("answered with %q: %+v, wanted %q", answer, reports, violation)
		}
	}
}

// postTo posts once to a provider that sends this answer and hangs up. It returns the
// text that was posted.
func postTo(t *testing.T, answer string, p *poster, book *check.Book) (text string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	var provider sync.WaitGroup
	provider.Go(func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		request, err := bufio.NewReader(conn).ReadString('}')
		if err == nil {
			_, text, _ = strings.Cut(strings.TrimSuffix(request, `"}`), `"msg":"`)
			_, _ = fmt.Fprint(conn, answer) // the post's outcome shows whether it came
		}
	})
	d := &wire.Dialer{Address: netip.MustParseAddrPort(listener.Addr().String()), Timeout: time.Minute}
	conn, err := d.Dial(context.Background(), wire.Nobody{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p.send(conn, book, time.Time{}, time.Time{}, nil)
	provider.Wait()
	return text
}

// agreeing is a worker of a provider that answers everything with success.
func agreeing(t *testing.T) *Worker {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &Worker{
		world: &World{Plan: plan.Plan{Size: plan.Range{Min: 100, Max: 200}}, Reach: Reach{Timeout: time.Minute}},
		rec:   measure.NewRecorder(), watch: watch{open: map[*link]*wire.Conn{}}, book: check.New("load-abc", 0),
		dialer: &wire.Dialer{Address: netip.MustParseAddrPort(listener.Addr().String()), Timeout: time.Minute},
	}
	w.life, w.leave = context.WithCancel(context.Background())
	var provider sync.WaitGroup
	provider.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			provider.Go(func() { agree(conn) })
		}
	})
	t.Cleanup(func() {
		w.Close()
		_ = listener.Close()
		provider.Wait()
	})
	return w
}

func agree(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	for {
		_, err := in.ReadString('}')
		if err == nil {
			_, err = fmt.Fprint(conn, `{"resp":true}`)
		}
		if err != nil {
			return
		}
	}
}

// TestCountFromDue: the corrected latency of a registration and of a return includes the wait
// until the clients were free; the other one does not.
func TestCountFromDue(t *testing.T) {
	const late = 30 * time.Minute
	for operation, act := range map[string]func(*client, time.Time){opRegister: (*client).storm, opReturn: (*client).wave} {
		w := agreeing(t)
		c := &client{home: w.book.Channel("gophers", "general")}
		c.part = &part{w: w, clients: []*client{c}}
		act(c, time.Now().Add(-late))
		o := w.rec.Take().Operations[operation]
		if o.Done != 1 || o.Corrected.Histogram().Min() < (late-time.Minute).Microseconds() || o.Uncorrected.Histogram().Max() > (late/2).Microseconds() {
			t.Errorf("%s: %d done, at least %d µs corrected, at most %d µs uncorrected",
				operation, o.Done, o.Corrected.Histogram().Min(), o.Uncorrected.Histogram().Max())
		}
	}
}

// TestStormPauses: newcomers in the closed model do not try without a pause to reach a provider
// that is not there, and each has failed to register.
func TestStormPauses(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		err = nobody.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	w := &Worker{
		world: &World{Plan: plan.Plan{Model: plan.Closed}}, rec: measure.NewRecorder(), life: context.Background(),
		dialer: &wire.Dialer{Address: netip.MustParseAddrPort(nobody.Addr().String()), Timeout: time.Minute},
	}
	c := &client{}
	c.part = &part{w: w, scenario: scenarios["login"], actors: []*client{c}, schedule: plan.NewSchedule([]plan.Stage{{For: 10 * idle, From: 1, To: 1}}, 1)}
	for tries := int64(0); tries == 0; { // on a busy machine the load may be over before it has begun
		begun := time.Now()
		c.part.load(context.Background(), begun)
		most := int64(time.Since(begun)/idle) + 1
		taken := w.rec.Take().Operations
		if taken[opConnect] == nil {
			continue
		}
		if tries = taken[opConnect].Failed; tries > most {
			t.Errorf("%d tries, at most %d are expected", tries, most)
		}
		if o := taken[opRegister]; o == nil || o.Failed != tries {
			t.Errorf("of %d tries to register, all of which failed: %+v", tries, o)
		}
	}
}

// TestReadsAgain: a reader that gets no answer asks for the same messages the next time.
func TestReadsAgain(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	d := &wire.Dialer{Address: netip.MustParseAddrPort(listener.Addr().String()), Timeout: time.Minute}
	conn, err := d.Dial(context.Background(), wire.Nobody{})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	w := &Worker{world: &World{Plan: plan.Plan{Size: plan.Range{Min: 100, Max: 100}}}, rec: measure.NewRecorder(), life: context.Background()}
	c := &client{part: &part{w: w}, home: check.New("load-abc", 0).Channel("gophers", "general")}
	c.place.Store(3)
	c.catchUp(&link{conn: conn}, 9)
	if at := c.place.Load(); at != 3 || w.rec.Take().Operations[opPage].Failed != 1 {
		t.Errorf("it goes on at %d", at)
	}
}

// TestSizes: sizes of messages are spread over the whole range, both ends included.
func TestSizes(t *testing.T) {
	book := check.New("load-abc", 0)
	w := &World{Plan: plan.Plan{Size: plan.Range{Min: 100, Max: 103}}}
	p := newPoster(w, book.Channel("gophers", "general").Lane(), "alice")
	seen := map[int]bool{}
	for number := range uint32(1000) {
		seen[p.size(number)] = true
	}
	if len(seen) != 4 || !seen[100] || !seen[103] {
		t.Errorf("%v", seen)
	}
	if plan.LeastSize != check.LeastSize {
		t.Errorf("%d bytes can be planned, %d are sent", plan.LeastSize, check.LeastSize)
	}
}
