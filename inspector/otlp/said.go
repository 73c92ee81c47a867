package otlp

import (
	"context"
	"log/slog"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
)

// hear makes OpenTelemetry log what it has to say where everything is logged. By itself it
// writes to standard error, in a form of its own.
func hear(log *slog.Logger) {
	otel.SetLogger(logr.FromSlogHandler(said{log.Handler()}))
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces: trouble", "err", err) }))
}

// said logs what is the matter, without the values of variables that OpenTelemetry adds:
// OTEL_EXPORTER_OTLP_HEADERS may contain the collector's token.
type said struct{ slog.Handler }

// Handle logs errors as warnings, as all trouble with traces.
func (s said) Handle(ctx context.Context, all slog.Record) error {
	only := slog.NewRecord(all.Time, min(all.Level, slog.LevelWarn), "traces: "+all.Message, 0)
	all.Attrs(func(a slog.Attr) bool {
		if a.Key == "err" {
			only.AddAttrs(a)
		}
		return true
	})
	return s.Handler.Handle(ctx, only)
}

func (s said) WithAttrs([]slog.Attr) slog.Handler { return s }

func (s said) WithGroup(string) slog.Handler { return s }
