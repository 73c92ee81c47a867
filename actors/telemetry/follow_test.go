package telemetry

import (
	"log/slog"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"weak"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence"
)

// recording is a recorder of everything, and what is to be seen of it.
func recording(t testing.TB) (*Recorder, Look) {
	t.Helper()
	silent := actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) })
	system := actor.NewActorSystemWithConfig(actor.Configure(silent))
	t.Cleanup(system.Shutdown)
	r := NewRecorder(system, Options{Inspect: true, Codes: []string{"busy"}})
	return r, r.Look()
}

// TestAnEnvelopeIsAddressedAsOthersDo holds the header to W3C Trace Context.
func TestAnEnvelopeIsAddressedAsOthersDo(t *testing.T) {
	id, parent := newTraceID(), newSpanID()
	before := Now()
	e := envelope(id, parent, &nothing{})
	after := Now()
	if header := e.GetHeader("traceparent"); !regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-01$`).MatchString(header) {
		t.Errorf("header %q", header)
	}
	gotID, gotParent, sent, ok := origin(e.Header)
	if !ok || gotID != id || gotParent != parent || sent.Before(before) || sent.After(after) {
		t.Errorf("read as %x %x %v %v", gotID, gotParent, sent, ok)
	}
	for _, bad := range []string{
		"", "00", "00-1-2-01", "00-" + strings.Repeat("x", 32) + "-" + strings.Repeat("0", 16) + "-01",
		"00-" + strings.Repeat("0", 34) + "-" + strings.Repeat("0", 16) + "-01",
	} {
		e.SetHeader("traceparent", bad)
		if _, _, _, ok := origin(e.Header); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}

// TestHousekeepingIsNotFollowed: it would go on for ever.
func TestHousekeepingIsNotFollowed(t *testing.T) {
	s := &Span{of: &trace{}}
	for _, msg := range []any{&housekeeping{}, &turn{}, &persistence.SaveSnapshot{}, &persistence.Release{}} {
		if s.Wrap(msg) != msg {
			t.Errorf("a %T is in an envelope", msg)
		}
	}
	once := s.Wrap(&nothing{})
	if _, wrapped := once.(*actor.MessageEnvelope); !wrapped || s.Wrap(once) != once {
		t.Error("a message is not in one envelope")
	}
}

type (
	housekeeping struct{}
	turn         struct{}
)

func (*housekeeping) Housekeeping() {}
func (*turn) EndsTurn()             {}

// TestSoManyAreFollowedAtATime chooses all, until there are too many.
func TestSoManyAreFollowedAtATime(t *testing.T) {
	r, p := recording(t)
	var mu sync.Mutex
	ends := 0
	stop := p.Follow(Filter{Share: 1}, func(h Hop) {
		mu.Lock()
		defer mu.Unlock()
		if h.Where == "writer" {
			ends++
		}
	})
	fs := &r.followers
	for conn := range uint64(mostTraces) {
		if fs.choose(conn, "") == nil {
			t.Fatalf("only %d are followed", conn)
		}
	}
	stopTwo := p.Follow(Filter{Count: 2}, func(Hop) {})
	if fs.choose(0, "") != nil {
		t.Error("one too many is followed")
	}
	for conn := range uint64(mostTraces) {
		fs.hungUp(conn, &nothing{}, "outcome_unknown")
		fs.hungUp(conn, &nothing{}, "outcome_unknown")
	}
	if ends != mostTraces {
		t.Errorf("%d have ended", ends)
	}
	if fs.choose(0, "") == nil {
		t.Error("none is followed when the others have ended")
	}
	if kept := len(fs.traces); kept != mostOver+1 {
		t.Errorf("%d are remembered", kept)
	}
	stop()
	if fs.choose(0, "") == nil || fs.choose(0, "") != nil {
		t.Error("who wants two does not get both, or more")
	}
	if stopTwo(); len(fs.traces) != 0 {
		t.Errorf("%d are remembered for nobody", len(fs.traces))
	}
}

// TestWhoHasStoppedIsNotKeptInMemory while somebody else follows, and requests of both are remembered.
func TestWhoHasStoppedIsNotKeptInMemory(t *testing.T) {
	r, p := recording(t)
	defer p.Follow(Filter{Share: 1}, func(Hop) {})()
	held := func() weak.Pointer[Hop] {
		last := new(Hop)
		stop := p.Follow(Filter{}, func(h Hop) { *last = h })
		r.followers.choose(1, "")
		r.followers.hungUp(1, &nothing{}, "")
		if stop(); last.Where != "writer" || len(r.followers.traces) != 1 {
			t.Errorf("it heard %+v", last)
		}
		return weak.Make(last)
	}()
	if runtime.GC(); held.Value() != nil {
		t.Error("what it holds is in memory")
	}
}

// TestAStormOfHopsIsCutShort has one request cause more than anybody would read.
func TestAStormOfHopsIsCutShort(t *testing.T) {
	r, p := recording(t)
	told, lost := 0, 0
	defer p.Follow(Filter{}, func(h Hop) {
		told++
		lost += h.Lost
	})()
	trace := r.followers.choose(1, "")
	for range 2 * mostHops {
		r.followers.received(KindRouter, envelope(trace.id, trace.root, &nothing{}).Header, "provider/router", &nothing{}).Leave()
	}
	trace.unanswered(&nothing{}, "outcome_unknown").Ended()
	if told != mostHops+1 || lost != mostHops {
		t.Errorf("%d hops, and %d are said to be lost", told, lost)
	}
}

// TestTheAnswersEndIsToldLast has an answer written while its sender is at it yet.
func TestTheAnswersEndIsToldLast(t *testing.T) {
	r, p := recording(t)
	var told []string
	defer p.Follow(Filter{}, func(h Hop) { told = append(told, h.Where) })()
	trace := r.followers.choose(1, "")
	at := trace.enter(Hop{Where: "session", Sent: Now()})
	w := trace.writing(at.hop.Span, &nothing{}, "")
	w.Begun()
	w.Ended()
	w.Ended()
	if len(told) > 0 {
		t.Errorf("%v were told before the session had ended", told)
	}
	at.Leave()
	if got := strings.Join(told, " "); got != "session writer" {
		t.Error(got)
	}
}

// TestTimesAreOfOneClock takes a time of somebody else.
func TestTimesAreOfOneClock(t *testing.T) {
	before := Now()
	at := clock(time.Now())
	if after := Now(); at.Before(before) || at.After(after) {
		t.Errorf("%v is not within %v and %v", at, before, after)
	}
	if !clock(time.Time{}).IsZero() {
		t.Error("no time is one")
	}
}
