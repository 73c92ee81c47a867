package inspector

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"elemental/transport/housetest"
)

// A stream on which nothing happens says from time to time that it lives: the page takes
// silence for a loss.
func TestAQuietStreamTellsThatItLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{}
		s.hub = newHub(s)
		page, gone := lazyPage{ResponseRecorder: httptest.NewRecorder()}, make(chan struct{})
		time.AfterFunc(40*time.Second, func() { close(gone) })
		s.play(newStreamWriter(page, slowClient, &s.cost), &stream{}, nil, gone)
		if said := page.Body.String(); said != strings.Repeat(": still here\n\n", 2) {
			t.Errorf("in 40 s it says %q", said)
		}
	})
}

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
