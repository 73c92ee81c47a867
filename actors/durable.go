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

// durable is the part that all durable actors (user, server, channel) share. It
// recovers the state, gives events to the journal, and holds back all that the
// actor says until everything the actor decided before is on disk.
//
// A handler checks a command against the state, makes one event, applies it,
// records it, and says the answer. Because say waits for the journal, no answer,
// not even that of a read, and no push can tell of something that a power cut
// could undo. When the journal refuses an event, the actor forgets what it applied
// and recovers; what it was about to say turns into refusals.
type durable struct {
	node   *node
	kind   Kind
	entity entity
	stream persistence.Stream
	phase  phase

	brokeAt    time.Time // when the phase became broken
	toldBroken time.Time // when the log last heard of that; zero once the stream could be read
	recoverRef uint64    // of the last Recover
	epoch      uint64    // of this activation, from Recovered
	seq        uint64    // of the last event that was decided
	committed  uint64    // of the last event that is on disk
	saved      uint64    // of the last snapshot that is on disk
	saving     uint64    // of the snapshot that is on its way, 0 for none
	unsaved    int       // bytes of the events that the last snapshot does not have; channels do not use it, see saveWhenLarge

	weight    int64 // as counted in the node's residency
	uncounted bool  // not counted there any more
	leaving   bool  // has asked to leave memory, and nothing has come since
	use       use   // why it is in memory

	hashing map[uint64]hashing // of users and servers: commands that wait for the hash workers, by the Ref of the work
	unsent  []utterance        // said, waiting for the journal; in order
	backlog []any              // commands that arrived while recovering; the gate bounds them as it bounds all requests
	inHand  any                // a command that had to wait, while it is handled at last: if that crashes, mend answers it
}

// entity is what differs between the durable actors.
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
	// rejected is called when the journal has refused the events from seq on. It
	// answers those who depend on them and whom durable does not know, because
	// their answer is not said yet.
	rejected(ctx actor.Context, seq uint64, code Code)
	// abandoned answers everybody who waits for something other than the journal,
	// such as a hash, and forgets them.
	abandoned(ctx actor.Context)
	// stopping gives up timers and children, before a stop or restart.
	stopping(ctx actor.Context)
	// idle tells whether the actor may leave memory.
	idle() bool
	// weight is roughly how much memory the state takes; called is the name by
	// which the parent knows the actor.
	weight() int
	called() string
	// snapshot fills in State, Pages and Gone of a snapshot.
	snapshot(s *persistence.SaveSnapshot)
}

// saveNow asks a durable actor for a snapshot that a checkpoint needs. The provider
// sends it to users and servers, a server to its channels.
type saveNow struct {
	kind Kind
	name string
}

func (m *saveNow) entity() (Kind, string) { return m.kind, m.name }

// phase is how far a durable actor has its state.
//
//	Started ──▶ recovering ──Recovered──▶ ready ──Rejected──▶ recovering
//	                 ╰──it cannot be read──▶ broken ──a message, a second later──▶ recovering
//
// A crash leads from anywhere to Started, in a new struct.
type phase int

const (
	recovering phase = iota // commands wait in the backlog
	ready
	broken // the stream cannot be read: commands are refused
)

// Receive handles what all durable actors have in common; the rest goes to the
// entity's command.
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

// mend answers those who wait for an actor that crashed while it stopped or restarted, or while
// it handled a command because of another message: the guard knows only that one.
func (d *durable) mend(ctx actor.Context, msg any) {
	if d.inHand != nil {
		answerForCrashed(telemetry.Taken(ctx, d.inHand))
		d.inHand = nil
	}
	switch msg.(type) {
	case *actor.Restarting:
		d.abandon(ctx)
	case *actor.Stopping:
		d.release(ctx)
	}
}

// release answers everybody at the actor's end, and gives its stream back to persistence.
func (d *durable) release(ctx actor.Context) {
	d.abandon(ctx)
	ctx.Send(d.node.disk, &persistence.Release{Stream: d.stream, Epoch: d.epoch, Ref: d.recoverRef})
}

