package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/telemetry"
)

// fanout is what the router has still to push. Each channel has a lane. The lanes take
// turns, and in each turn a portion of a channel's subscribers is sent a message, so a
// channel with thousands of subscribers makes nobody else wait. Whoever posted is
// answered at the end, so the requests under way bound the messages in the lanes.
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
	to    []hearer        // those who have not been sent it yet
	span  *telemetry.Span // if the post is followed
}

// hearer is a session that was subscribed when a message came.
type hearer struct {
	sub  *subscription
	also *subscription // a second one, to the channel, if sub is to its whole server
}

// EndsTurn lets other actors go first.
func (*fan) EndsTurn() {}

// portion is to how many subscribers a message is sent in one turn.
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

// hearers are the subscribers of a channel and those of its whole server, each session once.
// The list is never changed afterwards, since deliveries keep it.
func (r *router) hearers(t topic) []hearer {
	if r.ended[t] != nil {
		return nil
	}
	server := r.servers[t.whole()]
	if server == nil {
		return nil
	}
	channel := server.channels[t]
	switch {
	case channel == nil:
		return server.hearers()
	case len(server.subs) == 0:
		return channel.hearers()
	}
	return both(server.subs, channel.subs)
}

// hearers is the list of an audience. It is made anew only after somebody has come or gone.
func (a *audience) hearers() []hearer {
	if a.list == nil {
		a.list = both(nil, a.subs)
	}
	return a.list
}

// both lists the subscribers of a server and those of its channel, each session once.
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

// onFan gives a turn to the next lane.
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

// goOn makes the router continue, if there is more to push, after other actors' turns.
func (r *router) goOn(ctx actor.Context) {
	if len(r.fanout.turns) > 0 {
		ctx.Send(ctx.Self(), &fan{})
	}
}

// deliver pushes a message to a portion of its subscribers, and concludes after the last one.
func (r *router) deliver(ctx actor.Context, d *delivery) {
	now := d.to[:min(portion, len(d.to))]
	d.to = d.to[len(now):]
	pushes := 0
	for _, h := range now {
		if s := h.at(d.stamp); s != nil && s.session != d.of.Poster.Session && s.out.Push(d.event) {
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

// conclude ends a delivery of which no subscriber is left.
func (r *router) conclude(ctx actor.Context, d *delivery) {
	if d.span != nil {
		ctx = telemetry.Within(ctx, d.span)
	}
	d.span.Over()
	r.finish(ctx, d.of)
}

// at is the subscriber who still hears a message with that stamp; nil if neither subscription
// is left.
func (h *hearer) at(stamp uint64) *subscriber {
	switch {
	case h.sub.hears(stamp):
		return h.sub.of
	case h.also.hears(stamp):
		return h.also.of
	}
	return nil
}

// hears tells whether the subscription exists and began before the message came.
func (s *subscription) hears(stamp uint64) bool { return s != nil && s.began != 0 && s.began < stamp }

// finish answers the session that posted.
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

// silence drops what a deleted channel has still to push. Those who are subscribed to the whole
// server are told of its end, and after that a new channel of its name may speak: they must
// not hear the old one then.
func (f *fanout) silence(t topic) {
	if l := f.lanes[t]; l != nil {
		for i := range l.ahead {
			l.ahead[i].to = nil
		}
	}
}

// turn ends the turn of a lane. A lane with nothing left ends.
func (f *fanout) turn() {
	l := f.turns[0]
	f.turns = f.turns[1:]
	if len(l.ahead) > 0 {
		f.turns = append(f.turns, l)
	} else {
		delete(f.lanes, l.topic)
	}
}

// skip gives up the pushes of a turn that has crashed: clients notice the gap by the next
// message's index. If the delivery was at its end, it is returned, to be concluded: in its lane
// it would be concluded again at each turn, however often that crashes.
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
