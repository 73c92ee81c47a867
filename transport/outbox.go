package transport

import (
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"elemental/actors"
	"elemental/actors/telemetry"
	"elemental/protocol"
)

// outbox is what a connection has to write. Its mutex guards a few fields and is held only for
// a moment: only a last refusal is encoded under it, and nobody waits for a socket. The fields
// that a push touches come first, since a push to thousands of connections touches as many cache
// lines.
type outbox struct {
	mu        sync.Mutex
	due       *buffer // to be written, the first piece; nil when there is nothing
	last      *buffer // the last piece of due
	waiting   int     // bytes in due
	flight    int     // bytes that are being written
	heldBytes int     // bytes in held
	counted   int     // bytes that are counted in commons.unread
	writing   bool    // somebody writes, or will soon
	marked    bool    // the byte order mark was put out
	ended     bool    // nothing more is taken
	dead      bool    // the socket is closed

	changed     sync.Cond       // only the connection's reader waits for it
	subscribing bool            // the oldest unanswered request is one to subscribe
	holding     bool            // and events have to come after its answer
	slack       int             // size of the largest answer since everything was written last
	pending     int             // unanswered requests
	asked       int             // their bytes
	alone       weight          // of the one that has turns and is under way alone; light for none
	posts       int             // how many of pending are posts
	held        []*actors.Event // those events
	turns       int             // turns for sending ahead that posts among pending have

	told  *telemetry.Writing // the last followed answer in due, which includes those before it
	taken *telemetry.Writing // the same for what is being written

	left *buffer // what the flusher could not write yet; only the flusher uses it
	from int     // where in left it continues

	wrote  atomic.Int64 // when the present write began; 0 for none
	behind atomic.Int64 // since when the client has not read all that it was sent; 0 if the socket had room for it
	ahead  atomic.Int64 // when the client last sent ahead of its answers
}

// buffer is a piece of output. Connections with nothing to write have none. Events are shared by
// all connections and copied only when they are written. A copy for each connection that waits
// would not be in the processor's cache any more by then.
type buffer struct {
	b      []byte
	next   *buffer
	shared bool            // others use b too, so it must not be changed
	events []*actors.Event // small events, instead of b; shared as well
}

// open tells whether bytes may be appended to a piece.
func (b *buffer) open() bool { return !b.shared && b.events == nil && len(b.b) <= pieceBytes }

const (
	pieceBytes = 16 << 10 // nothing is appended to a piece that is longer
	worthShare = 1 << 10  // an event that is longer becomes a piece of its own
	together   = 32       // how many smaller events make one piece
)

var (
	buffers = sync.Pool{New: func() any { return new(buffer) }}
	lists   = sync.Pool{New: func() any { return &buffer{events: make([]*actors.Event, 0, together)} }}
)

// recycle gives a piece back and returns the next.
func (b *buffer) recycle() (next *buffer) {
	const largest = 64 << 10
	next = b.next
	switch {
	case b.events != nil:
		clear(b.events)
		*b = buffer{events: b.events[:0]}
		lists.Put(b)
	case !b.shared && cap(b.b) <= largest:
		*b = buffer{b: b.b[:0]}
		buffers.Put(b)
	}
	return next
}

// fitting returns the piece, or a copy of it if its memory is much larger than what is in it:
// it may wait for a long time.
func (b *buffer) fitting() *buffer {
	if cap(b.b) <= max(4*len(b.b), 4<<10) {
		return b
	}
	fit := &buffer{b: slices.Clone(b.b)}
	b.recycle()
	return fit
}

// joined joins the first pieces, if they are small, so that they are written in one go. All bytes
// of the piece that it returns are in its b. It may be called on nil, and then returns nil.
func (b *buffer) joined() *buffer {
	switch {
	case b == nil, b.events == nil && (b.next == nil || len(b.b) > worthShare):
		return b
	case len(b.events) == 1 && b.next == nil:
		b.b, b.events[0], b.events = b.events[0].Bytes, nil, b.events[:0]
		return b // recycle still knows by its events that it is a list
	}
	all := buffers.Get().(*buffer)
	for b != nil && len(b.b) <= worthShare && len(all.b) < pieceBytes {
		all.b = append(all.b, b.b...)
		for _, event := range b.events {
			all.b = append(all.b, event.Bytes...)
		}
		b = b.recycle()
	}
	all.next = b
	return all
}

// Answer writes the reply to req. An answer may exceed the outbox's limit.
func (c *conn) Answer(req *actors.Request, reply any) { c.AnswerFollowed(req, reply, nil) }