// judge handles a command. While there is no state it keeps the command (recovering) or
// refuses it (broken).
func (d *durable) judge(ctx actor.Context, msg any) {
	d.noteUse(msg)
	if d.phase == recovering {
		d.backlog = append(d.backlog, telemetry.Aside(ctx, msg))
		return
	}
	if d.phase == broken {
		d.refuseBroken(ctx, msg)
		return
	}
	if _, wanted := msg.(*saveNow); wanted {
		d.saveAnew(ctx) // the last snapshot may have been read only, and not be sure to be on disk
		return
	}
	d.entity.command(ctx, msg)
}

// refuseBroken answers while the stream cannot be read. It tries to read it again from
// time to time, since a disk may heal.
func (d *durable) refuseBroken(ctx actor.Context, msg any) {
	switch m := msg.(type) {
	case *rest, *stayed, *vacant, *sweep, *squeeze, *actor.Terminated:
		d.entity.command(ctx, msg) // the actor still talks with its parent and its children
		return
	case *persistence.SnapshotSaved: // of a snapshot that was under way when the stream broke
		d.onSaved(ctx, m)
		return
	}
	if time.Since(d.brokeAt) > retryBroken {
		d.backlog = append(d.backlog, telemetry.Aside(ctx, msg))
		d.recover(ctx)
		return
	}
	switch m := msg.(type) {
	case asked:
		m.from().refuse(ctx, StorageDown)
	case *membershipChanged: // a server waits for the answer, and perhaps somebody for the server's
		d.node.dir.Tell(ctx, &membershipRefused{membershipNoted(*m)})
	}
}

// retryBroken is the least time between two recoveries of a stream that cannot be read.
const retryBroken = time.Second

// tellBroken is the least time between two lines of the log about what one actor cannot read.
const tellBroken = time.Minute

func (d *durable) recover(ctx actor.Context) {
	d.phase = recovering
	d.entity.reset()
	d.recoverRef = d.node.ref()
	ctx.Send(d.node.disk, &persistence.Recover{Stream: d.stream, Ref: d.recoverRef, ReplyTo: ctx.Self()})
}

func (d *durable) restored(ctx actor.Context, m *persistence.Recovered) {
	if d.phase != recovering || m.Ref != d.recoverRef {
		return // the answer to an older question, whose epoch is not ours; or a second answer
	}
	d.phase = ready
	if err := d.load(m); err != nil {
		d.unreadable(ctx, &d.toldBroken, "cannot recover", err)
		d.entity.reset()
		d.phase, d.brokeAt = broken, time.Now()
		d.takeBack(ctx, 0, OutcomeUnknown)
		d.entity.abandoned(ctx)
	}
	if d.phase == ready {
		d.toldBroken = time.Time{}
		d.settleUnsent(ctx)
		d.entity.recovered(ctx)
	}
	for len(d.backlog) > 0 && d.phase != recovering {
		d.inHand, d.backlog = d.backlog[0], d.backlog[1:]
		telemetry.PickUp(ctx, d.inHand, d.judge)
		d.inHand = nil
	}
	if len(d.backlog) == 0 {
		d.backlog = nil // its memory would keep all that has been in it
	}
}

// unreadable tells of what cannot be read; told is when the log last heard of it. On a dead disk that
// is everything, and clients may ask for it thousands of times a second.
func (d *durable) unreadable(ctx actor.Context, told *time.Time, what string, err error) {
	if now := time.Now(); now.Sub(*told) >= tellBroken {
		*told = now
		d.node.log.Error(what, "actor", ctx.Self().Id, "stream", string(d.stream), "err", err)
	}
	d.node.record.Unreadable(ctx.Self(), d.kind, err)
}

// load rebuilds the state. It turns a panic into an error: a restart would only repeat it.
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
	d.unsaved = 0
	for _, event := range m.Events {
		d.unsaved += len(event.Data)
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
	if d.unsaved += len(data); d.unsaved > max(mostReplayed, int(d.weight)) {
		d.save(ctx)
	}
}

// mostReplayed limits how many bytes of events are read again, besides the state, each time the actor
// comes into memory. Beyond it the actor saves itself between two checkpoints, as channels do.
const mostReplayed = 4 << 20

// recordLater is record for data that persistence encodes when it puts it into a batch. The
// message is made in the memory that in points to.
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

