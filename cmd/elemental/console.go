package main

import (
	"io"
	"log/slog"
	"unicode/utf8"

	"elemental/transport"
)

// longestLogValue bounds what one value, a name that a client chose for
// example, may take of a log line.
const longestLogValue = 200

// newLogger makes the structured log that --loglevel and --logformat ask for.
func newLogger(opts *options, out io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(opts.LogLevel)); err != nil {
		level = slog.LevelInfo
	}
	handler := &slog.HandlerOptions{Level: level, ReplaceAttr: shorten}
	if opts.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(out, handler))
	}
	return slog.New(slog.NewTextHandler(out, handler))
}

// logOutput has lines written to out without anybody's waiting for it: an actor that logs
// waits for nothing, and a stop does not either. What was left out is told in a line of the log.
func logOutput(opts *options, out io.Writer) *transport.LineWriter {
	return transport.NewLineWriter(out, func(out io.Writer, lines int) {
		newLogger(opts, out).Warn("lines of the log were left out, nobody read it", "lines", lines)
	})
}

// shorten cuts long texts; the handlers quote what is not plain.
func shorten(_ []string, attr slog.Attr) slog.Attr {
	text := attr.Value.String()
	if attr.Value.Kind() == slog.KindAny {
		if err, ok := attr.Value.Any().(error); ok {
			text = err.Error()
		}
	}
	if len(text) <= longestLogValue || attr.Value.Kind() == slog.KindGroup {
		return attr
	}
	cut := longestLogValue
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return slog.String(attr.Key, text[:cut]+"…")
}