// AnswerFollowed is Answer. If w is not nil, it is told when the answer is written.
func (c *conn) AnswerFollowed(req *actors.Request, reply any, w *telemetry.Writing) {
	c.noteLogin(req, reply)
	o := &c.out
	piece := buffers.Get().(*buffer)
	piece.b = c.shared.codec.Finish(appendReply(piece.b, req, reply), 0)
	c.fill(c.urgency(), func() {
		if !o.ended {
			c.log.answered(c.name, req, reply)
			o.slack = max(o.slack, len(piece.b))
			c.put(piece)
			if w != nil {
				o.told, w = w.After(o.told), nil
			}
		}
		c.answered(c.shared.weightOf(req.Command), req.Bytes)
	})
	if w != nil { // it will never be written
		w.Ended()
	}
}

// put appends an encoded piece, under the mutex.
func (c *conn) put(piece *buffer) {
	o := &c.out
	o.waiting += len(piece.b)
	if o.marked && (o.due == nil || len(piece.b) > worthShare) {
		if o.writing {
			piece = piece.fitting()
		}
		c.append(piece)
		return
	}
	out := c.room()
	out.b = append(out.b, piece.b...)
	piece.recycle()
}

// putText appends a line of UTF-8, under the mutex.
func (c *conn) putText(line []byte) { c.put(&buffer{b: c.shared.codec.Finish(line, 0)}) }

// urgency is how soon an answer is written. Clients that send ahead of their answers come after
// those that wait for theirs.
func (c *conn) urgency() class {
	if c.sendsAhead() {
		return little
	}
	return answered
}

// fill changes the outbox under its mutex, makes the reader look again, and then makes somebody
// write.
func (c *conn) fill(how class, change func()) { c.hand(c.filled(how, change)) }

// filled is a function of its own so that the mutex is unlocked even after a panic: whoever ends
// the connection then needs it.
func (c *conn) filled(how class, change func()) class {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	change()
	c.out.changed.Signal()
	return c.begin(how)
}

// Push writes an event, or ends the connection if its client has left too much unread.
func (c *conn) Push(event *actors.Event) bool {
	how, taken, overflow := c.push(event)
	c.hand(how)
	if overflow {
		c.noteSlow()
		c.cut(endSlow)
	}
	return taken
}

// push is Push without the writing. It does not wake the reader, since it makes no room for it.
func (c *conn) push(event *actors.Event) (how class, taken, overflow bool) {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return classes, false, false
	}
	unread := c.unread() + len(event.Bytes)
	overflow = unread > c.shared.cfg.OutboxBytes+o.slack || c.shared.commons.crowded(unread)
	switch {
	case overflow:
		c.sayDisconnected()
		o.changed.Signal()
	case o.holding:
		o.held = append(o.held, event)
		o.heldBytes += len(event.Bytes)
	default:
		c.add(event)
	}
	return c.begin(little), !overflow, overflow
}

// Hold has events wait for the answer to a subscribe.
func (c *conn) Hold() {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.out.holding = c.out.subscribing
}

// letGo appends the events that were held, under the mutex.
func (c *conn) letGo() {
	if len(c.out.held) == 0 {
		return
	}
	for _, event := range c.out.held {
		c.add(event)
	}
	c.out.held, c.out.heldBytes = nil, 0
}

// Close ends the connection once everything handed over before is written. A connection that is
// ending already continues with that.
func (c *conn) Close() {
	before := false
	c.fill(answered, func() {
		if before = c.out.ended; !before {
			c.letGo()
		}
		c.out.ended = true
	})
	if !before {
		c.cut(endSession)
	}
}

// sayDisconnected appends the last event for a client that does not read, under the mutex.
func (c *conn) sayDisconnected() {
	code := string(actors.SlowReader)
	c.putText(protocol.AppendDisconnected(nil, code, protocol.Reason(code, 0)))
	c.out.ended = true
}

// add appends an event, under the mutex.
func (c *conn) add(event *actors.Event) {
	o := &c.out
	if !o.marked {
		c.room()
	}
	o.waiting += len(event.Bytes)
	switch {
	case len(event.Bytes) > worthShare:
		c.append(&buffer{b: event.Bytes, shared: true})
		return
	case o.due != nil && o.last.open(): // between answers: a list for a single event would be too large
		o.last.b = append(o.last.b, event.Bytes...)
		return
	case o.due == nil || len(o.last.events) == cap(o.last.events):
		c.append(lists.Get().(*buffer))
	}
	o.last.events = append(o.last.events, event)
}