// recordJSON records an event that is too rare to deserve an encoder of its own.
func (d *durable) recordJSON(ctx actor.Context, eventType string, event any, drops ...persistence.Stream) {
	data, err := json.Marshal(event)
	if err != nil {
		panic(fmt.Errorf("event %s: %w", eventType, err))
	}
	d.record(ctx, eventType, data, drops...)
}

// writable tells whether the journal accepts events now. Handlers ask first, because a
// refused event costs a recovery.
func (d *durable) writable() bool { return d.node.store.Writable() }

func (d *durable) onCommitted(ctx actor.Context, m *persistence.Committed) {
	if m.Epoch != d.epoch || m.Seq <= d.committed {
		return
	}
	d.committed = m.Seq
	d.sendCommitted(ctx)
}

// onRejected forgets what is not durable. What was decided before the rejected event may
// still be on its way to the disk: its Committed is yet to come, or the recovery shows it.
func (d *durable) onRejected(ctx actor.Context, m *persistence.Rejected) {
	if m.Epoch != d.epoch || d.phase != ready {
		return
	}
	d.node.log.Debug("event not made durable", "actor", ctx.Self().Id, "err", m.Err)
	code := rejection(m.Err)
	d.takeBack(ctx, m.Seq, code)
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
	return Busy // too much is waiting, or the stream has a new owner: nothing was done
}

// abandon answers everybody when the actor stops or restarts. What is on its way to the
// journal may still become durable; the backlog has never begun.
func (d *durable) abandon(ctx actor.Context) {
	d.takeBack(ctx, 0, OutcomeUnknown)
	for _, each := range d.backlog {
		ctx, msg := telemetry.Taken(ctx, each)
		switch m := msg.(type) {
		case asked:
			m.from().refuse(ctx, Busy)
		case *rest:
			ctx.Send(ctx.Parent(), &stayed{name: m.name})
		}
	}
	d.backlog = nil
	d.unweigh()
	d.entity.abandoned(ctx)
	d.entity.stopping(ctx)
}

// settled tells whether nothing of the actor waits for the disk. A broken actor has
// forgotten what it decided last.
func (d *durable) settled() bool {
	return d.phase != recovering && (d.phase == broken || d.seq == d.committed) && len(d.unsent) == 0 && d.saving == 0
}

// save makes a snapshot of the present state, if there is something new in it, and says it
// to persistence. So it leaves the actor when all that is in it is on disk.
func (d *durable) save(ctx actor.Context) {
	if d.saved != d.seq {
		d.saveAnew(ctx)
	}
}

// saveAnew is save even if no event has come since the last snapshot. A stream without events has
// nothing to save: it may be that of a channel that was deleted meanwhile, and is gone.
func (d *durable) saveAnew(ctx actor.Context) {
	if d.phase != ready || d.saving != 0 || d.seq == 0 {
		return
	}
	s := &persistence.SaveSnapshot{Stream: d.stream, Epoch: d.epoch, Seq: d.seq, ReplyTo: ctx.Self()}
	d.entity.snapshot(s)
	d.saving, d.unsaved = d.seq, 0
	d.say(ctx, d.node.disk, s)
}

// onSaved notes what a snapshot covers. It tells whether that was the snapshot under way and
// is saved now. The actors call it from their handlers.
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

// mustJSON encodes a state. A state that cannot be encoded is a bug.
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

// decodeEvent reads an event of the journal with a table of decoders, one for each type.
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

// heldView is a command that waits for the state.
type heldView struct {
	Message string `json:"message"`
}

var phaseNames = map[phase]string{recovering: "recovering", ready: "ready", broken: "broken"}

func (d *durable) common() durableView {
	return durableView{
		Phase: phaseNames[d.phase], Stream: string(d.stream), Epoch: d.epoch,
		Seq: d.seq, Committed: d.committed, Saved: d.saved, Saving: d.saving,
		Due:         fewOf(d.unsent, func(u utterance) dueView { return dueView{u.seq, telemetry.MessageName(u.msg)} }),
		Held:        fewOf(d.backlog, func(msg any) heldView { return heldView{telemetry.MessageName(msg)} }),
		WeightBytes: d.weight, Leaving: d.leaving,
	}
}

// label names users and servers for people, since their actors' IDs contain the name escaped.
// Channels have a label of their own.
func (d *durable) label() string { return d.entity.called() }
