// Package otlp exports some requests as OpenTelemetry traces, with OTLP over HTTP: one
// span for each hop of a request through the actors. Actors never wait for it: hops for
// which there is no room are dropped.
package otlp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"elemental/actors"
	"elemental/actors/telemetry"
)

const service = "elemental"

// mostHops is how many hops can wait to be made into spans.
const mostHops = 4096

// Start exports a share, from 0 to 1, of the provider's requests, until stop is called.
// Stop sends what is left, or gives up when its context ends. The endpoint is a URL such
// as http://localhost:4318; without a path, /v1/traces is added. If it is "", the
// environment says where to send. All other settings are OpenTelemetry's own environment
// variables: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_EXPORTER_OTLP_*,
// OTEL_BSP_* and so on.
func Start(ctx context.Context, endpoint string, share float64, p *actors.Provider, log *slog.Logger) (stop func(context.Context) error, err error) {
	options, err := where(endpoint)
	if err != nil {
		return nil, err
	}
	hear(log)
	to, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(semconv.ServiceName(service)), resource.WithFromEnv())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("traces: %w", err), to.Shutdown(ctx))
	}
	e := newExport(&careful{SpanExporter: to, log: log}, about, log)
	if share > 0 {
		e.unfollow = p.Follow(telemetry.Filter{Share: share}, e.take)
	}
	return e.stop, nil
}

// where makes the exporter's option for an endpoint; none for "".
func where(endpoint string) ([]otlptracehttp.Option, error) {
	if endpoint == "" {
		return nil, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil, errors.New("traces: the endpoint is not a URL like http://localhost:4318")
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/v1/traces"
	}
	return []otlptracehttp.Option{otlptracehttp.WithEndpointURL(u.String())}, nil
}

// export makes spans of hops, in its own goroutine.
type export struct {
	log      *slog.Logger
	to       *careful
	spans    *sdk.TracerProvider
	unfollow func()
	hops     chan telemetry.Hop
	dropped  atomic.Int64
	quit     chan struct{}
	ended    sync.WaitGroup
}

func newExport(to *careful, about *resource.Resource, log *slog.Logger) *export {
	to.ctx, to.giveUp = context.WithCancel(context.Background())
	e := &export{
		log: log, to: to, unfollow: func() {}, hops: make(chan telemetry.Hop, mostHops), quit: make(chan struct{}),
		// The goroutine waits when the exporter has no room. So hops are lost only in
		// take, where they are counted.
		spans: sdk.NewTracerProvider(sdk.WithBatcher(to, sdk.WithBlocking()), sdk.WithIDGenerator(given{}), sdk.WithResource(about)),
	}
	e.ended.Go(e.run)
	return e
}

// take is called where a hop ends, on the goroutine of an actor. It does not wait:
// without room, the hop is lost.
func (e *export) take(h telemetry.Hop) {
	select {
	case e.hops <- h:
	default:
		if e.dropped.Add(1) == 1 {
			e.log.Warn("traces are incomplete: they cannot be exported as fast as they are made")
		}
	}
}

func (e *export) run() {
	tracer := e.spans.Tracer("elemental/inspector/otlp")
	for {
		select {
		case h := <-e.hops:
			record(tracer, h)
			continue
		default:
		}
		select {
		case h := <-e.hops:
			record(tracer, h)
		case <-e.quit:
			return
		}
	}
}

// stop ends the export. It must be called once only.
func (e *export) stop(ctx context.Context) error {
	e.unfollow()
	defer context.AfterFunc(ctx, e.to.giveUp)()
	close(e.quit)
	e.ended.Wait()                                      // waits at most for exports under way, which end with ctx
	err := e.spans.Shutdown(context.WithoutCancel(ctx)) // ends with ctx too; if given a context that has ended, it would leave everything as it is
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	e.to.giveUp()
	if n := e.dropped.Load(); n > 0 {
		e.log.Info("traces were incomplete", "hops lost", n)
	}
	if err != nil {
		return fmt.Errorf("traces: %w", err)
	}
	return nil
}

// careful logs trouble with exporting once, and once more when it is over.
type careful struct {
	sdk.SpanExporter
	log    *slog.Logger
	ctx    context.Context //nolint:containedctx // of all exports
	giveUp func()
	failed atomic.Bool
}

// ExportSpans is called by one goroutine at a time.
func (c *careful) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()
	err := c.SpanExporter.ExportSpans(ctx, spans)
	switch {
	case err != nil && c.failed.CompareAndSwap(false, true):
		c.log.Warn("traces cannot be exported", "err", err)
	case err == nil && c.failed.CompareAndSwap(true, false):
		c.log.Info("traces can be exported again")
	}
	return nil // it is logged already
}

// given hands the SDK the IDs that the hop has already.
type given struct{}

type hopKey struct{}

func (given) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	h := ctx.Value(hopKey{}).(*telemetry.Hop)
	return trace.TraceID(h.Trace), trace.SpanID(h.Span)
}

func (g given) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	_, id := g.NewIDs(ctx)
	return id
}
