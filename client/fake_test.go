package client_test

import (
	"encoding/json"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
)

// fake is a provider that answers as a test wants it to. It is for what the real one does too
// rarely or never.
type fake struct {
	listener net.Listener
	conns    atomic.Int64
}

// asked is a request to a fake, on its n-th connection.
type asked struct {
	n      int
	values map[string]any
	conn   net.Conn
}

// newFake calls answer for each request. Unless that returns true, greetings and logins are
// answered with success.
func newFake(t testing.TB, answer func(a *asked) bool) *fake {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	f := &fake{listener: listener}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go f.serve(conn, int(f.conns.Add(1)), answer)
		}
	}()
	return f
}

func (f *fake) addr() string { return f.listener.Addr().String() }

func (f *fake) serve(conn net.Conn, n int, answer func(a *asked) bool) {
	defer func() { _ = conn.Close() }()
	requests := json.NewDecoder(conn)
	for {
		a := &asked{n: n, conn: conn}
		if requests.Decode(&a.values) != nil {
			return
		}
		if !answer(a) {
			a.yes("")
		}
	}
}

func (a *asked) call() string { return a.values["call"].(string) }

// say writes a line. It does not matter if the client has gone.
func (a *asked) say(format string, values ...any) { _, _ = fmt.Fprintf(a.conn, format+"\n", values...) }

// yes answers with success and these further values.
func (a *asked) yes(more string) {
	if more != "" {
		more = "," + more
	}
	a.say(`{"resp":true%s,"id":%v}`, more, a.values["id"])
}

// messages answers with messages whose texts come from text, called for each index.
func (a *asked) messages(text func(i int) string, total int) {
	begin, end := total, total
	switch a.call() {
	case "getmessages":
		begin, end = int(a.values["begin"].(float64)), int(a.values["end"].(float64))
	case "getlatestmessages":
		begin = max(total-int(a.values["count"].(float64)), 0)
	}
	list := ""
	for i := begin; i < end; i++ {
		if list != "" {
			list += ","
		}
		list += fakeMessage(i, text(i))
	}
	a.yes(fmt.Sprintf(`"messages":[%s],"amount":%d`, list, total))
}

func fakeMessage(i int, text string) string {
	return fmt.Sprintf(`{"message":%q,"timestamp":%d.5,"author":"a","index":%d}`, text, 1000+i, i)
}

// push pushes a message in s/general.
func (a *asked) push(i int, text string) {
	a.say(`{"call":"newmessage","servername":"s","channel":"general",%s`, fakeMessage(i, text)[1:])
}
