package transport_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"testing"
	"time"

	"elemental/cmd/elemental/providertest"
	"elemental/transport"
	"elemental/transport/housetest"
)

// Nothing is kept of connections, and nothing counted, unless somebody may look.
func TestNothingIsKeptUnlessSomebodyMayLook(t *testing.T) {
	h := housetest.New(t, housetest.Settings{})
	h.Founder().Yes(`{"call":"message","servername":"s","channel":"general","msg":"hello"}`)
	if some, total := h.Listener.Connections(0, 10); total != 0 || len(some) != 0 {
		t.Errorf("connections: %v", some)
	}
	if now := h.Listener.Counters(); now.SentBytes != 0 || now.Open == 0 || !now.Serving {
		t.Errorf("counters: %+v", now)
	}
	if now := h.Provider.Counters(); now.Calls != nil || now.Posts != 0 || now.RequestBytes != 0 || len(h.Provider.KindCounts()) != 0 {
		t.Errorf("the provider's: %+v", now)
	}
	if now := h.Store.Counters(); now.Syncs != 0 || now.Records != 0 || !now.Writable || now.Segments == 0 {
		t.Errorf("the store's: %+v", now)
	}
	if _, err := h.Listener.Stall(1); !errors.Is(err, transport.ErrNoConnection) {
		t.Errorf("a stall: %v", err)
	}
}

// secure is a connection with TLS, which a goroutine reads and another writes.
func secure(t *testing.T, wire func(*transport.Config)) (*housetest.House, io.ReadWriter) {
	t.Helper()
	certFile, keyFile, roots := providertest.Certificate(t)
	h := housetest.New(t, housetest.Settings{Inspect: true, Wire: func(cfg *transport.Config) {
		cfg.CertFile, cfg.KeyFile = certFile, keyFile
		if wire != nil {
			wire(cfg)
		}
	}})
	conn, err := tls.Dial("tcp", h.Addr, &tls.Config{RootCAs: roots})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return h, conn
}

const ask = `{"call":"getprovidername"}`

func TestStallWithTLS(t *testing.T) {
	h, conn := secure(t, nil)
	in := bufio.NewReader(conn)
	if _, err := io.WriteString(conn, ask); err != nil {
		t.Fatal(err)
	}
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	resume, err := h.Listener.Stall(1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, ask+ask); err != nil {
		t.Fatal(err)
	}
	until(t, "answers wait", func() bool {
		all, _ := h.Listener.Connections(0, 1)
		return all[0].Unread > 0 && all[0].Stalled && all[0].Requests == 3
	})
	resume()
	resume()
	for range 2 {
		if _, err := in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "what was sent is counted", func() bool { return h.Listener.Counters().SentBytes >= 100 })
}

// Who is stalled for too long is cut off, and holds up nobody's stop.
func TestStalledForTooLongWithTLS(t *testing.T) {
	h, conn := secure(t, func(cfg *transport.Config) { cfg.StallTime = 100 * time.Millisecond })
	if _, err := io.WriteString(conn, ask); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	resume, err := h.Listener.Stall(1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, ask); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 100)); err == nil {
		t.Errorf("%d bytes were written", n)
	}
	until(t, "it is gone", func() bool { return h.Listener.Counters().Open == 0 && h.Listener.Counters().SlowReaders == 1 })
	resume()
}
