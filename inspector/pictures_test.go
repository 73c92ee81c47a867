package inspector_test

import (
	"context"
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

// TestLessons does the experiments of docs/actors.md with the real provider, and makes
// pictures of what is seen, docs/lesson-*.png. It runs only with ELEMENTAL_UPDATE=1;
// scripts/inspector-pictures runs it.
func TestLessons(t *testing.T) {
	if os.Getenv("ELEMENTAL_UPDATE") != "1" {
		t.Skip("makes the pictures of the docs with ELEMENTAL_UPDATE=1")
	}
	for _, lesson := range []struct {
		name     string
		provider []string // its options
		do       func(ctx context.Context, s *site)
	}{
		{"owner", nil, owner},
		{"speak", nil, speak},
		{"passivation", []string{"--passivate", "2s"}, passivation},
		{"backpressure", []string{"--maxoutbox", "128KiB"}, backpressure},
		{"commit", nil, commit},
		{"fanout", nil, fanout},
	} {
		t.Run(lesson.name, func(t *testing.T) {
			lesson.do(chromiumtest.Start(t, 4*time.Minute), realProvider(t, lesson.provider...))
		})
	}
}

// owner follows a user who joins a server: the server decides, and then the user's list
// is changed.
func owner(ctx context.Context, s *site) {
	s.Founder()
	s.Dial().Yes(`{"call":"register","usernm":"bob","passwd":"pw"}`)
	bob := s.Login("bob")
	v := s.visit(ctx, "follow?call=joinserver", looks{width: 1280, height: 1300})
	v.follow(func() { bob.Yes(`{"call":"joinserver","servername":"s","serverpasswd":"spw"}`) })
	v.Run(`document.querySelector(".sequence-frame").scrollIntoView({block: "end"})`)
	v.keep("lesson-owner.png")
}

// speak looks at a channel whose journal is slow, so that its answers wait.
func speak(ctx context.Context, s *site) {
	s.load("chat", "--rate", "300", "--clients", "30", "--servers", "1", "--channels", "1", "--duration", "1m")
	eventually(s.t, "people talk", func() bool { return s.object("/api/tree?kind=channel")["total"].(float64) > 0 })
	channel := s.busiest()
	durable := func(of string) float64 {
		return s.object("/api/actor?id=" + url.QueryEscape(channel))["view"].(object)["durable"].(object)[of].(float64)
	}
	eventually(s.t, "they have talked for a while", func() bool { return durable("committed") > 500 })
	v := s.visit(ctx, "actor?id="+url.QueryEscape(channel), looks{width: 1280, height: 1000})
	s.harm(`{"what":"delay","ms":500,"seconds":40}`)
	grown(v, 8)
	const shown = `Number([...document.querySelectorAll(".state-json .json-line")].find((l) => l.textContent.startsWith("%s: ")).textContent.split(" ")[1])`
	eventually(s.t, "answers wait", func() bool {
		v.Run(`[...document.querySelectorAll("button")].find((b) => b.textContent === "Ask again").click()`)
		return chromiumtest.Evaluate[bool](v, fmt.Sprintf(shown+" > "+shown, "seq", "committed"))
	})
	v.Run(`[...document.querySelectorAll(".state-json details")].find((d) => d.textContent.startsWith("due")).open = true`)
	v.keep("lesson-speak.png")
}

// harm begins a fault in the fault lab.
func (s *site) harm(what string) {
	s.t.Helper()
	if answer, body := s.ask("POST", "/api/fault", what, nil); answer.StatusCode != 200 {
		s.t.Fatalf("%s: %d %s", what, answer.StatusCode, body)
	}
}

// passivation waits after a load until the actors that nobody uses have left memory.
func passivation(ctx context.Context, s *site) {
	v := s.visit(ctx, "flow", looks{width: 1280, height: 900})
	<-s.load("chat", "--rate", "500", "--clients", "40", "--duration", "10s")
	eventually(s.t, "users have left", func() bool { return s.object("/api/tree?kind=user")["total"].(float64) == 0 })
	v.Run(`document.querySelector(".two").scrollIntoView({block: "end"})`)
	v.keep("lesson-passivation.png")
}

// backpressure stalls clients to which others talk.
func backpressure(ctx context.Context, s *site) {
	s.load("fanout", "--rate", "200", "--clients", "60", "--size", "1000", "--duration", "1m")
	v := s.visit(ctx, "fault", looks{width: 1280, height: 960})
	grown(v, 15)
	all := s.object("/api/connections?limit=100")["connections"].([]any)
	for i := range 4 { // those of them that are subscribed
		s.harm(fmt.Sprintf(`{"what":"stall","conn":%v,"seconds":20}`, all[(i+1)*len(all)/5].(object)["id"]))
	}
	v.Await(`document.querySelector(".feed-row[data-what=slow-reader]") !== null`)
	grown(v, 30)
	v.keep("lesson-backpressure.png")
}

// commit watches how batches grow with the number of clients that post.
func commit(ctx context.Context, s *site) {
	v := s.visit(ctx, "flow", looks{width: 1280, height: 1000})
	for _, clients := range []int{1, 64} {
		<-s.load("chat", "--model", "closed", "--clients", fmt.Sprint(clients), "--duration", "12s", "--warmup", "1s")
	}
	s.load("chat", "--model", "closed", "--clients", "256", "--duration", "1m")
	eventually(s.t, "256 post", func() bool { return s.object("/api/connections?limit=1")["total"].(float64) > 250 })
	grown(v, 45)
	v.keep("lesson-commit.png")
}

// fanout follows a post that many get.
func fanout(ctx context.Context, s *site) {
	s.load("fanout", "--rate", "50", "--clients", "300", "--duration", "1m")
	eventually(s.t, "people talk", func() bool { return s.object("/api/tree?kind=channel")["total"].(float64) > 0 })
	v := s.visit(ctx, "follow?call=message", looks{width: 1280, height: 1150})
	v.follow(nil)
	v.Run(`document.querySelector(".sequence-frame").scrollIntoView({block: "end"})`)
	v.keep("lesson-fanout.png")
	v.Run(`document.querySelector(".waterfall").scrollIntoView({block: "end"})`)
	v.keep("lesson-nodes.png")
}
