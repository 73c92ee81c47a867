package actors

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// crowdOnStage is a router and many who are subscribed: all to their own channel of the server
// s, and those of the last two to that server too.
func crowdOnStage(t *testing.T, sessions uint64) (*stage, *router) {
	s := newStage(t, time.Hour)
	s.node.encoder = plainEncoder{}
	close(s.hold)
	r := newRouter(s.node).(*router)
	for id := range sessions {
		own := topic{"s", 1, fmt.Sprint("c", id), id + 2}
		r.onOnline(&online{id, nil, slowOutbox{stage: s}, fmt.Sprint("user", id), 0})
		for _, to := range []topic{own, own.whole()}[:1+(id+2)/sessions] {
			r.onAttach(nil, &attach{id, fmt.Sprint("user", id), to, 0, 0})
			r.onBegin(&begin{id, to})
		}
	}
	return s, r
}

// TestAnEndConcernsOnlyWhoIsSubscribed: of many sessions the router looks only at those that an
// end concerns. The others are made such that a look at their subscriptions is a crash.
func TestAnEndConcernsOnlyWhoIsSubscribed(t *testing.T) {
	const sessions = 9
	one := topic{"s", 1, "c3", 5}
	for name, tt := range map[string]struct {
		end       revoke
		concerned []uint64
		told      int
	}{
		"a channel": {revoke{Seq: 1, Topic: one, Reason: ChannelGone}, []uint64{3, 7, 8}, 3},
		"a member":  {revoke{Seq: 1, Topic: one.whole(), User: "user8", Reason: MembershipEnded}, []uint64{8}, 2},
		"no server": {revoke{Seq: 1, Topic: topic{server: "other", serverIncarnation: 1}, Reason: ServerGone}, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s, r := crowdOnStage(t, sessions)
			concerned := map[uint64]*subscriber{}
			for _, id := range tt.concerned {
				concerned[id] = r.sessions[id]
			}
			for id := range r.sessions {
				if concerned[id] == nil {
					r.sessions[id] = nil
				}
			}
			r.onRevoke(nil, &tt.end)
			if n := len(s.said); n != tt.told {
				t.Errorf("%d were told", n)
			}
		})
	}
}

// TestNothingIsLeftOfAServerThatHasEnded ends it in each way in which subscriptions end.
func TestNothingIsLeftOfAServerThatHasEnded(t *testing.T) {
	const sessions = 9
	whole := topic{server: "s", serverIncarnation: 1}
	for name, end := range map[string]func(*router){
		"deleted": func(r *router) { r.onRevoke(nil, &revoke{Seq: 1, Topic: whole, Reason: ServerGone}) },
		"left": func(r *router) {
			for id := range uint64(sessions) {
				r.onRevoke(nil, &revoke{Seq: 1, Topic: whole, User: fmt.Sprint("user", id), Reason: MembershipEnded})
			}
		},
		"logged out": func(r *router) {
			for id := range uint64(sessions) {
				r.forget(id)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, r := crowdOnStage(t, sessions)
			if shown := r.view().(routerView).Topics.Count; shown != sessions+1 {
				t.Errorf("%d topics are shown", shown)
			}
			end(r)
			if told := len(s.said); len(r.servers) != 0 || told != sessions+2 && told != 0 {
				t.Errorf("%d servers are left, %d ends were told", len(r.servers), told)
			}
			for id := range uint64(sessions) {
				r.forget(id)
			}
			if len(r.sessions)+len(r.users) != 0 {
				t.Errorf("%d sessions and %d users are left", len(r.sessions), len(r.users))
			}
		})
	}
}

// TestARefusedSubscriptionIsNone: the server has told the router of it, and then the channel has
// refused it, so there is nothing to unsubscribe from. One that has begun ends.
func TestARefusedSubscriptionIsNone(t *testing.T) {
	s, router := routerOnStage(t)
	asker := s.node.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if m, is := ctx.Message().(*answer); is {
			s.said <- fmt.Sprintf("%T %s", m.Reply, codeOf(m.Reply))
		}
	}))
	s.tell(router, &online{1, nil, slowOutbox{stage: s}, "bob", 0})
	unsubscribe := &detach{Caller{PID: asker, Session: 1}, "s", "c", false}
	s.tell(router, &attach{1, "bob", t1, 0, 0}, unsubscribe)
	if word := hear(t, s.said); word != "*actors.refusal not_subscribed" {
		t.Errorf("after a refusal: %s", word)
	}
	s.tell(router, &begin{1, t1}, &attach{1, "bob", t1, 0, 0}, &begin{1, t1}, unsubscribe)
	if word := hear(t, s.said); word != "actors.Done " {
		t.Errorf("after a subscription: %s", word)
	}
}

// holdingOutbox notes in its pushes when it is to hold them.
type holdingOutbox struct{ *outbox }

func (o holdingOutbox) Hold() { o.pushes <- "hold" }

// TestPushesAreHeldFromASubscriptionOn: what comes before is of an earlier one, and must not come
// after the answer.
func TestPushesAreHeldFromASubscriptionOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, nil)
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		out := newOutbox()
		again := &guest{t, "alice", out, p.Connect(holdingOutbox{out}, netip.Addr{})}
		again.ask(Login{"alice", "p"})
		again.ask(Subscribe{"s", "general", true})
		alice.ask(DeleteChannel{"s", "general"})
		alice.ask(CreateChannel{"s", "general"})
		again.ask(Subscribe{"s", "general", true})
		alice.ask(&Post{Server: "s", Channel: "general", Text: "x"})
		if heard := again.heard(); heard != "[hold unsubscribed channel_gone hold new x]" {
			t.Errorf("handed over: %s", heard)
		}
	})
}

// TestTheAnswerToASubscribeComesAfterEarlierEnds: a name is made again while the router is late. A client
// that subscribes to it hears of the end of its earlier subscription first, or it would take that for the new one's.
func TestTheAnswerToASubscribeComesAfterEarlierEnds(t *testing.T) {
	for name, c := range map[string]struct {
		subscribe Subscribe
		change    []any
		told      string
	}{
		"channel": {Subscribe{"s", "general", true}, []any{DeleteChannel{"s", "general"}, CreateChannel{"s", "general"}}, "unsubscribed channel_gone"},
		"server":  {Subscribe{Server: "s"}, []any{DeleteServer{"s", ""}, CreateServer{"s", ""}}, "unsubscribed server_gone"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				goOn := make(chan struct{})
				p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(cfg *Config) {
					cfg.Fault = func(_ Kind, msg any) {
						if _, is := msg.(*revoke); is {
							<-goOn
						}
					}
				})
				alice, again := enter(t, p, "alice"), enter(t, p, "alice")
				alice.ask(CreateServer{"s", ""})
				again.ask(c.subscribe)
				for _, command := range c.change {
					alice.ask(command)
				}
				again.send(c.subscribe)
				time.Sleep(time.Second) // others do the router's neighbours' work after a moment
				if len(again.out.answers) > 0 {
					t.Error("answered before the router knows of the end")
				}
				close(goOn)
				if reply, is := again.hear().(Subscribed); !is || len(again.out.pushes) != 1 || <-again.out.pushes != c.told {
					t.Errorf("answered %v", reply)
				}
			})
		})
	}
}
