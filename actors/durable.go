package actors

import (
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-json-experiment/json"

	"elemental/actors/telemetry"
	"elemental/persistence"
)

// durable is the part that every durable actor (user, server, channel) has:
// it recovers the state, gives events to the journal, and holds back all that
// the actor says until everything it decided before is on disk.
//
// A handler checks a command against the state, makes one event, applies it,
// records it, and says the answer. Because say waits for the journal, no
// answer (a read's neither) and no push can tell of something that a power
// cut could undo. When the journal refuses, the actor forgets what it applied
// and recovers; what it was about to say turns into a refusal.
type durable struct {
	node   *node
	kind   Kind
	entity entity
	stream persistence.Stream
	phase  phase

	brokeAt   time.Time // with phase broken
	asked     uint64    // the Ref of the last Recover
	epoch     uint64    // this activation's, from Recovered
	seq       uint64    // of the last event decided
	committed uint64    // of the last event on disk
	saved     uint64    // of the last snapshot on disk
	saving    uint64    // of the snapshot that is on its way, 0 for none

	weight        int64 // as counted in the node's residency
	gone, leaving bool  // is not counted any more; has asked to leave memory
	errand, used  bool  // is to be saved, or to note something; somebody wants more of it

	due  []utterance // said, waiting for the journal; in order
	held []any       // commands that arrived while recovering; as bounded as the requests in flight are
}

// entity is what a durable actor does in its own way.
type entity interface {
	// reset forgets the state, before a recovery.
	reset()
	// restore reads a snapshot; replay applies one event of the journal.
	restore(snapshot []byte) error
	replay(e persistence.Event) error
	// recovered is called when the state is complete.
	recovered(ctx actor.Context)
	// command handles one message that is the actor's own.
	command(ctx actor.Context, msg any)
	// rejected answers whoever waits for more than an event, of seq or later,
	// that the journal refused.
	rejected(ctx actor.Context, seq uint64, code Code)
	// abandoned answers whoever waits for more than the journal, and forgets them.
	abandoned(ctx actor.Context)
	// stopping lets go of timers and children, before a stop or restart.
	stopping()
	// idle tells whether the actor may leave memory.
	idle() bool
	// weight is about how much memory the state takes; called is the name that
	// the parent knows the actor by.
	weight() int
	called() string
	// snapshot fills in State, Pages and Gone.
	snapshot(s *persistence.SaveSnapshot)
}

// saveNow asks a durable actor for a snapshot, for a checkpoint: the provider
// asks users and servers, a server its channels.
type saveNow struct {
	kind Kind
	name string
}

func (m *saveNow) entity() (Kind, string) { return m.kind, m.name }

type phase int

const (
	recovering phase = iota
	ready
	broken // the stream cannot be read; every command is refused
)

// Receive is every durable actor's: what they have in common here, the rest in
// the entity's command.
func (d *durable) Receive(ctx actor.Context) {
	d.receive(ctx)
	d.weigh(ctx)
}

func (d *durable) receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		d.recover(ctx)
	case *actor.Restarting:
		d.abandon(ctx)
	case *actor.Stopping:
		d.release(ctx)
	case *actor.Stopped:
	case *persistence.Recovered:
		d.restored(ctx, m)
	case *persistence.Committed:
		d.onCommitted(ctx, m)
	case *persistence.Rejected:
		d.onRejected(ctx, m)
	default:
		d.judge(ctx, m)
	}
}

// mend answers those who wait, also when that crashed.
func (d *durable) mend(ctx actor.Context, msg any) {
	switch m := msg.(type) {
	case *actor.Restarting:
		d.abandon(ctx)
	case *actor.Stopping:
		d.release(ctx)
	case *actor.Terminated: // it may be a stopping server's last channel: no restart follows
		if s, ok := d.entity.(*server); ok {
			s.kids.terminated(ctx, m.Who)
		}
	}
}

// release lets everybody go at the actor's end.
func (d *durable) release(ctx actor.Context) {
	d.abandon(ctx)
	ctx.Send(d.node.disk, &persistence.Release{Stream: d.stream, Epoch: d.epoch, Ref: d.asked})
}

// judge handles a command, or keeps or refuses it while there is no state to
// judge it by.
func (d *durable) judge(ctx actor.Context, msg any) {
	d.noteUse(msg)
	if d.phase == recovering {
		d.held = append(d.held, telemetry.Aside(ctx, msg))
		return
	}
	if d.phase == broken {
		d.refuseBroken(ctx, msg)
		return
	}
	if _, wanted := msg.(*saveNow); wanted {
		d.save(ctx)
		return
	}
	d.entity.command(ctx, msg)
}

// noteUse tells who wants the actor in memory from those who do not.
func (d *durable) noteUse(msg any) {
	switch msg.(type) {
	case *rest:
		return
	case *saveNow, *saveChannel, *membershipChanged:
		d.errand = true
	case *membershipNoted, *membershipRefused, *persistence.SnapshotSaved, *stayed, *vacant, *sweep, *squeeze, *actor.Terminated:
	default:
		d.used = true
	}
	d.leaving = false
}

