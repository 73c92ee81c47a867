package actors

import (
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence"
)

// channel is one channel of a server: its messages, how many there are, and the
// nonces of the last posts. Its server forwards to it what members ask. It records
// posts through persistence, publishes them through the router, which answers the
// poster, and answers sessions that read. Messages, indexes, timestamps and nonces
// survive a restart. The newest messages are in memory; older ones are read from
// pages on disk.

// The commands. Unless they say otherwise, they come from sessions; the server checks and
// forwards them. The comment behind each names the reply.
type (
	post struct { // Posted
		Caller
		Author string
		*Post
	}
	getMessages struct { // Messages
		Caller
		User string
		GetMessages
	}
	latestMessages struct { // Messages, with indexes
		Caller
		User string
		LatestMessages
		Wrong Code // for a bad count or before; "" if they are fine
	}
	countMessages struct { // Amount
		Caller
		User string
		CountMessages
	}
	subscribeChannel struct { // Subscribed, from the router; the server sends it to itself, and then to the channel, for a session's subscribe
		Caller
		incarnation uint64 // of the channel
	}
	// ending comes from the server when it has decided to delete the channel, before
	// the journal has that; spared comes when the journal refused it.
	ending struct{}
	spared struct{}
	// retire comes from the server when the channel's deletion is on disk.
	retire struct{}
	// saveChannel is a saveNow on its way through the server.
	saveChannel struct {
		Server      string
		Incarnation uint64
	}
)

// channelBound is a request that a server forwards to one of its channels.
type channelBound interface {
	asked
	addressed
	user() string
	channel() string
	check() Code // the refusals that come before that of a stranger
}

func (m *post) entity() (Kind, string)           { return KindServer, m.Server }
func (m *getMessages) entity() (Kind, string)    { return KindServer, m.Server }
func (m *latestMessages) entity() (Kind, string) { return KindServer, m.Server }
func (m *countMessages) entity() (Kind, string)  { return KindServer, m.Server }
func (m *saveChannel) entity() (Kind, string)    { return KindServer, m.Server }

func (m *post) channel() string           { return m.Channel }
func (m *getMessages) channel() string    { return m.Channel }
func (m *latestMessages) channel() string { return m.Channel }
func (m *countMessages) channel() string  { return m.Channel }

func (m *post) user() string           { return m.Author }
func (m *getMessages) user() string    { return m.User }
func (m *latestMessages) user() string { return m.User }
func (m *countMessages) user() string  { return m.User }

func (m *post) check() Code           { return "" }
func (m *latestMessages) check() Code { return m.Wrong }
func (m *countMessages) check() Code  { return "" }

func (m *getMessages) check() Code {
	switch {
	case !m.BeginIsInt:
		return BeginNotInt
	case !m.EndIsInt:
		return EndNotInt
	case m.Begin > m.End:
		return BeginAfterEnd
	case m.Begin < 0:
		return OutOfRange
	}
	return ""
}

type channel struct {
	durable
	topic   topic
	id      string // the incarnation, as its parent knows it
	history history
	reads   map[uint64]reading // answers that wait for pages; not saved
	pages   int64              // messages in pages once the snapshot under way is saved; not saved
	ends    bool               // about to be deleted: requests are refused; not saved
	told    time.Time          // when the log last heard of messages that cannot be read; not saved
}

// newChannel returns the function that makes a channel's actor; id is its incarnation. It returns
// nil if there is no such channel (any more). The function is used again at each restart, on the
// channel's own goroutine, so it must not read the server's state: it holds copies.
func (s *server) newChannel(id string) func() actor.Actor {
	incarnation, err := strconv.ParseUint(id, 10, 64)
	made := s.guild.made(incarnation)
	if err != nil || made == nil {
		return nil
	}
	t := s.topicOf(made.Channel, incarnation)
	n, stream := s.node, s.channelStream(t.channel, t.incarnation)
	return func() actor.Actor {
		c := &channel{topic: t, id: id, reads: map[uint64]reading{}}
		c.durable = durable{node: n, kind: KindChannel, entity: c, stream: stream}
		return c
	}
}

// Receive handles what the server says about the channel's end at once, even while the
// channel recovers: it may find its stream gone, and must not begin a new one.
func (c *channel) Receive(ctx actor.Context) {
	switch ctx.Message().(type) {
	case *ending:
		c.ends, c.use = true, used
	case *spared:
		c.ends = false
	case *retire:
		c.onRetire(ctx)
	default:
		c.durable.Receive(ctx)
	}
}