// room returns a piece to append to, under the mutex.
func (c *conn) room() *buffer {
	o := &c.out
	if o.due == nil || !o.last.open() {
		fresh := new(buffer) // only as large as its content: a client that does not read may have many
		if o.due == nil {
			fresh = buffers.Get().(*buffer)
		}
		c.append(fresh)
		if !o.marked {
			o.last.b = append(o.last.b, c.shared.codec.Mark()...)
			o.waiting += len(o.last.b)
			o.marked = true
		}
	}
	return o.last
}

func (c *conn) append(piece *buffer) {
	o := &c.out
	if o.due == nil {
		o.due = piece
	} else {
		o.last.next = piece
	}
	o.last = piece
}

// begin notes, under the mutex, that somebody is going to write, and returns how soon. It returns
// classes if nothing has to be done, because nothing is due or somebody writes already.
func (c *conn) begin(how class) class {
	o := &c.out
	c.account()
	switch {
	case o.due == nil, o.writing, o.dead:
		return classes
	case how == little && c.unread() > worthShare:
		how = much
	}
	o.writing = true
	return how
}

// hand makes the flusher, or a goroutine of writers, write what is due.
func (c *conn) hand(how class) {
	switch {
	case how == classes:
	case c.ready.by != nil:
		c.ready.by.flusher.hand(c, how)
	default:
		c.shared.writers.hand(c)
	}
}

// flush writes until nothing is due. Only one goroutine at a time runs it.
func (c *conn) flush() {
	defer c.endFlush()
	for {
		out := c.takeDue()
		if out == nil {
			return
		}
		for out = out.joined(); out != nil; out = out.recycle().joined() {
			if err := c.write(out.b); err != nil {
				c.kill()
			}
		}
	}
}

// endFlush is deferred by whoever writes. A panic then ends only this connection.
func (c *conn) endFlush() {
	if fault := recover(); fault != nil {
		c.crashed(fault)
		c.out.mu.Lock()
		defer c.out.mu.Unlock()
		c.endWriting()
	}
}

// takeDue takes what is written next. If it returns nil, the writing has ended.
func (c *conn) takeDue() *buffer {
	out, written := c.takeFollowed()
	if written != nil {
		written.Ended()
	}
	return out
}

// takeFollowed also returns the followed answers that are written by now.
func (c *conn) takeFollowed() (out *buffer, written *telemetry.Writing) {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	written, o.taken, o.told = o.taken, o.told, nil
	if o.taken != nil {
		o.taken.Begun()
	}
	out = o.due
	if out == nil || o.dead {
		if o.slack > 0 { // an answer was among it, and may have taken long
			c.noteActive()
			o.slack = 0
		}
		c.endWriting()
		return nil, written
	}
	o.flight, o.waiting = o.waiting, 0 // what was in flight is written, so there may be room
	o.due, o.last = nil, nil
	o.changed.Signal()
	return out, written
}

// endWriting notes that nobody writes any more, under the mutex.
func (c *conn) endWriting() {
	c.out.writing, c.out.flight = false, 0
	c.out.behind.Store(0)
	c.account()
	c.out.changed.Signal()
}

// piece is how much is written in one go. A client has StallTime to read each of them, and what the
// system waits for before it tells of room: a third of its buffer, or more.
const piece = 64 << 10

// write writes b, in one go unless it is large.
func (c *conn) write(b []byte) error {
	for len(b) > 0 {
		now := c.shared.now.Load()
		c.out.wrote.Store(now)
		c.out.behind.CompareAndSwap(0, now)
		if !c.awaitResume() {
			return net.ErrClosed
		}
		n, err := c.socket.(io.Writer).Write(b[:min(len(b), piece)])
		c.shared.wroteBytes(n)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	c.out.wrote.Store(0)
	return nil
}

// finish writes a last refusal, unless code is "", and waits until everything is written or the
// socket is closed.
func (c *conn) finish(code actors.Code) {
	o := &c.out
	refused := actors.Refused{Code: code}
	c.fill(answered, func() {
		if code != "" && !o.ended {
			c.putText(appendRefusal(nil, refused, nil))
			c.log.answered(c.name, &actors.Request{}, refused)
		}
		o.ended = true
	})
	o.mu.Lock()
	for !o.dead && (o.writing || o.due != nil) {
		o.changed.Wait()
	}
	o.mu.Unlock()
}

// kill closes the socket at once. What is not written is lost.
func (c *conn) kill() {
	o := &c.out
	o.mu.Lock()
	first := !o.dead
	o.ended, o.dead = true, true
	o.due, o.last, o.waiting, o.held, o.heldBytes = nil, nil, 0, nil, 0
	c.account()
	o.changed.Signal()
	c.seen.ended()
	o.mu.Unlock()
	if first {
		c.shared.closeNow(c.socket)
		c.rouse()
	}
}
