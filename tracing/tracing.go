// Package tracing carries OpenTelemetry traces with events. It writes the trace context and
// the baggage of a context into headers, and reads them where the event arrives.
//
//	node.Broadcast().EmitContext(tracing.Inject(ctx), "order", o) // here
//
//	func(e smoke.Event, o Order) {                                // and there
//		ctx, span := tracing.Start(context.Background(), tracer, e)
//		defer span.End()
//
// The span of a handler is linked to the span of the emitter and is not its child, as
// OpenTelemetry's conventions for messaging recommend. Every node handles a broadcast, some
// of them much later, and a trace with a thousand branches is not useful. If you want one
// trace, start your own span with the context that [Extract] returns.
//
// Headers of a broadcast reach every node of the network, and so does baggage: never put
// secrets there. Every node that can emit can write headers, so a trace in them is only a
// claim.
//
// The package uses the API of OpenTelemetry, not an SDK. Without an SDK in the program it
// does nothing and costs little. All functions may be called from any goroutine.
package tracing

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// Propagator writes to headers and reads from them. The zero value uses the format of the
// program, like the functions of this package. The program sets it with
// otel.SetTextMapPropagator; until then nothing is written.
type Propagator struct {
	Format propagation.TextMapPropagator // nil: the format of the program
}

// Inject returns a context with which EmitContext sends the trace context of ctx, and other
// values that the program's format carries. See [Propagator.Inject].
func Inject(ctx context.Context) context.Context { return Propagator{}.Inject(ctx) }

// Extract returns ctx with the values that [Inject] wrote at the event's origin. A span
// that is started with it is part of the emitter's trace.
func Extract(ctx context.Context, e smoke.Event) context.Context { return Propagator{}.Extract(ctx, e) }

// Start starts the span of a handler of an event. See [Propagator.Start].
func Start(ctx context.Context, tracer trace.Tracer, e smoke.Event, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	return Propagator{}.Start(ctx, tracer, e, opts...)
}

// Inject returns a context with headers for the trace context of ctx. They replace those of
// an earlier Inject; other headers stay.
//
// An event must not fail because its trace does not fit. Values that do not fit next to the
// other headers are left out, the longest first (baggage, then tracestate), and reported to
// otel's error handler.
func (p Propagator) Inject(ctx context.Context) context.Context {
	if _, err := smoke.ContextHeaders(ctx); err != nil {
		return ctx // EmitContext will return the error
	}
	carrier := make(propagation.MapCarrier)
	format := p.format()
	format.Inject(ctx, carrier)
	for _, name := range format.Fields() {
		ctx = smoke.ContextWithHeader(ctx, name, "")
	}
	shortestFirst := func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a)+len(carrier[a]), len(b)+len(carrier[b])), cmp.Compare(a, b))
	}
	for _, name := range slices.SortedFunc(maps.Keys(carrier), shortestFirst) {
		with := smoke.ContextWithHeader(ctx, name, carrier[name])
		if _, err := smoke.ContextHeaders(with); err != nil {
			otel.Handle(fmt.Errorf("leave out a part of the trace context of an event: %w", err))
			continue
		}
		ctx = with
	}
	return ctx
}

// Extract returns ctx with the values that [Propagator.Inject] wrote at the event's origin.
func (p Propagator) Extract(ctx context.Context, e smoke.Event) context.Context {
	return p.format().Extract(ctx, propagation.MapCarrier(e.Headers()))
}

// Start starts the span of a handler of an event. The span has the kind consumer and the
// name "process" followed by the event's name. It is linked to the span in which the event
// was emitted. It is a child of the span in ctx. Without one, as with context.Background,
// it is the root of a new trace. The returned context also has the baggage of the event.
// opts come last and take precedence.
//
// The attributes are those of OpenTelemetry's conventions for messaging:
// messaging.system is "smokesignal", messaging.destination.name the name of the event,
// messaging.operation.name and messaging.operation.type are "process", and
// messaging.message.id is the origin's id, a slash, and the number of the event.
func (p Propagator) Start(ctx context.Context, tracer trace.Tracer, e smoke.Event, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	ctx = p.Extract(ctx, e)
	emitted := trace.SpanContextFromContext(ctx)
	own := []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(
			attribute.String("messaging.system", "smokesignal"),
			attribute.String("messaging.destination.name", e.Name),
			attribute.String("messaging.operation.name", "process"),
			attribute.String("messaging.operation.type", "process"),
			attribute.String("messaging.message.id", fmt.Sprintf("%s/%d", e.Origin, e.Seq)),
		),
	}
	if emitted.IsValid() && !emitted.Equal(parent.SpanContext()) {
		own = append(own, trace.WithLinks(trace.Link{SpanContext: emitted}))
	}
	return tracer.Start(trace.ContextWithSpan(ctx, parent), "process "+e.Name, append(own, opts...)...)
}

func (p Propagator) format() propagation.TextMapPropagator {
	if p.Format != nil {
		return p.Format
	}
	return otel.GetTextMapPropagator()
}
