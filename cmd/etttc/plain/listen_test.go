package plain

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"elemental/cmd/etttc/commands"
)

// remade starts a provider whose only channel, s/general, is deleted and made anew after it was
// asked for its length the first time: it had 100 messages and has 3.
func remade(t *testing.T) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		amount := 100
		for requests := json.NewDecoder(conn); ; {
			var r struct {
				Call              string
				ID                json.Number
				Begin, End, Count int
			}
			if requests.Decode(&r) != nil {
				return
			}
			if r.Call == "getlatestmessages" {
				r.Begin, r.End = amount-r.Count, amount
			}
			var messages []string
			for i := r.Begin; i < r.End; i++ {
				messages = append(messages, fmt.Sprintf(`{"message":"of the new one","timestamp":%d,"author":"bob","index":%d}`, i, i))
			}
			_, _ = fmt.Fprintf(conn, `{"resp":true,"key":"k","servers":["s"],"channels":["general"],"messages":[%s],"amount":%d,"index":3,"timestamp":9,"id":%s}`,
				strings.Join(messages, ","), amount, r.ID) // it does not matter if the client has gone
			if r.Call == "getlatestmessages" {
				amount = 3
			}
		}
	}()
	return listener.Addr().String()
}

// A channel that was made anew while it was entered, and is shorter now, does not hold up the
// input.
func TestChannelMadeAnewWhileEntered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "input")
	if err := os.WriteFile(path, []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	out, err := os.Create(path + ".out")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	addr := remade(t)
	const patience = time.Minute // only decides how long a failing test takes
	ended := make(chan error, 1)
	go func() {
		ended <- Run(t.Context(), Config{
			Address: addr, User: "alice", Password: "secret", At: commands.Place{Server: "s", Channel: "general"},
			Tail: 10, Timeout: patience, In: in, Out: out, Err: out,
		})
	}()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("the input is not read")
	}
}
