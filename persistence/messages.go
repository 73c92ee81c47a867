package persistence

import (
	"net/url"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
)

// Stream names one durable entity's line of events, for example
// "servers/gophers/channels/general/17". It is made by StreamOf and opaque to
// everybody else. It is data, never a path: the folder sees an escaped form.
type Stream string

// StreamOf joins parts into a stream name. Parts may hold any text; a "/" or
// "%" inside a part is escaped, so different parts never make the same stream.
func StreamOf(parts ...string) Stream {
	escaped := make([]string, len(parts))
	for i, part := range parts {
		escaped[i] = partEscaper.Replace(part)
	}
	return Stream(strings.Join(escaped, "/"))
}

// Parts undoes StreamOf.
func (s Stream) Parts() []string {
	parts := strings.Split(string(s), "/")
	for i, part := range parts {
		if plain, err := url.PathUnescape(part); err == nil {
			parts[i] = plain
		}
	}
	return parts
}

var partEscaper = strings.NewReplacer("%", "%25", "/", "%2F")

// Event is one fact of a stream, as the journal keeps it.
type Event struct {
	Seq     uint64 // place in its stream, from 1, without gaps
	Type    string // past tense: "posted"
	Version int    // of the event's data
	Data    []byte // one JSON value, never empty; not validated when it is on one line; never changed after it is sent
}

// Recover asks for all that is durable of a stream. Sent by a durable actor
// when it starts, and again after a Rejected. It makes the asker the stream's
// only writer: an Append under an older epoch is rejected. Answered by
// Recovered, after everything appended to the stream before is on disk.
type Recover struct {
	Stream  Stream
	Ref     uint64 // handed back
	ReplyTo *actor.PID
}

func (m *Recover) answer(err error) *Recovered {
	return &Recovered{Stream: m.Stream, Ref: m.Ref, Err: err}
}

// Recovered is the answer to Recover. A stream nobody wrote to has Seq 0, no
// snapshot and no events. With Err the stream cannot be read (damage, a disk
// error); nothing else but Ref is set then.
type Recovered struct {
	Stream   Stream
	Ref      uint64
	Epoch    uint64  // to be named in every Append and SaveSnapshot
	Seq      uint64  // of the last durable event
	Snapshot []byte  // JSON state, nil without one
	Events   []Event // those after the snapshot, in order
	Err      error
}

// Append asks for one event to be made durable. Sent by the stream's owner.
// Events of a stream may be sent one after the other without waiting.
// Answered by Committed (one answer may stand for many) or Rejected.
type Append struct {
	Stream  Stream
	Epoch   uint64
	Event   Event    // Event.Seq is the last one sent + 1
	Value   Value    // in the place of Event.Data, when it is not nil
	Drops   []Stream // streams that end with this event; their files are removed once it is durable
	ReplyTo *actor.PID
}

// Value is an event's data that is encoded when it is put into a batch, on the actor's
// goroutine: it must not change any more.
type Value interface {
	// Append appends one JSON value, on one line.
	Append(to []byte) []byte
}

// Committed says that all events of the stream up to Seq are on disk.
type Committed struct {
	Stream Stream
	Epoch  uint64
	Seq    uint64
}

// Rejected says that the event Seq, and each later one sent under this epoch,
// is not durable and was not done. The owner forgets what it applied and
// sends Recover; events before Seq are still answered by Committed. Err wraps
// ErrStale (another owner, or a gap in the sequence), ErrUnavailable (disk full,
// write or sync failed), ErrBusy (too much waits, see Config) or ErrInvalid (the
// event cannot be kept). One Rejected answers all Appends of that epoch from Seq on.
type Rejected struct {
	Stream Stream
	Epoch  uint64
	Seq    uint64
	Err    error
}

// Release says that the owner stops and will append no more under this epoch, nor
// under that of the Recover of this Ref, which it may not have heard of.
// It lets persistence forget the stream. Not answered.
type Release struct {
	Stream Stream
	Epoch  uint64
	Ref    uint64 // 0 for none
}

// SnapshotWanted is sent by persistence to the keeper (see Attach) for each
// stream that a checkpoint needs: whoever owns the stream answers with a
// SaveSnapshot; a stream that has no living owner is woken for it.
type SnapshotWanted struct {
	Stream Stream
}

// SaveSnapshot hands over a stream's whole state after event Seq, which must be
// durable. Sent by the owner, on SnapshotWanted or by itself; a former owner's
// is refused, whatever it holds. Answered by SnapshotSaved when state and pages
// are on disk, verified.
type SaveSnapshot struct {
	Stream Stream
	Epoch  uint64
	Seq    uint64
	State  []byte // one JSON value
	Pages  []Page // written before the state, each once
	// Gone marks a deleted entity: the state is kept only as long as the
	// journal still has events of the stream, then its files go too.
	Gone    bool
	ReplyTo *actor.PID
}

// SnapshotSaved answers SaveSnapshot. After an Err the owner keeps what it has
// in memory and may try again later. Err wraps ErrStale for a former owner, and
// for a Seq that is not durable or older than the saved one.
type SnapshotSaved struct {
	Stream Stream
	Seq    uint64
	Err    error
}

// Page is a run of a stream's oldest items that leaves memory for good. Items
// are never changed once saved; those that are on disk already (after a crash
// between page and snapshot) are written again, the same. What goes into one file
// is persistence's business; runs that end at multiples of MaxPageItems make the
// fewest files.
type Page struct {
	First uint64 // a multiple of PageItems
	Items Items  // a multiple of PageItems of them
}

// Items are what a page holds. They are encoded beside the actors, when the page
// is written, more than once if need be: they must not change any more.
type Items interface {
	Len() int
	// Append appends the i-th item, one JSON value.
	Append(to []byte, i int) []byte
}

// A page file holds PageItems items, or up to MaxPageItems when there are as many.
const (
	PageItems    = 512
	MaxPageItems = 16 * PageItems
)

// ReadItems asks for the paged items From ≤ index < To of a stream. Answered
// by ItemsRead from a bounded number of readers; the actor does not wait for disk.
type ReadItems struct {
	Stream   Stream
	From, To uint64
	MaxBytes int    // of the items; more is answered with ErrTooMuch. 0 for no bound
	Ref      uint64 // handed back
	ReplyTo  *actor.PID
}

// ItemsRead answers ReadItems: To-From JSON values, or an error: ErrNoItems for
// items that were never paged, ErrInvalid for more than 65,536 at once.
type ItemsRead struct {
	Stream Stream
	Ref    uint64
	Items  [][]byte
	Err    error
}

// Attach tells persistence who keeps the durable actors: the receiver of
// SnapshotWanted. Sent once at start, before the first Recover.
type Attach struct {
	Keeper *actor.PID
}
