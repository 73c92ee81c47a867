package actors

import "github.com/asynkron/protoactor-go/actor"

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
	event []byte
	stamp uint64
	to    []*subscriber // who have not been sent it
	span  *span         // where it is followed
}

// EndsTurn lets the subscribers go first.
func (*fan) EndsTurn() {}

// portion is how many are sent a message at a time.
const portion = 64

func (r *router) onPublish(ctx actor.Context, m *publish) {
	r.stamp++
	r.node.counters.published()
	whole, channel := r.topics[m.Topic.whole()], r.topics[m.Topic]
	l := r.fanout.lanes[m.Topic]
	if l == nil && len(whole)+len(channel) == 0 {
		r.finish(ctx, m)
		return
	}
	d := delivery{of: m, stamp: r.stamp, to: subscribers(whole, channel), span: spanOf(ctx)}
	d.event = r.node.encoder.EncodeNewMessage(&m.NewMessage)
	if l == nil && len(d.to) <= portion {
		r.deliver(ctx, &d)
		return
	}
	if d.span != nil {
		d.span.keep()
	}
	r.fanout.add(d)
	if l == nil && len(r.fanout.turns) == 1 {
		r.goOn(ctx)
	}
}

// subscribers are those of a server and those of its channel, each once.
func subscribers(server, channel map[uint64]*subscriber) []*subscriber {
	all := make([]*subscriber, 0, len(server)+len(channel))
	for _, s := range server {
		all = append(all, s)
	}
	for id, s := range channel {
		if _, twice := server[id]; !twice {
			all = append(all, s)
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
	for _, s := range now {
		if s.session != d.of.Poster.Session && (s.hears(d.of.Topic, d.stamp) || s.hears(d.of.Topic.whole(), d.stamp)) {
			s.out.Push(d.event)
			pushes++
		}
	}
	r.node.counters.pushed(pushes)
	if d.span != nil {
		d.span.hop.Pushes += pushes
		ctx = within(ctx, d.span)
	}
	if len(d.to) == 0 {
		d.span.over()
		r.finish(ctx, d.of)
	}
}

// hears tells whether a subscription is there and began before a message came.
func (s *subscriber) hears(t topic, stamp uint64) bool {
	began := s.topics[t]
	return began != 0 && began < stamp
}

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

// skip gives up on what a turn has crashed over: the next message's index tells.
func (f *fanout) skip() {
	if len(f.turns) > 0 {
		if l := f.turns[0]; len(l.ahead) > 0 && len(l.ahead[0].to) == 0 {
			l.ahead = l.ahead[1:]
		}
		f.turn()
	}
}
