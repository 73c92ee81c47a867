//go:build !unix

package main

import "log/slog"

// warnOfFewFiles has nothing to look at here.
func warnOfFewFiles(*options, *slog.Logger) {}
