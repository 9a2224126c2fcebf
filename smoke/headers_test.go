package smoke

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/smokesignal-go/smokesignal/internal/args"
	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// emittedWith is an event as handlers get it that was emitted with ctx.
func emittedWith(t testing.TB, ctx context.Context, args ...any) *emitter.Event {
	t.Helper()
	body, err := CreateNode(Options{Network: "smoke test"}).encode(ctx, nil, "chat", args)
	if err != nil {
		t.Fatal(err)
	}
	name, payload, err := wire.SplitBody(body)
	if err != nil {
		t.Fatal(err)
	}
	return &emitter.Event{Name: string(name), Origin: ID{7}, Seq: 3, Payload: payload}
}

func TestHeadersTravelBesideTheArguments(t *testing.T) {
	root := ContextWithHeader(t.Context(), "lang", "de")
	ctx := ContextWithHeader(ContextWithHeader(root, "trace", "1"), "lang", "en")
	want := map[string]string{"lang": "en", "trace": "1"}
	if got, err := ContextHeaders(ctx); err != nil || !maps.Equal(got, want) {
		t.Errorf("the context has %v, %v", got, err)
	}
	if got, _ := ContextHeaders(root); len(got) != 1 || got["lang"] != "de" {
		t.Errorf("the context before has %v now", got)
	}
	if got, err := ContextHeaders(t.Context()); got != nil || err != nil {
		t.Errorf("a context without headers has %v, %v", got, err)
	}
	if got, err := ContextHeaders(ContextWithHeader(root, "lang", "")); got != nil || err != nil {
		t.Errorf("a header that was taken away leaves %v, %v", got, err)
	}

	e := newEvent(emittedWith(t, ctx, "text", 42))
	var text string
	var n int
	if err := e.Bind(&text, &n); err != nil || text != "text" || n != 42 || e.Len() != 2 {
		t.Errorf("%q, %d, %d arguments, %v", text, n, e.Len(), err)
	}
	if e.Header("lang") != "en" || e.Header("trace") != "1" || e.Header("Lang") != "" || !maps.Equal(e.Headers(), want) {
		t.Errorf("the event has %v", e.Headers())
	}
	if string(e.Raw()) != "\x92\xa4text\x2a" {
		t.Errorf("raw: %q", e.Raw())
	}
	if plain := newEvent(delivered(t, "text")); plain.Headers() != nil || plain.Header("lang") != "" {
		t.Errorf("an event without headers has %v", plain.Headers())
	}
}

func TestHandlersOfEveryShapeTakeEventsWithHeaders(t *testing.T) {
	e := emittedWith(t, ContextWithHeader(t.Context(), "lang", "de"), "text")
	got := ""
	a := new(audience)
	On(a, "chat", func(e Event, s named) { got = fmt.Sprint(e.Header("lang"), s) })
	handlers := a.handlers
	for _, fn := range []any{
		func(s string) { got = "de" + s },
		func(e Event, s string) { got = e.Header("lang") + s },
		func(e Event, b []byte) { got = e.Header("lang") + string(b) },
		func(e Event, rest ...string) { got = e.Header("lang") + strings.Join(rest, "") },
		func(e Event) error { var s string; err := e.Bind(&s); got = e.Header("lang") + s; return err },
	} {
		h, err := compileHandler(new(audience), "chat", fn)
		if err != nil {
			t.Fatal(err)
		}
		handlers = append(handlers, h)
	}
	for i, h := range handlers {
		got = ""
		if err := h(e); err != nil || got != "detext" {
			t.Errorf("handler %d: %q, %v", i, got, err)
		}
	}
}

