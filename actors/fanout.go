package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/telemetry"
)

// fanout is what the router has still to send. Each channel has a lane, the
// lanes take turns, and at each turn some subscribers are sent a message: a
// channel with thousands of them makes nobody else wait. Who posted gets the
// answer at the end, so there are as many messages in the lanes as connections
// may have requests under way.
type fanout struct {
	lanes map[topic]*lane
	turns []*lane // the first is next
}

type lane struct {
	topic topic
	ahead []delivery // in order
}

// delivery is a message on its way to those who were subscribed when it came.
type delivery struct {
	of    *publish
	event *Event
	stamp uint64
	to    []hearer        // who have not been sent it
	span  *telemetry.Span // where it is followed
}

// hearer is a session that was subscribed when a message came.
type hearer struct {
	sub  *subscription
	also *subscription // to the channel, where sub is to its server
}

// EndsTurn lets the subscribers go first.
func (*fan) EndsTurn() {}

// portion is how many are sent a message at a time.
const portion = 64

func (r *router) onPublish(ctx actor.Context, m *publish) {
	r.stamp++
	r.node.record.Published()
	to := r.hearers(m.Topic)
	l := r.fanout.lanes[m.Topic]
	if l == nil && len(to) == 0 {
		r.finish(ctx, m)
		return
	}
	d := delivery{of: m, stamp: r.stamp, to: to, span: telemetry.SpanOf(ctx)}
	d.event = r.node.encoder.EncodeNewMessage(&m.NewMessage)
	if l == nil && len(d.to) <= portion {
		r.deliver(ctx, &d)
		return
	}
	if d.span != nil {
		d.span.Keep()
	}
	r.fanout.add(d)
	if l == nil && len(r.fanout.turns) == 1 {
		r.goOn(ctx)
	}
}

// hearers are the subscribers of a channel and those of its whole server, each once. The
// list is not changed: deliveries go on with it.
func (r *router) hearers(t topic) []hearer {
	if r.ended[t] != nil {
		return nil
	}
	server, channel := r.topics[t.whole()], r.topics[t]
	switch {
	case server == nil && channel == nil:
		return nil
	case server == nil:
		return channel.hearers()
	case channel == nil:
		return server.hearers()
	}
	return both(server.subs, channel.subs)
}

// hearers are those of one audience, listed once until one comes or goes.
func (a *audience) hearers() []hearer {
	if a.list == nil {
		a.list = both(nil, a.subs)
	}
	return a.list
}

// both lists those of a server and those of its channel.
func both(server, channel map[uint64]*subscription) []hearer {
	all := make([]hearer, 0, len(server)+len(channel))
	for id, sub := range server {
		all = append(all, hearer{sub, channel[id]})
	}
	for id, sub := range channel {
		if server[id] == nil {
			all = append(all, hearer{sub: sub})
		}
	}
	return all
}

// onFan sends a portion of the lane whose turn it is.
func (r *router) onFan(ctx actor.Context) {
	if len(r.fanout.turns) == 0 {
		return // one too many, after a crash
	}
	l := r.fanout.turns[0]
	r.deliver(ctx, &l.ahead[0])
	if len(l.ahead[0].to) == 0 {
		l.ahead[0] = delivery{}
		l.ahead = l.ahead[1:]
	}
	r.fanout.turn()
	r.goOn(ctx)
}

// goOn goes on, if there is more, after those who were sent something.
func (r *router) goOn(ctx actor.Context) {
	if len(r.fanout.turns) > 0 {
		ctx.Send(ctx.Self(), &fan{})
	}
}

// deliver sends to a portion of the subscribers, and finishes after the last.
func (r *router) deliver(ctx actor.Context, d *delivery) {
	now := d.to[:min(portion, len(d.to))]
	d.to = d.to[len(now):]
	pushes := 0
	for _, h := range now {
		if s := h.at(d.stamp); s != nil && s.session != d.of.Poster.Session {
			s.out.Push(d.event)
			pushes++
		}
	}
	r.node.record.Pushed(pushes)
	if d.span != nil {
		d.span.Pushed(pushes)
	}
	if len(d.to) == 0 {
		r.conclude(ctx, d)
	}
}

// conclude ends a delivery that nobody is left for.
func (r *router) conclude(ctx actor.Context, d *delivery) {
	if d.span != nil {
		ctx = telemetry.Within(ctx, d.span)
	}
	d.span.Over()
	r.finish(ctx, d.of)
}

// at is who hears a message, nil where nobody is left.
func (h *hearer) at(stamp uint64) *subscriber {
	switch {
	case h.sub.hears(stamp):
		return h.sub.of
	case h.also.hears(stamp):
		return h.also.of
	}
	return nil
}

// hears tells whether the subscription is there and began before a message came.
func (s *subscription) hears(stamp uint64) bool { return s != nil && s.began != 0 && s.began < stamp }

// finish answers who posted.
func (r *router) finish(ctx actor.Context, m *publish) {
	if m.Poster.PID != nil {
		ctx.Send(m.Poster.PID, &m.answer)
	}
}

func (f *fanout) add(d delivery) {
	l := f.lanes[d.of.Topic]
	if l == nil {
		l = &lane{topic: d.of.Topic}
		f.lanes[l.topic] = l
		f.turns = append(f.turns, l)
	}
	l.ahead = append(l.ahead, d)
}

// silence gives up on what a channel that is no more has still to send: whoever hears the
// whole server is told of its end, and the next one of its name may begin.
func (f *fanout) silence(t topic) {
	if l := f.lanes[t]; l != nil {
		for i := range l.ahead {
			l.ahead[i].to = nil
		}
	}
}

// turn is the next lane's; one with nothing ahead ends.
func (f *fanout) turn() {
	l := f.turns[0]
	f.turns = f.turns[1:]
	if len(l.ahead) > 0 {
		f.turns = append(f.turns, l)
	} else {
		delete(f.lanes, l.topic)
	}
}

// skip gives up on the pushes that a turn has crashed over: the next message's index
// tells. A delivery that was at its end is returned, to be concluded.
func (f *fanout) skip() (ended *delivery) {
	if len(f.turns) == 0 {
		return nil
	}
	if l := f.turns[0]; len(l.ahead) > 0 && len(l.ahead[0].to) == 0 {
		ended = &l.ahead[0]
		l.ahead = l.ahead[1:]
	}
	f.turn()
	return ended
}
