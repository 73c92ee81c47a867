package faultytest_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"elemental/cmd/elemental-load/faultytest"
	"elemental/cmd/elemental/providertest"
)

func dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err = conn.SetDeadline(time.Now().Add(providertest.Patience)); err != nil {
		t.Fatal(err)
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		t.Fatalf("%T", conn)
	}
	return tcp
}

// TestUnchanged: everything passes unchanged in both directions, even if it is no JSON.
func TestUnchanged(t *testing.T) {
	const (
		requests = `{"call":"login","usernm":"ä\u00e4"}{"call":"message", "msg":"}{\"<>&" }{"call":1,"call":{}}` + `{"call":"getmessages","begin":"x"}` + `[]}{ nonsense`
		answers  = `{"resp":true, "index":3}` + "\n" + `{"call":"newmessage","message":"<&>"}` + "\n" +
			"no JSON\n" + `{"resp":true}` + "\n" + `{"resp":true,"messages":null}` + "\nan end without its line's"
	)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	came := make(chan []byte, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return // the test has failed already
		}
		all, _ := io.ReadAll(conn) // what is missing shows in all
		came <- all
		_, _ = io.WriteString(conn, answers)
		_ = conn.Close()
	}()
	p := faultytest.Start(t, listener.Addr().String(), faultytest.None, 1)
	conn := dial(t, p.Addr)
	if _, err = io.Copy(conn, iotest.OneByteReader(strings.NewReader(requests))); err != nil {
		t.Fatal(err)
	}
	if err = conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	heard, err := io.ReadAll(conn)
	if err != nil || string(heard) != answers {
		t.Errorf("heard %q (%v)", heard, err)
	}
	if got := <-came; string(got) != requests {
		t.Errorf("the provider got %q", got)
	}
}

// TestRealEnds: a provider ends a connection, and another provider is gone.
func TestRealEnds(t *testing.T) {
	provider := providertest.Start(t, program)
	p := faultytest.Start(t, provider.Addr, faultytest.None, 1)
	conn := dial(t, p.Addr)
	if _, err := io.WriteString(conn, `{"call":"getprovidername"}}{`); err != nil {
		t.Fatal(err)
	}
	heard, err := io.ReadAll(conn)
	lines := strings.Split(string(heard), "\n")
	if err != nil || len(lines) != 3 || !strings.Contains(lines[0], "LOCALPROVIDER") || !strings.Contains(lines[1], "malformed JSON") {
		t.Errorf("heard %q (%v)", heard, err)
	}
	conn = dial(t, p.Addr)
	provider.Stop()
	if heard, err = io.ReadAll(conn); len(heard) != 0 {
		t.Errorf("heard %q (%v)", heard, err)
	}
	if heard, err = io.ReadAll(dial(t, p.Addr)); len(heard) != 0 {
		t.Errorf("heard %q of a provider that is gone (%v)", heard, err)
	}
}
