package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"elemental/cmd/elemental/providertest"
)

// The benchmarks drive the real program, built as it is shipped, over real
// sockets. Where ELEMENTAL_FLOOR names the folder of a Go program that takes
// -addr and -file and does the least that such a server must do, its figures
// stand beside ours, taken in alternating turns.

func BenchmarkPost64(b *testing.B)  { benchmarkCalls(b, 64, postRequest) }
func BenchmarkPost256(b *testing.B) { benchmarkCalls(b, 256, postRequest) }
func BenchmarkName64(b *testing.B)  { benchmarkCalls(b, 64, `{"call":"getprovidername"}`) }

const postRequest = `{"call":"message","servername":"gophers","channel":"general","msg":"a message of usual length, no more"}`

// BenchmarkIdleConnection tells the resident memory of one idle connection
// that is logged in.
func BenchmarkIdleConnection(b *testing.B) {
	const connections = 5000
	metrics := map[string]float64{}
	for _, s := range subjects(b) {
		before := s.resident(b)
		users := s.connect(b, connections)
		metrics[s.name] = (s.resident(b) - before) / connections
		hangUp(users)
	}
	report(b, metrics, "B/conn")
}

// turns is how often each subject has its turn.
const turns = 4

// benchmarkCalls has every connection send one request at a time; b.N in each turn.
func benchmarkCalls(b *testing.B, connections int, request string) {
	all := subjects(b)
	users := map[string][]*benchUser{}
	for _, s := range all {
		users[s.name] = s.connect(b, connections)
	}
	took := map[string]time.Duration{}
	b.ResetTimer()
	for range turns {
		for _, s := range all {
			begun := time.Now()
			callAll(b, users[s.name], request, b.N)
			took[s.name] += time.Since(begun)
		}
	}
	b.StopTimer()
	metrics := map[string]float64{}
	for _, s := range all {
		metrics[s.name] = float64(turns*b.N) / took[s.name].Seconds()
		hangUp(users[s.name])
	}
	report(b, metrics, "op/s")
}

// report tells each subject's figure and what share of the floor's ours is.
func report(b *testing.B, metrics map[string]float64, unit string) {
	b.Helper()
	for name, value := range metrics {
		b.ReportMetric(value, name+"-"+unit)
	}
	if floor := metrics["floor"]; floor > 0 {
		b.ReportMetric(metrics["provider"]/floor, "ratio")
	}
}

// subject is a server that is measured.
type subject struct {
	name, addr, login string
	pid               int
}

// subjects starts the servers.
func subjects(b *testing.B) []*subject {
	b.Helper()
	all := []*subject{providerSubject(b)}
	if source := os.Getenv("ELEMENTAL_FLOOR"); source != "" {
		all = append(all, floorSubject(b, source))
	}
	return all
}

// shipped is the program without the race detector.
var shipped = sync.OnceValues(func() (string, error) {
	return providertest.Build(filepath.Dir(program), "elemental/cmd/elemental", "-race=false")
})

func providerSubject(b *testing.B) *subject {
	b.Helper()
	path, err := shipped()
	if err != nil {
		b.Fatal(err)
	}
	p := &provider{providertest.Start(b, path), b}
	alice := p.join("alice")
	alice.makeServer("gophers")
	key := alice.must("login", "usernm", "alice", "passwd", passwordOf("alice"))["key"]
	return &subject{"provider", p.Addr, request("login", "usernm", "alice", "key", key), p.Pid()}
}

func floorSubject(b *testing.B, source string) *subject {
	b.Helper()
	path := program + "-floor"
	build := exec.Command("go", "build", "-o", path, ".")
	build.Dir = source // a module of its own
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	addr := freeAddr(b)
	cmd := exec.Command(path, "-addr", addr, "-file", filepath.Join(b.TempDir(), "floor"))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
	})
	waitForListener(b, addr)
	return &subject{"floor", addr, request("login", "usernm", "alice", "passwd", "x"), cmd.Process.Pid}
}

func freeAddr(b *testing.B) string {
	b.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	return socket.Addr().String()
}

func waitForListener(b *testing.B, addr string) {
	b.Helper()
	for deadline := time.Now().Add(patience); ; {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(deadline) {
			b.Fatal(err)
		}
	}
}

// benchUser is a connection that costs the measuring side little.
type benchUser struct {
	conn   net.Conn
	answer *bufio.Reader
}

func (s *subject) connect(b *testing.B, count int) []*benchUser {
	b.Helper()
	users := make([]*benchUser, count)
	for i := range users {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			b.Fatal(err)
		}
		users[i] = &benchUser{conn, bufio.NewReaderSize(conn, 512)}
		if err := users[i].call(s.login); err != nil {
			b.Fatal(err)
		}
	}
	return users
}

func hangUp(users []*benchUser) {
	for _, u := range users {
		_ = u.conn.Close() // nothing is waiting in it
	}
}

func (u *benchUser) call(request string) error {
	if _, err := u.conn.Write([]byte(request)); err != nil {
		return err
	}
	line, err := u.answer.ReadSlice('\n')
	if err != nil {
		return err
	}
	if text := strings.ReplaceAll(string(line[:min(len(line), 14)]), " ", ""); !strings.HasPrefix(text, `{"resp":true`) {
		return fmt.Errorf("%s was answered with %s", request, line)
	}
	return nil
}

// callAll sends total requests, shared out evenly.
func callAll(b *testing.B, users []*benchUser, request string, total int) {
	b.Helper()
	var all sync.WaitGroup
	for i, u := range users {
		share := total / len(users)
		if i < total%len(users) {
			share++
		}
		all.Go(func() {
			for range share {
				if err := u.call(request); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// resident is the least resident memory seen in some seconds, in which the
// process collects its garbage.
func (s *subject) resident(b *testing.B) float64 {
	b.Helper()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	least := 0.0
	for range 50 {
		<-ticker.C
		if now := s.residentNow(b); least == 0 || now < least {
			least = now
		}
	}
	return least
}

func (s *subject) residentNow(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.pid))
	if err != nil {
		b.Skip("resident memory is read from /proc: ", err)
	}
	for line := range strings.Lines(string(status)) {
		if size, found := strings.CutPrefix(line, "VmRSS:"); found {
			kib, err := strconv.Atoi(strings.Fields(size)[0])
			if err != nil {
				b.Fatal(err)
			}
			return float64(kib) * 1024
		}
	}
	b.Fatal("no VmRSS")
	return 0
}
