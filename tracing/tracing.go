// Package tracing lets OpenTelemetry traces go with events: it writes the trace context
// and the baggage of a context into headers, and reads them back where the event
// arrives.
//
//	node.Broadcast().EmitContext(tracing.Inject(ctx), "order", o) // here
//
//	func(e smoke.Event, o Order) {                                // and there
//		ctx, span := tracing.Start(context.Background(), tracer, e)
//		defer span.End()
//
// A span for an event is linked to the one in which the event was emitted, and is not
// its child, as OpenTelemetry's conventions for messaging have it: one broadcast is
// handled by every node, at whatever time, and a trace with a thousand branches is of
// use to nobody. Where that is wanted all the same, start a span of one's own with what
// [Extract] returns.
//
// Headers of a broadcast go to every node of the network, and so does baggage: it is no
// place for secrets. And headers may have been written by anybody who can emit, so a
// trace that they name is a claim.
//
// The package needs the API of OpenTelemetry, and no SDK: without one in the program
// it does nothing, and costs little. All functions may be called from any goroutine.
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

// Propagator writes into headers, and reads from them. The zero value does so in the
// format of the program, as the functions of this package do: that which was given to
// otel.SetTextMapPropagator, and before that none, so that nothing is written.
type Propagator struct {
	Format propagation.TextMapPropagator // nil: that of the program
}

// Inject returns a context with which EmitContext sends the trace context of ctx, and
// whatever else the format of the program carries. See [Propagator.Inject].
func Inject(ctx context.Context) context.Context { return Propagator{}.Inject(ctx) }

// Extract returns ctx with what [Inject] wrote at the event's origin: a span that is
// started with it is a part of the trace in which the event was emitted.
func Extract(ctx context.Context, e smoke.Event) context.Context { return Propagator{}.Extract(ctx, e) }

// Start starts the span of a handler of an event. See [Propagator.Start].
func Start(ctx context.Context, tracer trace.Tracer, e smoke.Event, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	return Propagator{}.Start(ctx, tracer, e, opts...)
}

// Inject returns a context with headers for the trace context of ctx, in place of
// those of an earlier Inject; other headers stay.
//
// An event must not fail for want of room for its trace: what does not fit beside the
// other headers is left out, the longest first (baggage, then tracestate), and otel's
// error handler is told.
func (p Propagator) Inject(ctx context.Context) context.Context {
	if _, err := smoke.ContextHeaders(ctx); err != nil {
		return ctx // EmitContext will say so
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

// Extract returns ctx with what [Propagator.Inject] wrote at the event's origin.
func (p Propagator) Extract(ctx context.Context, e smoke.Event) context.Context {
	return p.format().Extract(ctx, propagation.MapCarrier(e.Headers()))
}

// Start starts the span of a handler of an event: of kind consumer, with the name
// "process" and that of the event, linked to the span in which the event was emitted.
// It is a child of the span in ctx, and where there is none, as with
// context.Background, the root of a trace of its own. The context that is returned has
// the baggage of the event, besides. Options of one's own come last, and so prevail.
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
