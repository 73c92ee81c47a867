package transport

import (
	"context"
	"strings"
	"sync"
	"testing"

	"elemental/actors"
)

// sheet is a console that many print to.
type sheet struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *sheet) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *sheet) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func TestRequestLogHidesSecrets(t *testing.T) {
	var out sheet
	cfg := testConfig()
	cfg.RequestLog = &out
	s, l := startStation(t, cfg, agreeable)
	c := dial(t, l)
	c.send(loginCall)
	c.expect(loggedIn)
	c.send(`{"call":"message","servername":"s","channel":"c","msg":"a\u001bb` + strings.Repeat("x", 5000) + `"}`)
	c.line()
	c.closeWrite()
	c.expectEnd()
	if err := l.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 4 {
		t.Fatalf("%d lines: %s", len(lines), out.String())
	}
	from := "[" + c.conn.LocalAddr().String() + "] | "
	for i, want := range []string{
		"[SERVER] <== " + from + `{"call":"login","usernm":"alice","passwd":"***"}`,
		"[SERVER] ==> " + from + `{"resp":true,"key":"***"}`,
		"[SERVER] <== " + from + `{"call":"message","servername":"s","channel":"c","msg":"a\u001bbxxx`,
		"[SERVER] ==> " + from + `{"resp":true,"index":7,"timestamp":1586562444.123456}`,
	} {
		if !strings.Contains(lines[i], ") | "+want) || len(lines[i]) > 1200 {
			t.Errorf("line %d: %s", i, lines[i])
		}
	}
	f := s.session(t, 0)
	f.out.Answer(f.request(t, 0), actors.Done{}) // after the end: harmless
	if strings.Contains(out.String(), "secret") || strings.Contains(out.String(), "0123456789012345678901234") {
		t.Error("a secret in the log")
	}
}
