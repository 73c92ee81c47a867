package persistence

import (
	"errors"
	"fmt"
)

var (
	// ErrStale rejects what comes from a former owner, or is out of sequence.
	ErrStale = errors.New("stale writer")
	// ErrUnavailable rejects an event while the disk is full or failing.
	ErrUnavailable = errors.New("storage is unavailable")
	// ErrBusy rejects work beyond a limit. Nothing is wrong with the disk.
	ErrBusy = errors.New("storage is busy")
	// ErrInvalid rejects what cannot be stored as JSON, or is too big.
	ErrInvalid = errors.New("not storable")
	// ErrNoItems answers ReadItems of a page that was never saved.
	ErrNoItems = errors.New("no such items")
	// ErrTooMuch answers ReadItems when the items have more bytes than MaxBytes.
	ErrTooMuch = errors.New("too many bytes")
)

// LockedError is returned by Open for a folder that another process has open.
type LockedError struct{ Dir string }

func (e *LockedError) Error() string {
	return fmt.Sprintf("data folder %s is in use by another process: stop that one first", e.Dir)
}

// NotWritableError is returned by Open for a folder that it cannot read or write.
type NotWritableError struct {
	Dir string
	Err error
}

func (e *NotWritableError) Error() string {
	return fmt.Sprintf("data folder %s cannot be used: check its owner, rights and free space: %v", e.Dir, e.Err)
}

func (e *NotWritableError) Unwrap() error { return e.Err }

// DamageError says that something which was durable cannot be read any more. If Open returns
// it, nothing was changed.
type DamageError struct {
	File    string // inside the data folder
	Offset  int64
	Problem string
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%s is damaged at byte %d (%s): restore the data folder from a backup", e.File, e.Offset, e.Problem)
}

// VersionError is returned by Open for a folder that a newer program has written.
type VersionError struct {
	File           string
	Version, Known int
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("%s has format version %d, this program knows %d: use a newer program", e.File, e.Version, e.Known)
}

// LegacyError is returned by Open for a folder of the original provider.
type LegacyError struct{ Dir string }

func (e *LegacyError) Error() string {
	return fmt.Sprintf("data folder %s belongs to the original Python provider and was not touched: choose another folder", e.Dir)
}
