package inspector_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"elemental/transport/housetest"
)

// many makes that many servers with long names. An answer that lists them does not fit
// into the buffers between the inspector and a client that does not read.
func (s *site) many(servers int) {
	s.t.Helper()
	alice := s.Founder()
	for i := range servers {
		alice.Yes(`{"call":"createserver","servername":%q,"serverpasswd":""}`, fmt.Sprint(strings.Repeat("漢", 60), i))
	}
}

// A client that asks for all actors and reads slowly keeps nobody else from asking, and
// gets its whole answer in the end.
func TestSlowReadersStopNobody(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	s.many(500)
	var slow []*bufio.Reader
	for range 4 {
		in := s.begin("GET /api/overview HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, "200 OK") {
			t.Fatalf("%q, %v", line, err)
		}
		slow = append(slow, in)
	}
	for _, path := range []string{"/api/tree", "/api/search?q=alice", "/api/overview"} {
		s.object(path)
	}
	for _, in := range slow { // a client whose time had run out would have only a part
		answer, err := http.ReadResponse(bufio.NewReader(io.MultiReader(strings.NewReader("HTTP/1.1 200 OK\r\n"), in)), nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil || !json.Valid(text) || len(text) < 300<<10 {
			t.Errorf("a slow one has %d bytes, %v", len(text), err)
		}
	}
}