// mend handles those messages even after a crash, since they are sent only once.
func (c *channel) mend(ctx actor.Context, msg any) {
	switch msg.(type) {
	case *ending, *spared, *retire:
		c.Receive(ctx)
	default:
		c.durable.mend(ctx, msg)
	}
}

func (c *channel) command(ctx actor.Context, msg any) {
	if m, ok := msg.(asked); ok && c.ends { // whether the stream ends is not known yet
		m.from().refuse(ctx, Busy)
		return
	}
	switch m := msg.(type) {
	case *post:
		c.onPost(ctx, m)
	case *getMessages:
		c.onGetMessages(ctx, m)
	case *latestMessages:
		c.onLatestMessages(ctx, m)
	case *countMessages:
		c.reply(ctx, m.Caller, Amount{Amount: c.history.total})
	case *subscribeChannel:
		c.onSubscribeChannel(ctx, m)
	case *persistence.ItemsRead:
		c.onItemsRead(ctx, m)
	case *persistence.SnapshotSaved:
		c.onSnapshotSaved(ctx, m)
	case *rest:
		c.onRest(ctx)
	default:
		c.node.unexpected(ctx)
	}
}

func (c *channel) onPost(ctx actor.Context, m *post) {
	if first, repeated := c.history.nonces[nonce{m.Author, m.Nonce}]; repeated {
		c.reply(ctx, m.Caller, &Posted{Index: first.index, Timestamp: first.timestamp})
		return
	}
	if code := c.checkPost(m); code != "" {
		if code == Busy {
			c.saveWhenLarge(ctx) // the last snapshot may have failed
		}
		c.refuse(ctx, m.Caller, code)
		return
	}
	p := &posting{event: c.history.next(m, c.node.wall().UnixMicro())}
	c.history.apply(p.event)
	c.recordLater(ctx, &p.record, "posted", &p.event)
	c.publish(ctx, m, p) // the router answers
	c.saveWhenLarge(ctx)
}

// checkPost refuses what is too long or cannot be kept now.
func (c *channel) checkPost(m *post) Code {
	switch {
	case len(m.Text) > c.node.cfg.MessageBytes:
		return MessageTooLong
	case !c.writable():
		return StorageDown
	case c.history.fullPages() > 0 && c.history.unsaved() >= mostUnsaved: // the snapshot is late
		return Busy
	}
	return ""
}

// posting is all messages that a post causes, in one allocation.
type posting struct {
	event   posted
	record  persistence.Append
	publish publish
}

func (c *channel) publish(ctx actor.Context, m *post, p *posting) {
	e := &p.event
	p.publish = publish{Poster: m.Caller, Topic: c.topic, NewMessage: NewMessage{
		Server: c.topic.server, Channel: c.topic.channel, Index: e.Index,
		Message: Message{Text: e.Text, Author: e.Author, Timestamp: e.Timestamp},
	}, posted: Posted{e.Index, e.Timestamp}}
	p.publish.answer = answer{Ref: m.Ref, Reply: &p.publish.posted}
	c.say(ctx, c.node.router, &p.publish)
}

// A channel that gets many posts between two checkpoints saves itself, so that its memory
// stays bounded. It does so when it has filled a page file of the largest size, or has this
// many messages, or this much text, that are in no page yet.
const (
	unsavedMessages = 2 * persistence.MaxPageItems
	unsavedBytes    = 4 << 20
)

// mostUnsaved limits the memory for messages that are in no page yet. When posts come faster
// than the disk saves pages, they have to wait.
const mostUnsaved = 16 << 20

func (c *channel) saveWhenLarge(ctx actor.Context) {
	h := &c.history
	if c.saving == 0 && h.fullPages() > 0 && (h.total%persistence.MaxPageItems == 0 ||
		h.total-h.paged >= unsavedMessages || h.unpagedBytes >= unsavedBytes) {
		c.save(ctx)
	}
}

// onSubscribeChannel begins the subscription and then tells the amount. Every message from that
// index on is published after the subscription has begun, and no earlier one is.
func (c *channel) onSubscribeChannel(ctx actor.Context, m *subscribeChannel) {
	c.say(ctx, c.node.router, &begin{Session: m.Session, Topic: c.topic})
	c.say(ctx, c.node.router, &subscribed{m.Caller, Subscribed{Amount: c.history.total, HasChannel: true}})
}

