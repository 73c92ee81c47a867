package transport_test

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"elemental/actors"
	"elemental/persistence"
	"elemental/persistence/vfs"
	"elemental/persistence/vfs/vfstest"
	"elemental/transport/housetest"
)

// This file is how counts_linux_test.go counts: clients that cost nothing, so that all
// that is counted is the provider's.

// spent is what the process took while something was done.
type spent struct {
	objects, bytes float64 // allocated
	writes         float64 // system calls, the clients' too
}

func counted(t testing.TB, do func()) spent {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties pools
	runtime.GC()
	var before, after runtime.MemStats
	writes := writeCalls(t)
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return spent{
		objects: float64(after.Mallocs - before.Mallocs), bytes: float64(after.TotalAlloc - before.TotalAlloc),
		writes: writeCalls(t) - writes,
	}
}

// writeCalls is how many system calls of the process have written, as the system says.
func writeCalls(t testing.TB) float64 {
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var n float64
		if _, err := fmt.Sscanf(line, "syscw: %g", &n); err == nil {
			return n
		}
	}
	t.Fatalf("no count of writes in %q", text)
	return 0
}

// weight is what the process holds.
type weight struct{ heap, goroutines float64 }

func weigh() weight {
	runtime.GC()
	runtime.GC() // pools remember for one collection
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return weight{float64(m.HeapAlloc), float64(runtime.NumGoroutine())}
}

// atRest waits until no goroutine is left that served a connection for a while, or
// fails later for those that stay.
func atRest(goroutines float64) {
	for deadline := time.Now().Add(patience); float64(runtime.NumGoroutine()) > goroutines && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
}

// caller is a client that allocates nothing for a request.
type caller struct {
	t    testing.TB
	conn net.Conn
	in   [16 << 10]byte
	have int // lines that came with those before
}

const (
	aPost = `{"call":"message","servername":"s","channel":"general","msg":"a message of the usual length, more or less"}`
	aName = `{"call":"getprovidername"}`
	aRead = `{"call":"getmessages","servername":"s","channel":"general","begin":70,"end":85}`
)

// callers log in, all as the one user.
func callers(h *housetest.House, n int) []*caller {
	h.T.Helper()
	all := make([]*caller, n)
	for i := range all {
		all[i] = &caller{t: h.T, conn: h.Login("alice").Conn}
		if err := all[i].conn.SetDeadline(time.Now().Add(3 * patience)); err != nil {
			h.T.Fatal(err)
		}
	}
	return all
}

// listening are callers who subscribe.
func listening(h *housetest.House, n int) []*caller {
	h.T.Helper()
	all := callers(h, n)
	for _, c := range all {
		c.often(1, `{"call":"subscribe","servername":"s","channel":"general"}`)
	}
	return all
}

// often asks and waits for the answer, n times.
func (c *caller) often(n int, request string) {
	text := []byte(request)
	for range n {
		c.send(text)
		c.hear(1)
	}
}

// tell posts n messages and waits each time until all have heard it.
func (c *caller) tell(n int, listeners []*caller) {
	for range n {
		c.often(1, aPost)
		hearAll(listeners, 1)
	}
}

func (c *caller) send(text []byte) {
	if _, err := c.conn.Write(text); err != nil {
		c.t.Fatal(err)
	}
}

var (
	refusal = []byte(`"resp":false`)
	newline = []byte("\n")
)

// hear reads n lines, of which none may be a refusal.
func (c *caller) hear(n int) {
	for c.have < n {
		got, err := c.conn.Read(c.in[:])
		if err != nil || bytes.Contains(c.in[:got], refusal) {
			c.t.Fatalf("%v, %q", err, c.in[:got])
		}
		c.have += bytes.Count(c.in[:got], newline)
	}
	c.have -= n
}

func hearAll(all []*caller, n int) {
	for _, c := range all {
		c.hear(n)
	}
}

// gate is a disk that counts syncs, and can hold one back until posts wait for the next.
type gate struct {
	disk    *vfstest.Faulty
	syncs   atomic.Int64
	armed   atomic.Bool
	missing atomic.Int64
	held    chan struct{}
	open    chan struct{}
	late    *time.Timer // ends a wait for posts that do not come
}

func newGate(t testing.TB) *gate {
	folder, err := vfs.OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := folder.Close(); err != nil {
			t.Error(err)
		}
	})
	g := &gate{held: make(chan struct{}, 1), open: make(chan struct{}, 1), late: time.NewTimer(patience)}
	g.disk = &vfstest.Faulty{FS: folder, Before: g.before}
	return g
}

func (g *gate) settings() housetest.Settings {
	return housetest.Settings{FS: g.disk, Actor: func(c *actors.Config) { c.FaultAfter = g.after }}
}

func (g *gate) before(op vfstest.Op, _ string) {
	if op != vfstest.OpSync {
		return
	}
	g.syncs.Add(1)
	if g.armed.CompareAndSwap(true, false) {
		g.held <- struct{}{}
		g.late.Reset(patience)
		select {
		case <-g.open:
		case <-g.late.C:
		}
	}
}

// after lets the sync go on when the store has the last post.
func (g *gate) after(_ actors.Kind, msg any) {
	if _, ok := msg.(*persistence.Append); ok && g.missing.Add(-1) == 0 {
		g.open <- struct{}{}
	}
}

// together has all post n times: the first alone, the others while the disk is at it.
func (g *gate) together(all []*caller, n int) {
	text := []byte(aPost)
	for range n {
		g.missing.Store(int64(len(all)))
		g.armed.Store(true)
		all[0].send(text)
		<-g.held
		for _, c := range all[1:] {
			c.send(text)
		}
		hearAll(all, 1)
	}
}

// strangers log n connections in that Go knows nothing of on the client's side.
func strangers(h *housetest.House, n int) {
	h.T.Helper()
	open := make([]int, 0, n)
	h.T.Cleanup(func() {
		for _, fd := range open {
			_ = unix.Close(fd)
		}
	})
	for range n {
		fd, err := stranger(h.Addr)
		open = append(open, fd)
		if err != nil {
			h.T.Fatal(err)
		}
	}
}

func stranger(addr string) (fd int, err error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return -1, err
	}
	if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return fd, err
	}
	err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
	if err == nil {
		_, err = unix.Write(fd, []byte(`{"call":"login","usernm":"alice","passwd":"pw"}`))
	}
	var answer [512]byte
	n := 0
	if err == nil {
		n, err = unix.Read(fd, answer[:])
	}
	if err == nil && !bytes.Contains(answer[:n], []byte(`"resp":true`)) {
		err = fmt.Errorf("login: %s", answer[:n])
	}
	return fd, err
}