// refuseBroken answers while the stream cannot be read, and tries again from
// time to time: a disk may heal.
func (d *durable) refuseBroken(ctx actor.Context, msg any) {
	switch m := msg.(type) {
	case *rest, *stayed, *vacant, *sweep, *squeeze, *actor.Terminated:
		d.entity.command(ctx, msg) // the talk with its parent and its children
		return
	case *persistence.SnapshotSaved: // it was under way; what it tells of is read anew
		d.onSaved(ctx, m)
		return
	case asked:
		if time.Since(d.brokeAt) <= retryBroken {
			m.from().refuse(ctx, StorageDown)
			return
		}
	}
	if time.Since(d.brokeAt) > retryBroken {
		d.held = append(d.held, telemetry.Aside(ctx, msg))
		d.recover(ctx)
	}
}

// retryBroken is the least time between two recoveries of a stream that cannot be read.
const retryBroken = time.Second

func (d *durable) recover(ctx actor.Context) {
	d.phase = recovering
	d.entity.reset()
	d.asked = d.node.ref()
	ctx.Send(d.node.disk, &persistence.Recover{Stream: d.stream, Ref: d.asked, ReplyTo: ctx.Self()})
}

func (d *durable) restored(ctx actor.Context, m *persistence.Recovered) {
	if d.phase != recovering || m.Ref != d.asked {
		return // asked before a restart, which made that epoch a former owner's; or told twice
	}
	d.phase = ready
	if err := d.load(m); err != nil {
		d.node.log.Error("cannot recover", "actor", ctx.Self().Id, "err", err)
		d.node.record.Unreadable(ctx.Self(), d.kind, err)
		d.entity.reset()
		d.phase, d.brokeAt = broken, time.Now()
		d.refuseDue(ctx, 0, OutcomeUnknown)
		d.entity.abandoned(ctx)
	}
	if d.phase == ready {
		d.settleDue(ctx)
		d.entity.recovered(ctx)
	}
	for len(d.held) > 0 && d.phase != recovering {
		msg := d.held[0]
		d.held = d.held[1:]
		telemetry.PickUp(ctx, msg, d.judge)
	}
}

// load rebuilds the state. A panic in it would repeat for ever: it is an error.
func (d *durable) load(m *persistence.Recovered) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("replay of %s panicked: %v", m.Stream, r)
		}
	}()
	if m.Err != nil {
		return m.Err
	}
	d.epoch, d.seq, d.committed = m.Epoch, m.Seq, m.Seq
	d.saved = m.Seq - uint64(len(m.Events))
	if m.Snapshot != nil {
		if err := d.entity.restore(m.Snapshot); err != nil {
			return fmt.Errorf("snapshot of %s: %w", m.Stream, err)
		}
	}
	for _, event := range m.Events {
		if err := d.entity.replay(event); err != nil {
			return fmt.Errorf("event %d of %s: %w", event.Seq, m.Stream, err)
		}
	}
	return nil
}

// next is the sequence number that the next recorded event gets.
func (d *durable) next() uint64 { return d.seq + 1 }

// record gives an event, already applied, to the journal.
func (d *durable) record(ctx actor.Context, eventType string, data []byte, drops ...persistence.Stream) {
	d.seq++
	ctx.Send(d.node.disk, &persistence.Append{
		Stream:  d.stream,
		Epoch:   d.epoch,
		Event:   persistence.Event{Seq: d.seq, Type: eventType, Version: 1, Data: data},
		Drops:   drops,
		ReplyTo: ctx.Self(),
	})
}

// recordLater is record for what is encoded when it goes into a batch; in is its place in memory.
func (d *durable) recordLater(ctx actor.Context, in *persistence.Append, eventType string, data persistence.Value) {
	d.seq++
	*in = persistence.Append{
		Stream:  d.stream,
		Epoch:   d.epoch,
		Event:   persistence.Event{Seq: d.seq, Type: eventType, Version: 1},
		Value:   data,
		ReplyTo: ctx.Self(),
	}
	ctx.Send(d.node.disk, in)
}

// recordJSON records an event that is not worth an encoder of its own.
func (d *durable) recordJSON(ctx actor.Context, eventType string, event any, drops ...persistence.Stream) {
	data, err := json.Marshal(event)
	if err != nil {
		panic(fmt.Errorf("event %s: %w", eventType, err))
	}
	d.record(ctx, eventType, data, drops...)
}

// writable tells whether an event has a chance; asking saves a useless recovery.
func (d *durable) writable() bool { return d.node.store.Writable() }

func (d *durable) onCommitted(ctx actor.Context, m *persistence.Committed) {
	if m.Epoch != d.epoch || m.Seq <= d.committed {
		return
	}
	d.committed = m.Seq
	d.sendDue(ctx)
}

