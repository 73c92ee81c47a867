// Package persistence stores the events and snapshots of durable actors on disk.
//
// It promises one thing: what was answered with Committed or SnapshotSaved is on
// disk, and is either read back as it was written or reported as damaged.
//
//	owner ──Append──▶ persistence actor ──batch──▶ writer: one write, one fdatasync
//	      ◀─Committed─                  ◀─written─
//	      ──Recover, SaveSnapshot, ReadItems──▶ a few workers read files, one writes them
//
// All state belongs to a Store, and only its actor touches it (store.go, core.go).
// Only the writer (journal.go) and the workers (work.go) touch files, and a read of
// what the system has in memory is done at once (readpages.go). Every file call goes
// through package vfs. docs/storage.md describes the format on disk.
package persistence
