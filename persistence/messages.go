package persistence

import (
	"net/url"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
)

// Stream is the name of one durable entity's sequence of events, for example
// "servers/gophers/channels/general/17". StreamOf makes it; everybody else treats it
// as opaque. It is never used as a path: folders have an escaped form of it.
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
	Seq     uint64 // its place in the stream, from 1, without gaps
	Type    string // in past tense: "posted"
	Version int    // of the format of Data
	Data    []byte // one JSON value, never empty; validated only if it has several lines; must not change after it is sent
}

// Recover asks for everything that is durable of a stream. A durable actor sends it
// when it starts, and again after a Rejected. It makes the sender the only writer of
// the stream: an Append with an older epoch is rejected. The answer is Recovered, and
// comes after everything that was appended to the stream before is on disk.
type Recover struct {
	Stream  Stream
	Ref     uint64 // returned in the answer
	ReplyTo *actor.PID
}

func (m *Recover) answer(err error) *Recovered {
	return &Recovered{Stream: m.Stream, Ref: m.Ref, Err: err}
}

// Recovered answers Recover. A stream that nobody has written to has Seq 0, no snapshot
// and no events. If Err is set, the stream cannot be read (damage, a disk error), and
// only Stream and Ref are set besides.
type Recovered struct {
	Stream   Stream
	Ref      uint64
	Epoch    uint64  // has to be given in every Append and SaveSnapshot
	Seq      uint64  // of the last durable event
	Snapshot []byte  // the state as JSON; nil if there is no snapshot
	Events   []Event // those after the snapshot, in order
	Err      error
}

// Append asks to make one event durable. The stream's owner sends it, and need not wait
// for the answer before the next one. The answer is Committed, which may answer many, or
// Rejected.
type Append struct {
	Stream  Stream
	Epoch   uint64
	Event   Event    // Event.Seq is that of the event sent before + 1
	Value   Value    // replaces Event.Data unless it is nil
	Drops   []Stream // streams that end with this event; their files are removed once it is durable
	ReplyTo *actor.PID
}

// Value is the data of an event that is encoded only when it is put into a batch, on the
// persistence actor's goroutine. It must not change after it is sent.
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

// Rejected says that the event Seq and all later ones of this epoch are not durable. It
// answers all their Appends. The owner has to forget what it applied and to send Recover.
// Events before Seq are still answered by Committed. Err wraps one of these:
//
//   - ErrStale: the stream has another owner, or there is a gap in the sequence.
//   - ErrUnavailable: the disk is full, or a write or sync failed.
//   - ErrBusy: too much waits for the disk, see Config.
//   - ErrInvalid: the event cannot be stored.
type Rejected struct {
	Stream Stream
	Epoch  uint64
	Seq    uint64
	Err    error
}

// Release says that the owner stops. It will append nothing more with this epoch, nor with
// the epoch of the Recover with this Ref, whose answer it may not have received. Then
// persistence may forget the stream. There is no answer.
type Release struct {
	Stream Stream
	Epoch  uint64
	Ref    uint64 // 0 for none
}

// SnapshotWanted says that a checkpoint needs a snapshot of the stream. Persistence sends
// it to the keeper (see Attach), which passes it on to the owner; an owner that is not in
// memory is started for it. The owner sends a SaveSnapshot.
type SnapshotWanted struct {
	Stream Stream
}

// SaveSnapshot hands over the whole state of a stream after the event Seq, which must be
// durable. The owner sends it, after SnapshotWanted or for its own reasons. It is refused if
// the stream has another owner by then. The answer is SnapshotSaved, once state and pages
// are on disk and were read back.
type SaveSnapshot struct {
	Stream Stream
	Epoch  uint64
	Seq    uint64
	State  []byte // one JSON value
	Pages  []Page // written before the state, each once
	// Gone marks the state of a deleted entity. It is kept only as long as the
	// journal has events of the stream; then its files are removed, pages first, so
	// that State may not need any.
	Gone    bool
	ReplyTo *actor.PID
}

// SnapshotSaved answers SaveSnapshot. If Err is set, the owner keeps what it has in memory
// and may try again later. Err wraps ErrStale if the sender is not the owner any more, or if
// Seq is not durable or older than that of the saved snapshot.
type SnapshotSaved struct {
	Stream Stream
	Seq    uint64
	Err    error
}

// Page is a run of the oldest items of a stream that are moved from memory to disk. Saved
// items never change. Items that are on disk already, because of a crash between page and
// snapshot, are written again with the same content. Persistence decides how they are
// divided into files; runs that end at multiples of MaxPageItems make the fewest files.
type Page struct {
	First uint64 // a multiple of PageItems
	Items Items  // their number is a multiple of PageItems
}

// Items are the items of a page. They are encoded outside the actors, when the page is
// written, perhaps more than once. They must not change after they are sent.
type Items interface {
	Len() int
	// Append appends the i-th item, one JSON value.
	Append(to []byte, i int) []byte
}

// A page file has PageItems items, or more if there are enough, up to MaxPageItems.
const (
	PageItems    = 512
	MaxPageItems = 16 * PageItems
)

// ReadItems asks for the items From ≤ index < To of a stream, which must be in pages. The
// answer is ItemsRead. A few workers read; the persistence actor never waits for the disk.
type ReadItems struct {
	Stream   Stream
	From, To uint64
	MaxBytes int    // if the items have more bytes, the answer is ErrTooMuch; 0 for no limit
	Ref      uint64 // returned in the answer
	ReplyTo  *actor.PID
}

// ItemsRead answers ReadItems with To-From JSON values or an error: ErrNoItems if items are
// in no page, ErrInvalid for more than 65,536 at once, ErrTooMuch beyond MaxBytes.
type ItemsRead struct {
	Stream Stream
	Ref    uint64
	Items  [][]byte
	Err    error
}

// Attach tells persistence who keeps the durable actors and receives SnapshotWanted. It is
// sent once at the start, before the first Recover.
type Attach struct {
	Keeper *actor.PID
}