func (c *channel) onSnapshotSaved(ctx actor.Context, m *persistence.SnapshotSaved) {
	if c.onSaved(ctx, m) {
		c.history.trim(c.pages)
	}
}

// onRetire ends the actor of a deleted channel: its stream is gone.
func (c *channel) onRetire(ctx actor.Context) {
	c.takeBack(ctx, 0, NoSuchChannel)
	ctx.Stop(ctx.Self())
}

func (c *channel) called() string { return c.id }

func (c *channel) weight() int { return c.history.weight() }

func (c *channel) idle() bool { return c.settled() && len(c.reads) == 0 }

// rejected refuses the reads that may contain messages that the journal refused.
func (c *channel) rejected(ctx actor.Context, seq uint64, code Code) {
	for ref, r := range c.reads {
		if r.seq >= seq {
			delete(c.reads, ref)
			r.caller.refuse(ctx, code)
		}
	}
}

func (c *channel) abandoned(ctx actor.Context) {
	for _, r := range c.reads {
		r.caller.refuse(ctx, Busy)
	}
	clear(c.reads)
}

func (c *channel) stopping(actor.Context) {}

func (c *channel) reset() { c.history = newHistory() }

func (c *channel) snapshot(s *persistence.SaveSnapshot) {
	c.pages = c.history.paged + c.history.fullPages()
	if first := c.history.paged; first < c.pages {
		items := pageItems{first, c.history.run(first, c.pages)}
		s.Pages = []persistence.Page{{First: index(first), Items: items}}
	}
	state := savedHistory{Total: c.history.total, Last: c.history.last}
	for i, m := range c.history.run(c.pages, c.history.total) {
		state.Recent = append(state.Recent, m.posted(c.pages+int64(i)))
	}
	for _, n := range c.history.nonceOrder {
		at := c.history.nonces[n]
		state.Nonces = append(state.Nonces, posted{Index: at.index, Author: n.author, Nonce: n.nonce, Timestamp: at.timestamp})
	}
	s.State = mustJSON(state)
}

func (c *channel) restore(snapshot []byte) error {
	saved, err := decode[savedHistory](snapshot)
	if err != nil {
		return err
	}
	c.history.restore(saved)
	return nil
}

func (c *channel) replay(e persistence.Event) error {
	event, err := decodeEvent(channelEvents, e)
	if err == nil {
		c.history.apply(event.(posted))
	}
	return err
}

// recovered refuses the reads that may contain messages which turned out not to be on disk.
func (c *channel) recovered(ctx actor.Context) { c.rejected(ctx, c.committed+1, OutcomeUnknown) }

// channelView is a channel's view. It shows who wrote when and how much, but never the text.
type channelView struct {
	Durable     durableView      `json:"durable"`
	Server      string           `json:"server"`
	Channel     string           `json:"channel"`
	Incarnation uint64           `json:"incarnation"`
	Total       int64            `json:"total"`
	Paged       int64            `json:"paged"`      // how many are in pages on disk
	InMemoryOf  int64            `json:"inMemoryOf"` // index of the first one in memory
	TextBytes   int              `json:"textBytes"`  // of those in memory
	Nonces      int              `json:"nonces"`
	Reading     int              `json:"reading"` // answers that wait for pages
	Ends        bool             `json:"ends"`
	Newest      few[messageView] `json:"newest"` // the newest first
}

type messageView struct {
	Index  int64  `json:"index"`
	Author string `json:"author"`
	AtMs   int64  `json:"atMs"` // since 1970
	Bytes  int    `json:"bytes"`
}

// newestShown is how many messages a view has.
const newestShown = 10

func (c *channel) view() any {
	h := &c.history
	newest := few[messageView]{Count: len(h.recent), First: []messageView{}}
	for i := len(h.recent) - 1; i >= max(0, len(h.recent)-newestShown); i-- {
		m := &h.recent[i]
		newest.First = append(newest.First, messageView{h.base + int64(i), m.Author, m.Timestamp / 1000, len(m.Text)})
	}
	return channelView{
		Durable: c.common(), Server: c.topic.server, Channel: c.topic.channel, Incarnation: c.topic.incarnation,
		Total: h.total, Paged: h.paged, InMemoryOf: h.base, TextBytes: h.recentBytes, Nonces: len(h.nonces),
		Reading: len(c.reads), Ends: c.ends, Newest: newest,
	}
}

func (c *channel) label() string { return c.topic.channel }
