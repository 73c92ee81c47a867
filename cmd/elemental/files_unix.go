//go:build unix

package main

import (
	"log/slog"
	"math"
	"syscall"
)

// filesBesides is how many files the process may have open besides clients' connections: page
// files, connections to the inspector, connections that are turned away, and others.
const filesBesides = 128 + 128 + 64 + 64

// fitOpenFiles lowers the limit on connections to what the operating system's limit on open
// files allows. If clients took the last file, nothing could be read from disk any more. The Go
// runtime has raised the soft limit to the hard one.
func fitOpenFiles(opts *options) {
	if limit, err := openFiles(); err == nil {
		fit := min(connectionsWithin(limit), math.MaxInt)
		opts.MaxConnections = min(opts.MaxConnections, int(fit)) //nolint:gosec // an int
	}
}

// warnOfFewFiles warns when fewer connections fit than were wanted.
func warnOfFewFiles(wanted, fit int, log *slog.Logger) {
	limit, err := openFiles()
	switch {
	case err != nil:
		log.Warn("the limit on open files is not known", "error", err)
	case fit < wanted:
		log.Warn("the limit on open files is too low for the connections; raise it (ulimit -n) or lower --maxconnections",
			"open files", limit, "maxconnections", wanted, "taken at most", fit)
	}
}

func openFiles() (uint64, error) {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	return uint64(limit.Cur), err //nolint:gosec,unconvert // an int64 on FreeBSD, never negative
}

// openPages is how many page files may stay open; 0 if that is not known.
func openPages() int {
	limit, err := openFiles()
	if err != nil {
		return 0
	}
	return pagesWithin(limit)
}

// pagesWithin is a third of what a limit on open files leaves besides the connections. If clients
// could make more stay open by what they read, there would be none left for the journal.
func pagesWithin(files uint64) int {
	const share = 3
	return int(min(files-min(files, connectionsWithin(files)), filesBesides) / share) //nolint:gosec // at most 128
}

// connectionsWithin is how many connections fit into a limit on open files: half of it if it is
// very low.
func connectionsWithin(files uint64) uint64 {
	return max(files-min(files, filesBesides), files/2, 1)
}
