package tracing_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/tracing"
)

var errors oddities

func TestMain(m *testing.M) {
	otel.SetTextMapPropagator(w3c)
	otel.SetErrorHandler(&errors)
	goleak.VerifyTestMain(m)
}

var w3c = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})

// oddities collects the errors that OpenTelemetry reported.
type oddities struct {
	mu  sync.Mutex // guards all
	all []string
}

func (o *oddities) Handle(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, err.Error())
}

func (o *oddities) take() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	reported := strings.Join(o.all, "\n")
	o.all = nil
	return reported
}

// network is two nodes and a recorder of their spans.
type network struct {
	t        *testing.T
	ann, bob *smoke.Node
	spans    *tracetest.SpanRecorder
	tracer   trace.Tracer
}

func start(t *testing.T) *network {
	n := &network{
		t: t, ann: smoke.CreateNode(smoke.Options{Network: "tracing test"}), bob: smoke.CreateNode(smoke.Options{Network: "tracing test"}),
		spans: tracetest.NewSpanRecorder(),
	}
	n.tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(n.spans)).Tracer("test")
	for _, node := range []*smoke.Node{n.ann, n.bob} {
		if err := node.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { node.Stop() })
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := n.bob.AddPeer(ctx, n.ann.Addr()); err != nil {
		t.Fatal(err)
	}
	return n
}

// send makes ann emit an event with ctx, and returns the event that bob receives.
func (n *network) send(ctx context.Context) smoke.Event {
	n.t.Helper()
	got := make(chan smoke.Event, 1)
	off := n.bob.Broadcast().Once("order", func(e smoke.Event) { got <- e })
	defer off()
	if err := n.ann.Broadcast().EmitContext(ctx, "order", 42); err != nil {
		n.t.Fatal(err)
	}
	select {
	case e := <-got:
		return e
	case <-time.After(30 * time.Second):
		n.t.Fatal("the event does not come")
		return smoke.Event{}
	}
}

func TestASpanIsLinkedToTheSpanOfTheEmitter(t *testing.T) {
	n := start(t)
	member, err := baggage.NewMember("tenant", "blue")
	if err != nil {
		t.Fatal(err)
	}
	bag, err := baggage.New(member)
	if err != nil {
		t.Fatal(err)
	}
	ctx, emitting := n.tracer.Start(baggage.ContextWithBaggage(t.Context(), bag), "publish order", trace.WithSpanKind(trace.SpanKindProducer))
	e := n.send(tracing.Inject(ctx))
	emitting.End()
	handling, span := tracing.Start(context.Background(), n.tracer, e, trace.WithAttributes(attribute.Int("order", 42)))
	_, child := n.tracer.Start(handling, "within")
	child.End()
	span.End()

	ended := n.spans.Ended()
	if len(ended) != 3 {
		t.Fatalf("%d spans", len(ended))
	}
	publish, within, process := ended[0], ended[1], ended[2]
	if process.Name() != "process order" || process.SpanKind() != trace.SpanKindConsumer || process.Parent().IsValid() {
		t.Errorf("%q of kind %v under %v", process.Name(), process.SpanKind(), process.Parent())
	}
	if links := process.Links(); len(links) != 1 || links[0].SpanContext.SpanID() != publish.SpanContext().SpanID() ||
		links[0].SpanContext.TraceID() != publish.SpanContext().TraceID() || !links[0].SpanContext.IsRemote() {
		t.Errorf("links: %+v", links)
	}
	if within.Parent().SpanID() != process.SpanContext().SpanID() {
		t.Error("what the handler starts is not under its span")
	}
	if got := baggage.FromContext(handling).Member("tenant").Value(); got != "blue" {
		t.Errorf("baggage: %q", got)
	}
	want := map[attribute.Key]string{
		"messaging.system": "smokesignal", "messaging.destination.name": "order", "messaging.operation.name": "process",
		"messaging.operation.type": "process", "messaging.message.id": n.ann.ID().String() + "/1", "order": "42",
	}
	for _, a := range process.Attributes() {
		if want[a.Key] != a.Value.String() {
			t.Errorf("%s is %q", a.Key, a.Value.String())
		}
		delete(want, a.Key)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}

func TestAnOwnSpanCanBePartOfTheTrace(t *testing.T) {
	n := start(t)
	ctx, emitting := n.tracer.Start(t.Context(), "publish order")
	e := n.send(tracing.Inject(ctx))
	_, span := n.tracer.Start(tracing.Extract(context.Background(), e), "process order")
	if span.SpanContext().TraceID() != emitting.SpanContext().TraceID() {
		t.Error("it is in another trace")
	}
}

func TestAnEventWithoutATrace(t *testing.T) {
	n := start(t)
	e := n.send(tracing.Inject(t.Context()))
	if e.Headers() != nil {
		t.Errorf("headers: %v", e.Headers())
	}
	ambient, parent := n.tracer.Start(t.Context(), "consumer")
	_, span := tracing.Start(ambient, n.tracer, e)
	span.End()
	if got := n.spans.Ended()[0]; len(got.Links()) != 0 || got.Parent().SpanID() != parent.SpanContext().SpanID() {
		t.Errorf("links %v, under %v", got.Links(), got.Parent())
	}
}

// Any node can write headers, so a malformed trace must not become a link.
func TestAMalformedTraceIsNoLink(t *testing.T) {
	n := start(t)
	for _, bad := range []string{"x", "00-00000000000000000000000000000000-0000000000000000-01", strings.Repeat("0", 900)} {
		e := n.send(smoke.ContextWithHeader(smoke.ContextWithHeader(t.Context(), "traceparent", bad), "baggage", "=;=,;"))
		_, span := tracing.Start(t.Context(), n.tracer, e)
		span.End()
	}
	for _, got := range n.spans.Ended() {
		if len(got.Links()) != 0 || got.Parent().IsValid() {
			t.Errorf("links %v, under %v", got.Links(), got.Parent())
		}
	}
	errors.take() // about the baggage
}

func TestWhatDoesNotFitIsLeftOut(t *testing.T) {
	errors.take()
	parent := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})
	state, err := trace.ParseTraceState("vendor=" + strings.Repeat("s", 200))
	if err != nil {
		t.Fatal(err)
	}
	member, err := baggage.NewMember("b", strings.Repeat("v", 300))
	if err != nil {
		t.Fatal(err)
	}
	bag, err := baggage.New(member)
	if err != nil {
		t.Fatal(err)
	}
	full := baggage.ContextWithBaggage(trace.ContextWithSpanContext(t.Context(), parent.WithTraceState(state)), bag)
	for room, want := range map[int]string{1000: "baggage traceparent tracestate", 600: "traceparent tracestate", 200: "traceparent", 50: ""} {
		mine := smoke.ContextWithHeader(full, "mine", strings.Repeat("x", 1024-room))
		headers, err := smoke.ContextHeaders(tracing.Inject(mine))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, name := range []string{"baggage", "traceparent", "tracestate"} {
			if headers[name] != "" {
				got += " " + name
			}
		}
		if strings.TrimSpace(got) != want || len(headers["mine"]) != 1024-room {
			t.Errorf("with room for %d bytes: %s; want %s", room, got, want)
		}
		left := 3 - len(strings.Fields(want))
		if reported := errors.take(); strings.Count(reported, "leave out") != left {
			t.Errorf("with room for %d bytes, reported: %q", room, reported)
		}
	}
	bad := smoke.ContextWithHeader(full, "", "x")
	if tracing.Inject(bad) != bad || errors.take() != "" {
		t.Error("a header that can't be sent is not left to EmitContext")
	}
}

