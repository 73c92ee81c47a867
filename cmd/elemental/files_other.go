//go:build !unix

package main

import "log/slog"

// There is no such limit here.
func fitOpenFiles(*options) {}

func warnOfFewFiles(int, int, *slog.Logger) {}

func openPages() int { return 0 }
