package inspector

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"elemental/transport/housetest"
)

// firstEvents is a page that does something as soon as it sees an event.
type firstEvents struct {
	*httptest.ResponseRecorder
	seen func(event string)
}

func (f firstEvents) SetWriteDeadline(time.Time) error { return nil }

func (f firstEvents) Write(event []byte) (int, error) {
	f.seen(string(event))
	return f.ResponseRecorder.Write(event)
}

// From the greeting on a page misses nothing.
func TestAStreamLooksBeforeItGreets(t *testing.T) {
	h := housetest.New(t, housetest.Settings{Inspect: true})
	s := &Server{provider: h.Provider, listener: h.Listener, store: h.Store, cfg: Config{Patience: slowClient}}
	s.hub = newHub(s)
	for range 50 { // if another goroutine began to look, it would be too late at least once
		ctx, leave := context.WithCancel(t.Context())
		page := firstEvents{httptest.NewRecorder(), func(event string) {
			switch {
			case strings.HasPrefix(event, "event: hello"):
				if s.hub.cost().Watches != 1 {
					t.Error("it is greeted before its actor is watched")
				}
				s.provider.Happened("busy", "", "right after the greeting")
			case strings.Contains(event, "right after the greeting"):
				leave()
			case strings.HasPrefix(event, "event: actor"): // comes half a second later
				t.Error("what happens right after the greeting is not told")
				leave()
			}
		}}
		s.events(page, httptest.NewRequest(http.MethodGet, "/events?topics=feed,actor:provider", nil).WithContext(ctx))
		leave()
		if t.Failed() {
			return
		}
	}
}
