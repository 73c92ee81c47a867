// Package persistence keeps the events and snapshots of durable actors on disk.
//
// It promises one thing: what was answered with Committed or SnapshotSaved is
// on disk, and is read back as it was written or reported as damaged.
//
//	owner ──Append──▶ persistence actor ──batch──▶ writer: one write, one fdatasync
//	      ◀─Committed─                  ◀─written─
//	      ──Recover, SaveSnapshot, ReadItems──▶ a few workers read files, one writes them
//
// All state belongs to a Store and is touched only under the actor (store.go,
// core.go); files are touched only by the writer (journal.go) and the workers
// (work.go). Every file call goes through package vfs. The disk format is
// described in docs/storage.md.
package persistence