// onRejected forgets what is not durable. What was decided before the
// rejected event may still be on its way to the disk: its Committed comes yet,
// or the recovery tells.
func (d *durable) onRejected(ctx actor.Context, m *persistence.Rejected) {
	if m.Epoch != d.epoch || d.phase != ready {
		return
	}
	d.node.log.Debug("event not made durable", "actor", ctx.Self().Id, "err", m.Err)
	code := rejection(m.Err)
	d.refuseDue(ctx, m.Seq, code)
	d.entity.rejected(ctx, m.Seq, code)
	d.recover(ctx)
}

// rejection is what a client hears of an event that the journal refused.
func rejection(err error) Code {
	switch {
	case errors.Is(err, persistence.ErrUnavailable):
		return StorageDown
	case errors.Is(err, errCrashed):
		return OutcomeUnknown
	}
	return Busy // too much waits, or another owner came between: nothing was done
}

// abandon answers everybody when the actor stops or restarts: what is on its
// way to the journal may still become durable, what is held was never begun.
func (d *durable) abandon(ctx actor.Context) {
	d.refuseDue(ctx, 0, OutcomeUnknown)
	for _, held := range d.held {
		ctx, msg := telemetry.Taken(ctx, held)
		switch m := msg.(type) {
		case asked:
			m.from().refuse(ctx, Busy)
		case *rest:
			ctx.Send(ctx.Parent(), &stayed{name: m.name})
		}
	}
	d.held = nil
	d.unweigh()
	d.entity.abandoned(ctx)
	d.entity.stopping()
}

// settled tells whether nothing of the actor waits for the disk. What a broken one decided
// last is forgotten.
func (d *durable) settled() bool {
	return d.phase != recovering && (d.phase == broken || d.seq == d.committed) && len(d.due) == 0 && d.saving == 0
}

// save makes a snapshot of what is decided now, when there is something new,
// and says it to persistence: it leaves when all that is in it is on disk.
func (d *durable) save(ctx actor.Context) {
	if d.saved != d.seq {
		d.saveAnew(ctx)
	}
}

// saveAnew is save also when no event made the news.
func (d *durable) saveAnew(ctx actor.Context) {
	if d.phase != ready || d.saving != 0 {
		return
	}
	s := &persistence.SaveSnapshot{Stream: d.stream, Epoch: d.epoch, Seq: d.seq, ReplyTo: ctx.Self()}
	d.entity.snapshot(s)
	d.saving = d.seq
	d.say(ctx, d.node.disk, s)
}

// onSaved notes what a snapshot covers and tells whether it was the one under
// way; the actors call it from their handlers.
func (d *durable) onSaved(ctx actor.Context, m *persistence.SnapshotSaved) (ours bool) {
	if m.Seq != d.saving {
		return false // asked before a restart
	}
	d.saving = 0
	if m.Err != nil {
		d.node.log.Debug("snapshot not saved", "actor", ctx.Self().Id, "err", m.Err)
		return false
	}
	d.saved = m.Seq
	return true
}

// mustJSON encodes a state; one that cannot be encoded is a broken invariant.
func mustJSON(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Errorf("state: %w", err))
	}
	return data
}

// decode reads one event's or snapshot's data.
func decode[T any](data []byte) (v T, err error) {
	err = json.Unmarshal(data, &v)
	return v, err
}

// eventDecoder reads an event type into its struct.
func eventDecoder[T any](data []byte) (any, error) { return decode[T](data) }

// decodeEvent reads a journaled event by a table of decoders.
func decodeEvent(table map[string]func([]byte) (any, error), e persistence.Event) (any, error) {
	read := table[e.Type]
	if read == nil || e.Version != 1 {
		return nil, fmt.Errorf("unknown event %q, version %d", e.Type, e.Version)
	}
	return read(e.Data)
}

// durableView is the part that the views of all durable actors have.
type durableView struct {
	Phase       string        `json:"phase"`
	Stream      string        `json:"stream"`
	Epoch       uint64        `json:"epoch"`
	Seq         uint64        `json:"seq"`
	Committed   uint64        `json:"committed"`
	Saved       uint64        `json:"saved"`
	Saving      uint64        `json:"saving"` // 0 for none
	Due         few[dueView]  `json:"due"`
	Held        few[heldView] `json:"held"`
	WeightBytes int64         `json:"weightBytes"`
	Leaving     bool          `json:"leaving"`
}

// heldView is what waits for the state.
type heldView struct {
	Message string `json:"message"`
}

var phaseNames = map[phase]string{recovering: "recovering", ready: "ready", broken: "broken"}

func (d *durable) common() durableView {
	return durableView{
		Phase: phaseNames[d.phase], Stream: string(d.stream), Epoch: d.epoch,
		Seq: d.seq, Committed: d.committed, Saved: d.saved, Saving: d.saving,
		Due:         fewOf(d.due, func(u utterance) dueView { return dueView{u.seq, telemetry.MessageName(u.msg)} }),
		Held:        fewOf(d.held, func(msg any) heldView { return heldView{telemetry.MessageName(msg)} }),
		WeightBytes: d.weight, Leaving: d.leaving,
	}
}

// label names users and servers, of which the ID has an escaped name; a channel has its own.
func (d *durable) label() string { return d.entity.called() }
