//go:build unix

package main

import (
	"log/slog"
	"math"
	"syscall"
)

// filesBesides is what the process has open apart from connections: page files,
// those who look at the inspector, those who are turned away, and others.
const filesBesides = 128 + 128 + 64 + 64

// fitOpenFiles takes no more connections than the operating system allows open
// files for: with the last file gone to a client, nothing that is stored could be
// read any more. Go has raised the soft limit to the hard one.
func fitOpenFiles(opts *options) {
	if limit, err := openFiles(); err == nil {
		fit := min(connectionsWithin(limit), math.MaxInt)
		opts.MaxConnections = min(opts.MaxConnections, int(fit)) //nolint:gosec // an int
	}
}

// warnOfFewFiles tells when fewer connections fit than were wanted.
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
	return limit.Cur, err
}

// connectionsWithin is how many connections so many open files leave room for:
// half of them when there are very few.
func connectionsWithin(files uint64) uint64 {
	return max(files-min(files, filesBesides), files/2, 1)
}
