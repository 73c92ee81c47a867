package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"unicode/utf8"
)

// longestLogValue limits the length of a value in a log line, for example of a name that a
// client has chosen.
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

// console is where the provider prints. Nobody waits until it is read: not an actor that logs,
// not whoever prints requests, and not a stop. Lines may be left out; a line says so later.
type console struct {
	out *lineWriter // requests and answers
	log *lineWriter
}

func newConsole(opts *options) *console {
	return &console{
		out: newLineWriter(os.Stdout, func(lines int) string {
			return fmt.Sprintf("%d lines were left out, there was no room for them\n", lines)
		}),
		log: newLineWriter(os.Stderr, func(lines int) string {
			var line strings.Builder
			newLogger(opts, &line).Warn("lines of the log were left out, there was no room for them", "lines", lines)
			return line.String()
		}),
	}
}

// close prints what is left. After a moment it gives up.
func (c *console) close() {
	c.out.close()
	c.log.close()
}

// shorten cuts long texts; the handlers quote what is not plain. A stack stays whole: it is the
// provider's own, and its beginning is the same after every crash.
func shorten(_ []string, attr slog.Attr) slog.Attr {
	text := attr.Value.String()
	if attr.Value.Kind() == slog.KindAny {
		if err, ok := attr.Value.Any().(error); ok {
			text = err.Error()
		}
	}
	if len(text) <= longestLogValue || attr.Key == "stack" || attr.Value.Kind() == slog.KindGroup {
		return attr
	}
	cut := longestLogValue
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return slog.String(attr.Key, text[:cut]+"…")
}
