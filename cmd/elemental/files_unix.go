//go:build unix

package main

import (
	"log/slog"
	"syscall"
)

// filesBesides is what the process has open apart from connections: page files, and others.
const filesBesides = 128 + 64

// warnOfFewFiles tells when the operating system allows fewer open files than
// --maxconnections needs. Go has raised the soft limit to the hard one.
func warnOfFewFiles(opts *options, log *slog.Logger) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		log.Warn("the limit on open files is not known", "error", err)
		return
	}
	if limit.Cur < uint64(opts.MaxConnections)+filesBesides {
		log.Warn("the limit on open files is too low for the connections; raise it (ulimit -n) or lower --maxconnections",
			"open files", limit.Cur, "maxconnections", opts.MaxConnections)
	}
}
