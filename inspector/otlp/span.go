package otlp

import (
	"context"
	"path"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"elemental/actors"
	"elemental/actors/telemetry"
)

// This file maps hops to OpenTelemetry: by its conventions if there are any, otherwise
// with our own names, which begin with "elemental.". Of a message's contents no attribute
// contains anything but the names of actors.

// record makes a span of a hop, which has ended.
func record(tracer trace.Tracer, h telemetry.Hop) {
	ctx := context.WithValue(context.Background(), hopKey{}, &h)
	if h.Parent != (telemetry.SpanID{}) {
		ctx = trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: trace.TraceID(h.Trace), SpanID: trace.SpanID(h.Parent), TraceFlags: trace.FlagsSampled,
		}))
	}
	_, span := tracer.Start(ctx, nameOf(&h), trace.WithTimestamp(h.Begun), trace.WithSpanKind(kindOf(&h)), trace.WithAttributes(attributesOf(&h)...))
	if b := h.Batch; b != nil {
		span.AddEvent("batch begun", trace.WithTimestamp(b.Begun))
		span.AddEvent("batch written", trace.WithTimestamp(b.Written))
		span.AddEvent("batch synced", trace.WithTimestamp(b.Synced))
	}
	if ours(h.Code) {
		span.SetStatus(codes.Error, h.Code)
	}
	span.End(trace.WithTimestamp(h.Ended))
}

// nameOf is the span's name: the call for the first hop of a request, otherwise where it
// was and the message's type.
func nameOf(h *telemetry.Hop) string {
	if h.Where == "reader" {
		return h.Call
	}
	return h.Where + " " + h.Message
}

func kindOf(h *telemetry.Hop) trace.SpanKind {
	switch {
	case h.Where == "reader":
		return trace.SpanKindServer
	case h.Actor != "":
		return trace.SpanKindConsumer
	}
	return trace.SpanKindInternal
}

// ours tells whether a request failed for a reason that lies with the provider.
func ours(code string) bool {
	switch actors.Code(code) {
	case actors.Busy, actors.StorageDown, actors.OutcomeUnknown:
		return true
	}
	return false
}

func attributesOf(h *telemetry.Hop) []attribute.KeyValue {
	all := []attribute.KeyValue{
		semconv.CodeFilePath(h.Place.File), semconv.CodeLineNumber(h.Place.Line), semconv.CodeFunctionName(service + "/" + path.Dir(h.Place.File) + "." + h.Place.Function),
		attribute.String("elemental.where", h.Where),
		attribute.String("elemental.message.type", h.Message),
		attribute.Float64("elemental.waited", h.Begun.Sub(h.Sent).Seconds()),
	}
	if h.Actor != "" {
		all = append(all, semconv.MessagingSystemKey.String(service), semconv.MessagingOperationTypeProcess,
			semconv.MessagingOperationName("process"), semconv.MessagingDestinationName(h.Actor))
	}
	switch h.Where {
	case "reader", "writer":
		all = append(all, semconv.RPCSystemNameKey.String(service), semconv.RPCMethod(h.Call), attribute.Int64("elemental.connection", int64(h.Conn))) //nolint:gosec // counted from 1
	case "router":
		all = append(all, attribute.Int("elemental.pushes", h.Pushes))
	}
	if h.Lost > 0 {
		all = append(all, attribute.Int("elemental.lost", h.Lost))
	}
	if h.Code != "" {
		all = append(all, semconv.ErrorTypeKey.String(h.Code), semconv.RPCResponseStatusCode(h.Code))
	}
	if b := h.Batch; b != nil {
		all = append(all, attribute.Int("elemental.batch.records", b.Records), attribute.Int("elemental.batch.bytes", b.Bytes))
	}
	return all
}
