package inspector_test

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"elemental/cmd/elemental/providertest"
	"elemental/inspector/chromiumtest"
	"elemental/transport/housetest"
)

// TestPictures makes the pictures docs/inspector-*.png from the real provider under a
// real load. It runs only with ELEMENTAL_UPDATE=1; scripts/inspector-pictures runs it.
func TestPictures(t *testing.T) {
	if os.Getenv("ELEMENTAL_UPDATE") != "1" {
		t.Skip("makes the pictures of the docs with ELEMENTAL_UPDATE=1")
	}
	s := underLoad(t)
	ctx := chromiumtest.Start(t, 10*time.Minute)
	wide := looks{width: 1280, height: 820}
	channel := s.busiest()
	server := path.Dir(channel)
	flow := s.visit(ctx, "flow", looks{width: 1280, height: 1000})
	lab := s.visit(ctx, "fault", looks{width: 1280, height: 960})
	actor := s.visit(ctx, "actor?id="+url.QueryEscape(channel), wide)

	tree := "tree?open=" + url.QueryEscape("provider provider/servers "+server) + "&at=" + url.QueryEscape(channel)
	for name, how := range map[string]looks{"tree": wide, "dark": {dark: true, width: 1280, height: 820}, "narrow": {width: 400, height: 820}} {
		v := s.visit(ctx, tree, how)
		v.Await(fmt.Sprintf(`document.querySelector(".row[aria-selected=true]")?.dataset.id === %q`, channel))
		v.Await(`document.querySelector("footer").textContent.includes("of a processor")`)
		v.picture(name)
		v.Close()
	}

	v := s.visit(ctx, "follow?call=message&count=5", looks{width: 1280, height: 1400})
	v.Run(`document.querySelector(".follow-form .primary").click()`)
	v.Await(`document.querySelectorAll(".request-item").length === 5`)
	v.Run(`[...document.querySelectorAll(".request-item")].some((item) => item.click() || document.querySelector(".push") !== null)`)
	v.Run(`document.querySelector(".waterfall tr[data-where=persistence]").dispatchEvent(new PointerEvent("pointerenter"))`)
	v.picture("follow")

	grown(actor, 40)
	actor.picture("actor")
	grown(flow, 75)
	flow.picture("flow")

	lab.Run(fmt.Sprintf(`const form = document.querySelector("[data-fault=crash]"); form.elements.id.value = %q; form.requestSubmit();`, channel))
	lab.Await(`document.querySelector(".feed-row[data-what=restart]") !== null`)
	lab.Run(`const form = document.querySelector("[data-fault=delay]"); form.elements.seconds.value = 20; form.requestSubmit();`)
	grown(lab, 90)
	lab.picture("fault")
	lab.Run(`location.hash = "#feed"`)
	lab.Await(`document.querySelector(".feed-panel .feed-row") !== null`)
	lab.Do(chromedp.EmulateViewport(1280, 480))
	lab.picture("feed")
}

// busiest is a channel in which people talk.
func (s *site) busiest() string {
	s.t.Helper()
	for _, a := range s.object("/api/search?q=-chat-0/&limit=1")["actors"].([]any) {
		return a.(object)["id"].(string)
	}
	s.t.Fatal("nobody chats")
	return ""
}

// grown waits until a page has been open for that many seconds, so that its lines are
// long.
func grown(v *tab, seconds int) {
	v.t.Helper()
	for until := 30; until < seconds; until += 30 { // a single wait must not be longer
		v.Await(fmt.Sprintf(`performance.now() > %d`, 1000*until))
	}
	v.Await(fmt.Sprintf(`performance.now() > %d`, 1000*seconds))
}

// underLoad is the real provider with an inspector, under the load of the load tester.
func underLoad(t *testing.T) *site {
	t.Helper()
	s := realProvider(t)
	s.load("chat:9", "fanout:1", "--rate", "1500", "--clients", "60", "--duration", "3m")
	eventually(t, "the load is on", func() bool { return s.object("/api/tree?kind=channel")["total"].(float64) > 3 })
	return s
}

// realProvider is the real program with its inspector and fault lab.
func realProvider(t *testing.T, args ...string) *site {
	t.Helper()
	dir := t.TempDir()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	admin := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	args = append([]string{"--admin", admin, "--faultlab"}, args...)
	p := providertest.New(build(t, dir, "elemental/cmd/elemental"), filepath.Join(dir, "data"), args...)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Kill() }) // stopping it properly would complain of the crash in the log
	return &site{House: &housetest.House{T: t, Addr: p.Addr}, t: t, url: "http://" + admin}
}

// load begins a load. Ended is closed when it has ended.
func (s *site) load(args ...string) (ended <-chan struct{}) {
	s.t.Helper()
	program := build(s.t, s.t.TempDir(), "elemental/cmd/elemental-load")
	cmd := exec.Command(program, append(args, "--address", s.Addr, "--plain")...)
	exited, err := providertest.StartBound(cmd)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended already
		<-exited
	})
	return exited
}

func build(t *testing.T, dir, program string) string {
	t.Helper()
	built, err := providertest.Build(dir, program, "-race=false")
	if err != nil {
		t.Fatal(err)
	}
	return built
}

// picture keeps a picture of the screen for docs/inspector.md.
func (v *tab) picture(name string) { v.keep("inspector-" + name + ".png") }

// keep keeps a picture of the screen for the docs.
func (v *tab) keep(file string) {
	v.t.Helper()
	shown := time.Now().Add(1500 * time.Millisecond).UnixMilli() // waits for the stream's next event and what it draws
	v.Await(fmt.Sprintf(`Date.now() > %d`, shown))
	if err := os.WriteFile(filepath.Join("..", "docs", file), v.Screenshot(), 0o644); err != nil {
		v.t.Fatal(err)
	}
}
