package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"elemental/cmd/elemental/providertest"
	"elemental/transport/housetest"
)

// inspected is a provider whose inspector is at url.
type inspected struct {
	*provider
	url, token string
}

func inspect(t *testing.T, env []string, args ...string) *inspected {
	t.Helper()
	p := unstarted(t, filepath.Join(t.TempDir(), "data"), append([]string{"--admin", "127.0.0.1:0"}, args...)...)
	p.Env = env
	p.Start()
	line, err := p.Stdout.Wait("the inspector's address", p.Exited(), func(line string) bool { return inspectorLine.MatchString(line) })
	if err != nil {
		t.Fatal(err)
	}
	return &inspected{provider: p, url: inspectorLine.FindStringSubmatch(line)[1]}
}

var inspectorLine = regexp.MustCompile(`^elemental: inspector at (http://127\.0\.0\.1:\d+)/$`)

// get gives the answer to a request. It is closed at the test's end.
func (p *inspected) get(t *testing.T, path string) (status int, body io.Reader) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	answer, err := http.DefaultClient.Do(r) //nolint:bodyclose // the end of the test closes it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer.StatusCode, answer.Body
}

func (p *inspected) text(t *testing.T, path string) (status int, text string) {
	t.Helper()
	status, body := p.get(t, path)
	all, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return status, string(all)
}

func TestInspectorOfTheProgram(t *testing.T) {
	p := inspect(t, nil, "--providername", "HOME")
	p.dial().must("getprovidername")
	for path, want := range map[string]string{
		"/":                    "<html",
		"/live":                "ok",
		"/ready":               "ok",
		"/metrics":             `elemental_calls_total{call="getprovidername",code="ok"} 1`,
		"/api/about":           `"name":"HOME"`,
		"/api/search?q=router": `"provider/router"`,
	} {
		if status, text := p.text(t, path); status != http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("%s: %d, without %q:\n%.300s", path, status, want, text)
		}
	}
	if status, _ := p.text(t, "/api/fault"); status != http.StatusNotFound {
		t.Errorf("the fault lab is open without its option: %d", status)
	}
	p.Stop()
}

// The ballast takes no memory, and is none of what the page shows as in use.
func TestTheFlowsHeapIsWithoutTheBallast(t *testing.T) {
	p := inspect(t, nil)
	_, body := p.get(t, "/events?topics=flow")
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, is := strings.CutPrefix(lines.Text(), "data: ")
		var flow struct {
			Memory *struct{ Heap, Resident uint64 }
		}
		if !is || json.Unmarshal([]byte(data), &flow) != nil || flow.Memory == nil {
			continue
		}
		if heap := flow.Memory.Heap; heap == 0 || heap >= ballastBytes {
			t.Errorf("the heap of an idle provider is said to be %d bytes", heap)
		}
		p.Stop()
		return
	}
	t.Fatalf("no flow: %v", lines.Err())
}

func TestWithoutTheOptionThereIsNoInspector(t *testing.T) {
	p := startProvider(t)
	p.dial().must("getprovidername")
	p.Stop()
	if strings.Contains(p.Stdout.Text(), "inspector") || strings.Contains(p.Stderr.Text(), "inspector") {
		t.Errorf("it tells of an inspector:\n%s%s", p.Stdout.Text(), p.Stderr.Text())
	}
}

// The token is in a file. Nothing that the program prints or answers has it.
func TestTokenOfTheInspector(t *testing.T) {
	token := housetest.Secret("operator")
	file := filepath.Join(t.TempDir(), "token")
	writeFile(t, file, token+"\n")
	p := inspect(t, nil, "--admintokenfile", file, "--loglevel", "debug")
	if status, _ := p.text(t, "/metrics"); status != http.StatusUnauthorized {
		t.Errorf("%d without the token", status)
	}
	awaitReady(t, strings.TrimPrefix(p.url, "http://"), http.StatusOK, "ok", "not serving") // needs no token
	p.token = token
	status, metrics := p.text(t, "/metrics")
	if status != http.StatusOK {
		t.Errorf("%d with the token", status)
	}
	p.Stop()
	for _, leak := range housetest.Leaks([]byte(p.Stdout.Text()+p.Stderr.Text()+metrics), token) {
		t.Errorf("it tells %s", leak)
	}
}

// A token that is no secret, or none at all, opens nothing.
func TestTokenThatIsNone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	for text, mention := range map[string]string{
		"\n": "no token", "short\n": "16 letters", "# not a short one\nthe token 0123456789\n": "one line",
	} {
		writeFile(t, file, text)
		p := unstarted(t, "", "--admin", "127.0.0.1:0", "--admintokenfile", file)
		p.Launch("--admin", "127.0.0.1:0", "--admintokenfile", file)
		if code := p.Wait(); code != exitUsage || !strings.Contains(p.Stderr.Text(), mention) || strings.Contains(p.Stderr.Text(), "short") {
			t.Errorf("%q: code %d, %s", text, code, p.Stderr.Text())
		}
	}
}

// Who names the addresses of IPv4 does not open a port to those of IPv6.
func TestAllOfIPv4(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	writeFile(t, token, "sixteen letters, or more")
	p := startProvider(t, "--host", "0.0.0.0", "--admin", "0.0.0.0:0", "--admintokenfile", token)
	inspector, err := p.Stdout.Wait("the inspector's address", p.Exited(), func(line string) bool { return strings.Contains(line, "inspector at") })
	if err != nil || !strings.HasPrefix(p.Addr, "0.0.0.0:") || !strings.Contains(inspector, "//0.0.0.0:") {
		t.Errorf("it listens at %s, and says %q (%v)", p.Addr, inspector, err)
	}
	p.Stop()
}