// The context of one event can be used to emit the next one.
func TestInjectTakesTheLastTraceAway(t *testing.T) {
	state, err := trace.ParseTraceState("vendor=1")
	if err != nil {
		t.Fatal(err)
	}
	one := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceState: state})
	two := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{2}, SpanID: trace.SpanID{2}})
	ctx := smoke.ContextWithHeader(tracing.Inject(trace.ContextWithSpanContext(t.Context(), one)), "mine", "x")
	headers, err := smoke.ContextHeaders(tracing.Inject(trace.ContextWithSpanContext(ctx, two)))
	if err != nil || len(headers) != 2 || headers["mine"] != "x" || !strings.HasPrefix(headers["traceparent"], "00-02") {
		t.Errorf("%v, %v", headers, err)
	}
	headers, err = smoke.ContextHeaders(tracing.Inject(trace.ContextWithSpanContext(ctx, trace.SpanContext{})))
	if err != nil || len(headers) != 1 {
		t.Errorf("%v, %v", headers, err)
	}
}

// caps writes one header in an unusual way.
type caps struct{}

func (caps) Inject(_ context.Context, c propagation.TextMapCarrier) { c.Set("X-Trace", "mine") }
func (caps) Extract(ctx context.Context, c propagation.TextMapCarrier) context.Context {
	return context.WithValue(ctx, caps{}, fmt.Sprint(c.Get("X-Trace"), c.Keys()))
}
func (caps) Fields() []string { return []string{"X-Trace"} }

func TestAnotherFormat(t *testing.T) {
	n := start(t)
	p := tracing.Propagator{Format: caps{}}
	e := n.send(p.Inject(t.Context()))
	if got := p.Extract(t.Context(), e).Value(caps{}); got != "mine[X-Trace]" {
		t.Errorf("%v", got)
	}
}

// TestThePageShowsTheExample: the code in docs/tracing.md is the code that is compiled
// here.
func TestThePageShowsTheExample(t *testing.T) {
	page, err := os.ReadFile("../docs/tracing.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	plain := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	blocks := strings.Split(string(page), "```go\n")[1:]
	for _, block := range blocks {
		code, _, _ := strings.Cut(block, "```")
		if !strings.Contains(plain(string(example)), plain(code)) {
			t.Errorf("example_test.go does not hold\n%s", code)
		}
	}
	if len(blocks) == 0 {
		t.Error("there is no example on the page")
	}
}
