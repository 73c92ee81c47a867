package inspector

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// clocked notes until when its answer may be written.
type clocked struct {
	*httptest.ResponseRecorder
	until time.Time
}

func (c *clocked) SetWriteDeadline(t time.Time) error {
	c.until = t
	return nil
}

// A request that waits too long for its turn is told when to come again.
func TestWhoHasNoTurnIsTold(t *testing.T) {
	s := &Server{scan: newScans(1, time.Millisecond), ask: newScans(1, time.Millisecond)}
	s.scan.turns <- struct{}{}
	s.ask.turns <- struct{}{}
	for name, handler := range map[string]http.HandlerFunc{"overview": s.overview, "tree": s.tree, "search": s.search, "actor": s.actor} {
		server := httptest.NewServer(handler)
		client := server.Client()
		client.Timeout = 20 * time.Second
		answer, err := client.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		server.Close()
		if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %s, Retry-After %q", name, answer.Status, answer.Header.Get("Retry-After"))
		}
	}
}

// The time to read an answer begins when there is an answer, not while the request waits
// for its turn.
func TestTheTimeToReadBeginsWithTheAnswer(t *testing.T) {
	s := &Server{scan: newScans(1, time.Minute)}
	s.scan.turns <- struct{}{}
	w := &clocked{ResponseRecorder: httptest.NewRecorder()}
	extend(w, requestTime)
	var looked time.Time
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		s.scanned(w, httptest.NewRequest(http.MethodGet, "/", nil), func() any {
			looked = time.Now()
			return "seen"
		})
	}()
	<-s.scan.turns
	<-answered
	if w.Code != http.StatusOK || w.until.Before(looked.Add(requestTime)) {
		t.Errorf("%d %s: to be read %v after the look", w.Code, w.Body, w.until.Sub(looked))
	}
	if len(s.scan.turns) != 0 {
		t.Error("its turn has not ended")
	}
}
