package tracing_test

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/tracing"
)

// One node emits an event in a span. Another node handles it in a span that is linked to
// the first.
func Example() {
	// A program sets these two once; the exporter would be that of its collector.
	spans := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	defer provider.Shutdown(context.Background())
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))
	tracer := provider.Tracer("shop")

	ann, bob := smoke.CreateNode(smoke.Options{Network: "example"}), smoke.CreateNode(smoke.Options{Network: "example"})
	done := make(chan bool)
	smoke.On(bob.Broadcast(), "order", func(e smoke.Event, number int) {
		_, span := tracing.Start(context.Background(), tracer, e)
		defer span.End()
		fmt.Println("order", number)
	})
	bob.Broadcast().On("order", func() { close(done) }) // runs after the handler above

	order := func(ctx context.Context, number int) error {
		ctx, span := tracer.Start(ctx, "publish order", trace.WithSpanKind(trace.SpanKindProducer))
		defer span.End()
		return ann.Broadcast().EmitContext(tracing.Inject(ctx), "order", number)
	}

	for _, node := range []*smoke.Node{ann, bob} {
		if err := node.Start(); err != nil {
			fmt.Println(err)
		}
		defer node.Stop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println(bob.AddPeer(ctx, ann.Addr()))
	err := order(ctx, 42)
	<-done
	fmt.Println(err)

	seen := make(map[string]tracetest.SpanStub)
	for _, span := range spans.GetSpans() {
		seen[span.Name] = span
	}
	publish, process := seen["publish order"], seen["process order"]
	fmt.Println(process.Links[0].SpanContext.SpanID() == publish.SpanContext.SpanID())
	// Output:
	// <nil>
	// order 42
	// <nil>
	// true
}

// Extract continues the trace of the emitter, if one trace is wanted for everything that an
// event causes.
func ExampleExtract() {
	otel.SetTextMapPropagator(propagation.TraceContext{})
	tracer := sdktrace.NewTracerProvider().Tracer("shop")
	node := smoke.CreateNode(smoke.Options{Network: "example"})
	traces := make(chan trace.TraceID, 1)
	node.Broadcast().On("order", func(e smoke.Event) {
		ctx, span := tracer.Start(tracing.Extract(context.Background(), e), "process order")
		defer span.End()
		traces <- trace.SpanContextFromContext(ctx).TraceID()
	}, smoke.Echo())
	if err := node.Start(); err != nil {
		fmt.Println(err)
		return
	}
	defer node.Stop()

	ctx, span := tracer.Start(context.Background(), "publish order")
	defer span.End()
	fmt.Println(node.Broadcast().EmitContext(tracing.Inject(ctx), "order"))
	fmt.Println(<-traces == span.SpanContext().TraceID())
	// Output:
	// <nil>
	// true
}

// A Propagator has a format of its own, which need not be that of the program.
func ExamplePropagator() {
	p := tracing.Propagator{Format: propagation.TraceContext{}}
	tracer := sdktrace.NewTracerProvider().Tracer("shop")
	node := smoke.CreateNode(smoke.Options{Network: "example"})
	links := make(chan bool, 1)
	node.Broadcast().On("order", func(e smoke.Event) {
		emitter := trace.SpanContextFromContext(p.Extract(context.Background(), e))
		_, span := p.Start(context.Background(), tracer, e)
		defer span.End()
		links <- span.(sdktrace.ReadOnlySpan).Links()[0].SpanContext.Equal(emitter)
	}, smoke.Echo())
	if err := node.Start(); err != nil {
		fmt.Println(err)
		return
	}
	defer node.Stop()

	ctx, span := tracer.Start(context.Background(), "publish order")
	defer span.End()
	fmt.Println(node.Broadcast().EmitContext(p.Inject(ctx), "order"))
	fmt.Println(<-links)
	// Output:
	// <nil>
	// true
}

// Inject keeps the headers that a context has.
func ExampleInject_headers() {
	ctx := context.Background()
	ctx = smoke.ContextWithHeader(ctx, "lang", "de")
	fmt.Println(smoke.ContextHeaders(tracing.Inject(ctx)))
	// Output: map[lang:de] <nil>
}
