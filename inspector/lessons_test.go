package inspector_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"testing"
	"time"

	"elemental/inspector/chromiumtest"
)

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

// follow begins to follow, as the page's form says, and waits for the first request.
func (v *tab) follow(ask func()) {
	v.t.Helper()
	v.Run(`document.querySelector(".follow-form .primary").click()`)
	v.Await(`document.querySelector(".follow-status").textContent !== "" || document.querySelector(".request-item") !== null`)
	if ask != nil {
		ask()
	}
	v.Await(`document.querySelector(".request-item") !== null`)
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
