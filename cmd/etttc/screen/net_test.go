package screen

import (
	"encoding/json"
	"fmt"
	stdnet "net"
	"strings"
	"testing"

	"elemental/client"
)

// farAway starts a provider with servers s0, s1, … It answers the questions for their channels
// only when that many of them wait, and says that s3 does not exist.
func farAway(t *testing.T, servers int) (addr string) {
	t.Helper()
	listener, err := stdnet.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	names := make([]string, servers)
	for i := range names {
		names[i] = fmt.Sprintf(`"s%d"`, i)
	}
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		waiting := ""
		for requests := json.NewDecoder(conn); ; {
			var r struct {
				Call, ServerName string
				ID               json.Number
			}
			if requests.Decode(&r) != nil {
				return
			}
			answer := fmt.Sprintf(`{"resp":true,"servers":[%s],"id":%s}`, strings.Join(names, ","), r.ID)
			switch {
			case r.ServerName == "s3":
				waiting += fmt.Sprintf(`{"resp":false,"reason":"server does not exist","id":%s}`, r.ID)
			case r.ServerName != "":
				waiting += fmt.Sprintf(`{"resp":true,"channels":["in-%s"],"id":%s}`, r.ServerName, r.ID)
			}
			if r.ServerName != "" {
				if answer = ""; strings.Count(waiting, "resp") == servers {
					answer = waiting
				}
			}
			_, _ = conn.Write([]byte(answer)) // it does not matter if the client has gone
		}
	}()
	return listener.Addr().String()
}

// The servers are asked for their channels all at once, so that their number does not matter to a
// user with a slow connection.
func TestServersAreAskedTogether(t *testing.T) {
	who, err := client.Dial(t.Context(), farAway(t, listAtOnce), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer who.Close()
	listed := (&net{ctx: t.Context(), who: who}).list()().(listedMsg)
	if listed.err != nil || len(listed.servers) != listAtOnce-1 {
		t.Fatalf("%d servers: %v", len(listed.servers), listed.err)
	}
	for i, s := range listed.servers {
		if i >= 3 {
			i++ // s3 does not exist
		}
		if name := fmt.Sprint("s", i); s.name != name || len(s.channels) != 1 || s.channels[0] != "in-"+name {
			t.Errorf("%q has %q", s.name, s.channels)
		}
	}
}
