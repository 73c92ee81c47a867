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

// served starts a provider that serves one connection.
func served(t *testing.T, serve func(stdnet.Conn)) (addr string) {
	t.Helper()
	listener, err := stdnet.Listen("tcp", "127.0.0.1:0")
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
		serve(conn)
	}()
	return listener.Addr().String()
}

// stingy starts a provider with a channel of that many messages, of which it sends few at once.
func stingy(t *testing.T, total, few int64) (addr string) {
	t.Helper()
	return served(t, func(conn stdnet.Conn) {
		for requests := json.NewDecoder(conn); ; {
			r := struct {
				Call          string
				Count, Before int64
				ID            json.Number
			}{Before: total}
			if requests.Decode(&r) != nil {
				return
			}
			var messages []string
			for i := max(r.Before-r.Count, 0); i < r.Before; i++ {
				messages = append(messages, fmt.Sprintf(`{"message":"m","author":"bob","index":%d}`, i))
			}
			answer := fmt.Sprintf(`{"resp":true,"messages":[%s],"amount":%d,"id":%s}`, strings.Join(messages, ","), total, r.ID)
			if r.Count > few {
				answer = fmt.Sprintf(`{"resp":false,"reason":"requesting too many messages","id":%s}`, r.ID)
			}
			_, _ = conn.Write([]byte(answer)) // it does not matter if the client has gone
		}
	})
}

// A provider may send fewer messages at once than a page has. Older and newer pages come all the
// same, without a gap.
func TestPagesOfAProviderThatSendsFew(t *testing.T) {
	const total, few = 300, 30
	who, err := client.Dial(t.Context(), stingy(t, total, few), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer who.Close()
	n := &net{ctx: t.Context(), who: who}
	for _, held := range []history{{}, {first: 100, messages: make([]client.Message, 150), total: total}} {
		r := &room{history: held}
		for pages := 0; r.history.first > 0 || !r.history.current() || !r.loaded; pages++ {
			which, before := newestPage, int64(-1)
			switch {
			case !r.loaded:
			case !r.history.current():
				which, before = newerPage, min(r.history.end()+pageSize, r.history.total)
			default:
				which, before = olderPage, r.history.first
			}
			got := n.page(r, which, pageSize, before)().(pageMsg)
			if got.err != nil || pages > 20 {
				t.Fatalf("%d messages from %d: %v", len(r.history.messages), r.history.first, got.err)
			}
			r.load(which, got.page)
		}
		if len(r.history.messages) != total {
			t.Errorf("%d messages", len(r.history.messages))
		}
	}
}

// obedient starts a provider that does whatever it is asked to, and tells of the commands that
// change something: the call, the server and the name.
func obedient(t *testing.T) (addr string, wires <-chan string) {
	t.Helper()
	changes := make(chan string, 8)
	return served(t, func(conn stdnet.Conn) {
		for requests := json.NewDecoder(conn); ; {
			var r struct {
				Call, ServerName, Name string
				ID                     json.Number
			}
			if requests.Decode(&r) != nil {
				return
			}
			if strings.HasPrefix(r.Call, "create") || strings.HasPrefix(r.Call, "delete") {
				changes <- r.Call + " " + r.ServerName + " " + r.Name
			}
			_, _ = fmt.Fprintf(conn, `{"resp":true,"servers":["fresh"],"channels":["general"],"id":%s}`, r.ID) // it does not matter if the client has gone
		}
	}), changes
}