// A stop does not wait for the pages that look, nor for a disk that is slow on purpose.
func TestStopWithOpenStreams(t *testing.T) {
	p := inspect(t, nil, "--faultlab")
	for range 16 {
		status, body := p.get(t, "/events?topics=flow,tree,feed,cost,actor:provider/router")
		if line, err := bufio.NewReader(body).ReadString('\n'); err != nil || line != "event: hello\n" {
			t.Fatalf("%d: %q, %v", status, line, err)
		}
	}
	answer, err := http.Post(p.url+"/api/fault", "application/json", strings.NewReader(`{"what":"delay","ms":10000,"seconds":60}`))
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%v %v", answer, err)
	}
	_ = answer.Body.Close()
	p.Stop() // within --stoptimeout, with code 0
}

// What is traced arrives at the collector; without --admin there is no address for it.
func TestTracesOfTheProgram(t *testing.T) {
	arrived := make(chan string, 16)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			select {
			case arrived <- r.URL.Path + " " + string(body):
			default:
			}
		}
	}))
	defer collector.Close()
	p := unstarted(t, filepath.Join(t.TempDir(), "data"), "--otlp", collector.URL, "--tracesample", "1")
	p.Env = []string{"OTEL_EXPORTER_OTLP_COMPRESSION=none"}
	p.Start()
	p.dial().must("getprovidername")
	p.Stop() // sends what is there
	select {
	case trace := <-arrived:
		if !strings.HasPrefix(trace, "/v1/traces ") || !strings.Contains(trace, "getprovidername") {
			t.Errorf("it was sent %q", trace)
		}
	default:
		t.Error("nothing arrived")
	}
}

// A collector that is not there holds up neither the start nor the stop.
func TestCollectorThatIsNotThere(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	url := gone.URL
	gone.Close()
	p := startProvider(t, "--otlp", url, "--tracesample", "1")
	p.dial().must("getprovidername")
	p.Stop()
}

// freeAddress is one of this machine at which nobody listens. Its host is not that at which
// all others look for free ports, where it has more than one: nobody takes this one meanwhile.
func freeAddress(t *testing.T) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.5:0")
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		free, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	return free.Addr().String()
}

// probe asks as a balancer does: "" when nobody answers.
func probe(t *testing.T, address, path string) (status int, text string) {
	t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + address + path)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = answer.Body.Close() }()
	all, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, strings.TrimSuffix(string(all), "\n")
}

// awaitReady waits until /ready says a word. Before that it may say others; /live says the
// same all the time.
func awaitReady(t *testing.T, address string, status int, word string, before ...string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		got, text := probe(t, address, "/ready")
		if text == word {
			if got != status {
				t.Errorf("%q with status %d", text, got)
			}
			break
		}
		if !slices.Contains(before, text) || time.Now().After(deadline) {
			t.Fatalf("/ready says %d %q, and not %q", got, text, word)
		}
	}
	if got, text := probe(t, address, "/live"); got != http.StatusOK || text != "ok" {
		t.Errorf("/live says %d %q while /ready says %q", got, text, word)
	}
}

// heldUp launches a provider whose start waits for its journal, of which there is a first file
// that was only begun: a pipe that nobody has opened, until goOn is called.
func heldUp(t *testing.T, args ...string) (p *provider, goOn func()) {
	t.Helper()
	p = unstarted(t, filepath.Join(t.TempDir(), "data"))
	begun := filepath.Join(p.Dir, "journal", "00000001.jsonl")
	if err := os.MkdirAll(filepath.Dir(begun), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(begun, 0o600); err != nil {
		t.Fatal(err)
	}
	p.Launch(on(p.Dir, args...)...)
	return p, func() {
		pipe, err := os.OpenFile(begun, os.O_RDWR, 0) // opens at once, which lets go who waits
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = pipe.Close() })
		line, err := p.Stdout.Wait("the start line", p.Exited(), func(line string) bool { return providertest.ListensAt(line) != "" })
		if err != nil {
			t.Fatal(err)
		}
		p.Addr = providertest.ListensAt(line)
	}
}

// TestReadyAtStartAndStop: whoever sends clients to the provider is told not to while it
// starts and while it stops, and why; and it is never said to be dead.
func TestReadyAtStartAndStop(t *testing.T) {
	address := freeAddress(t)
	p, goOn := heldUp(t, "--admin", address, "--hashworkers", "1")
	awaitReady(t, address, http.StatusServiceUnavailable, "starting", "")
	if status, text := probe(t, address, "/metrics"); status != http.StatusServiceUnavailable || text != "starting" {
		t.Errorf("/metrics says %d %q during the start", status, text)
	}
	goOn()
	awaitReady(t, address, http.StatusOK, "ok", "starting", "not serving")

	p.join("alice")
	goOn = p.haltHashers(t)
	bob := p.dial()
	bob.send(request("register", "usernm", "bob", "passwd", "pw")) // waits for its hash, and the stop for its answer
	awaitInFlight(t, address)
	p.Signal(syscall.SIGTERM)
	awaitReady(t, address, http.StatusServiceUnavailable, "stopping", "ok")
	if status, text := probe(t, address, "/api/about"); status != http.StatusServiceUnavailable || text != "stopping" {
		t.Errorf("the page is told %d %q during the stop", status, text)
	}
	goOn()
	if answer := bob.hear(); answer["resp"] != true {
		t.Errorf("what was under way at the stop is answered %v", answer)
	}
	if code := p.Wait(); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.Stderr.Text())
	}
}

var inFlight = regexp.MustCompile(`(?m)^elemental_requests_in_flight 1$`)

// awaitInFlight waits until a request is under way.
func awaitInFlight(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) { // a pace for looking
		if _, text := probe(t, address, "/metrics"); inFlight.MatchString(text) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("no request is under way")
		}
	}
}
