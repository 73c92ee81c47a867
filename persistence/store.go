package persistence

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"elemental/persistence/vfs"
)

// Config is what an operator can set of the store.
type Config struct {
	Dir              string
	Indent           int           // spaces per level in snapshot files, 0 for compact ones
	SnapshotInterval time.Duration // between two checkpoints, 0 for none by time
	SegmentBytes     int64         // size of a journal segment at which a checkpoint begins early; 0 for 64 MiB
	Log              *slog.Logger  // nil for slog.Default

	// How much may wait for the disk before appends are rejected with ErrBusy;
	// 0 for 262,144 events and 64 MiB.
	MaxWaitingRecords int
	MaxWaitingBytes   int

	OpenPages int // page files that stay open after they were read, at most; 0 for 128

	// FS replaces the real file system under Dir, for tests.
	FS vfs.FS
	// Around, if set, wraps the real file system, to harm it on purpose.
	Around func(vfs.FS) vfs.FS

	Inspect bool // count, for the inspector
}

// The numbers of workers. Only one writes snapshots and pages: each of its syncs delays that of the
// journal. With four of them, posts fell to a third of their rate while 10,000 users were saved.
const (
	readers = 4
	writers = 1
)

func (cfg Config) withDefaults() Config {
	cfg.SegmentBytes = cmp.Or(cfg.SegmentBytes, 64<<20)
	cfg.MaxWaitingRecords = cmp.Or(cfg.MaxWaitingRecords, 1<<18)
	cfg.MaxWaitingBytes = cmp.Or(cfg.MaxWaitingBytes, 64<<20)
	cfg.OpenPages = cmp.Or(cfg.OpenPages, maxOpenPages)
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	return cfg
}

// Store is an open data folder. What it knows belongs to its actor.
type Store struct {
	mu     sync.Mutex // held by Receive and Close
	core   *core
	closed bool
	err    error // of Close
	lock   io.Closer
	owned  *vfs.Folder // the real folder
}

// Open locks the folder, recovers its journal and makes it ready. A missing folder is
// created. If Open returns a LockedError, DamageError, VersionError, LegacyError or
// NotWritableError, it has changed nothing on disk.
func Open(cfg Config) (*Store, error) {
	cfg = cfg.withDefaults()
	s := &Store{}
	if cfg.FS == nil {
		real, err := vfs.OpenFolder(cfg.Dir)
		if err != nil {
			return nil, &NotWritableError{cfg.Dir, err}
		}
		cfg.FS, s.owned = real, real
		if cfg.Around != nil {
			cfg.FS = cfg.Around(real)
		}
	}
	var err error
	if s.lock, err = cfg.FS.Lock(); errors.Is(err, vfs.ErrLocked) {
		return nil, errors.Join(&LockedError{cfg.Dir}, s.letGo())
	} else if err != nil {
		return nil, s.abandon(&NotWritableError{cfg.Dir, err})
	}
	if s.core, err = boot(cfg); err != nil {
		if errors.As(err, new(*DamageError)) || errors.As(err, new(*VersionError)) {
			err = fmt.Errorf("data folder %s: %w", cfg.Dir, err) // these name a file inside it
		}
		return nil, s.abandon(err)
	}
	return s, nil
}

// abandon lets a folder go that cannot be used, and removes what Open has made of it. It is not
// for one that another process has locked: that one is in use.
func (s *Store) abandon(why error) error {
	why = errors.Join(why, s.letGo())
	if s.owned != nil {
		s.owned.Unmake()
	}
	return why
}

// letGo unlocks the folder.
func (s *Store) letGo() error {
	var err error
	if s.lock != nil {
		err = s.lock.Close()
	}
	if s.owned != nil {
		err = errors.Join(err, s.owned.Close())
	}
	return err
}

// Writable tells whether the last write succeeded; false while the disk is full or failing.
func (s *Store) Writable() bool { return s.core.writable.Load() }

// Gather makes the store collect a batch until nobody is about to append any more. It calls
// quiet in the actor's Receive, with a function that has to be called when that is so, and soon
// in any case; quiet itself must not wait. Without Gather, a batch is what is in the mailbox.
// It is called before the actor starts.
func (s *Store) Gather(quiet func(tell func())) { s.core.quiet = quiet }

// Trouble makes the store call hear with an error when the journal cannot be written, and with
// nil when it can be written again. hear is called in the actor's Receive and must not wait.
// Trouble is called before the actor starts.
func (s *Store) Trouble(hear func(err error)) { s.core.trouble = hear }

// Close writes what waits, ends the journal and unlocks the folder. It is called after the
// actors have stopped. Further calls return the same error.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return s.err
	}
	s.closed = true
	s.err = errors.Join(s.core.finish(), s.letGo())
	return s.err
}

// finish ends all work. Requests that still wait are dropped, since those who asked are gone.
func (c *core) finish() error {
	c.out = nil
	c.inbox.attach(nil, nil)
	if c.inHand != nil {
		c.restarted()
	}
	c.writeNext()
	c.reads.giveUp()
	c.writes.giveUp()
	for c.tasks.Wait(); c.writing; c.tasks.Wait() {
		c.drain()
	}
	c.stopTimers()
	var err error
	if c.failure == nil && !c.marked {
		b := &batch{first: c.nextSeq, durable: c.nextSeq - 1}
		c.mark(b)
		err = c.writer.write(b)
	}
	c.files.pages.close()
	if err = errors.Join(err, c.writer.close()); err != nil {
		return fmt.Errorf("end of the journal: %w", err)
	}
	return nil
}