func TestHeadersThatCanNotBeSent(t *testing.T) {
	node := CreateNode(Options{Network: "smoke test", MaxPayload: 2000})
	many := t.Context()
	for i := range 17 {
		many = ContextWithHeader(many, fmt.Sprint(i), "v")
	}
	for name, c := range map[string]struct {
		ctx    context.Context
		header string
	}{
		"without a name": {ContextWithHeader(t.Context(), "", "v"), ""},
		"a long name":    {ContextWithHeader(t.Context(), strings.Repeat("n", 256), "v"), strings.Repeat("n", 256)},
		"a long value":   {ContextWithHeader(t.Context(), "n", strings.Repeat("v", 1024)), "n"},
		"one too many":   {many, "16"},
		"another after":  {ContextWithHeader(ContextWithHeader(t.Context(), "", "v"), "good", "v"), ""},
	} {
		_, err := node.encode(c.ctx, nil, "chat", nil)
		bad, ok := errors.AsType[*HeaderError](err)
		if !ok || bad.Name != c.header || bad.Unwrap() == nil || len(bad.Error()) > 250 {
			t.Errorf("%s: %v", name, err)
		}
		if _, told := ContextHeaders(c.ctx); told != err {
			t.Errorf("%s: ContextHeaders says %v", name, told)
		}
	}
	// Headers and arguments together must fit in MaxPayload.
	ctx := ContextWithHeader(t.Context(), "n", strings.Repeat("v", 1000))
	large, ok := errors.AsType[TooLargeError](func() error {
		_, err := node.encode(ctx, nil, "chat", []any{strings.Repeat("x", 1000)})
		return err
	}())
	if !ok || large.Size != 3+4+1000+1+3+1000 || large.Limit != 2000 {
		t.Errorf("%+v", large)
	}
}

// A peer may have written any bytes.
func TestHeadersThatAreNotWellFormedSpoilTheEvent(t *testing.T) {
	for _, payload := range []string{"\xc1", "\xc1\x00\x90", "\xc1\x06\x01b\x00\x01a\x00\x90", "\xc1\xff\xff\xff\xff\xff\xff\xff\xff\x7f"} {
		e := newEvent(&emitter.Event{Name: "chat", Payload: []byte(payload)})
		if e.Headers() != nil || e.Header("a") != "" || e.Len() != 0 {
			t.Errorf("%q: %v, %d arguments", payload, e.Headers(), e.Len())
		}
		if err := e.Bind(); !errors.Is(err, ErrArguments) {
			t.Errorf("%q: %v", payload, err)
		}
		if _, _, err := args.OneString(e.payload, "string"); !errors.Is(argumentError(e.Name, e.Origin, err), ErrArguments) {
			t.Errorf("%q, as a string: %v", payload, err)
		}
		if _, err := encodeArgs(nil, e.Raw()); err == nil {
			t.Errorf("%q is emitted again", payload)
		}
	}
}

func TestEventsWithoutHeadersPayNothingForThem(t *testing.T) {
	node := CreateNode(Options{Network: "smoke test"})
	args := []any{"some text", 42}
	encode := func(ctx context.Context) float64 {
		return testing.AllocsPerRun(1000, func() {
			if _, err := node.encode(ctx, nil, "chat", args); err != nil {
				t.Fatal(err)
			}
		})
	}
	before := testing.AllocsPerRun(1000, func() { // those of an event without headers
		payload, _ := encodeArgs(nil, args...)
		sink, _ = wire.AppendBody(make([]byte, 0, 5+len(payload)), "chat", payload)
	})
	if n := encode(context.Background()); n != before {
		t.Errorf("%v allocations, not %v", n, before)
	}
	plain, err := node.encode(t.Context(), nil, "chat", args)
	if want := append([]byte("\x04chat\x92\xa9some text\x2a"), 0)[:17]; err != nil || !reflect.DeepEqual(plain, want) {
		t.Errorf("%q, %v", plain, err)
	}
	e := newEvent(delivered(t, args...))
	if n := testing.AllocsPerRun(1000, func() {
		if e.Header("lang") != "" || e.Headers() != nil || e.Len() != 2 {
			t.Fatal("headers")
		}
	}); n != 0 {
		t.Errorf("to ask for headers that are not there takes %v allocations", n)
	}
}

var sink []byte

// FuzzHeaders passes bytes from a peer to the functions that read headers.
func FuzzHeaders(f *testing.F) {
	f.Add(emittedWith(f, ContextWithHeader(context.Background(), "lang", "de"), "text").Payload, "lang")
	f.Add([]byte("\xc1\x03\x01a\x00\x90"), "a")
	f.Fuzz(func(t *testing.T, payload []byte, name string) {
		e := newEvent(&emitter.Event{Name: "chat", Payload: payload})
		all := e.Headers()
		if all[name] != e.Header(name) {
			t.Fatalf("%q is %q and %q", name, all[name], e.Header(name))
		}
		ctx := context.Background()
		for name, value := range all {
			ctx = ContextWithHeader(ctx, name, value)
		}
		again, err := ContextHeaders(ctx)
		if err != nil {
			t.Fatal(err)
		}
		maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
		if !maps.Equal(all, again) {
			t.Fatalf("%v\nbecame %v", all, again)
		}
		e.Bind(new(any))
		e.Len()
	})
}
