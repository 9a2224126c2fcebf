package smoke

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/smokesignal-go/smokesignal/internal/emitter"
)

// audience is an EventSource that stores the handlers that are registered on it.
type audience struct {
	handlers []emitter.Handler
	once     []bool
	refused  []error
	offs     int
	left     []string // surplus arguments
	base     context.Context
}

func (a *audience) context(e Event) context.Context { return withHeaders(a.base, e) }

func (a *audience) surplus(e Event, takes, others int) {
	a.left = append(a.left, fmt.Sprintf("%s: takes %d, %d left out", e.Name, takes, others))
}

func (a *audience) noteTags(reflect.Type) {}

func (a *audience) listen(_ string, h emitter.Handler, s settings) (off func()) {
	a.handlers = append(a.handlers, h)
	a.once = append(a.once, s.Once)
	return func() { a.offs++ }
}

func (a *audience) refuse(err error) { a.refused = append(a.refused, err) }

// delivered returns an event as the emitter passes it to a handler.
func delivered(t testing.TB, args ...any) *emitter.Event {
	t.Helper()
	payload, err := encodeArgs(nil, args...)
	if err != nil {
		t.Fatal(err)
	}
	return &emitter.Event{Name: "chat", Origin: ID{7}, Seq: 3, Payload: payload}
}

type (
	named    string
	baseKey  struct{}
	codeFail struct{ Code int }
)

func (codeFail) Error() string { return "code" }

func TestHandlersOfEveryShape(t *testing.T) {
	var got string
	note := func(args ...any) { got = fmt.Sprintf("%v", args) }
	type msg struct{ A, B int }
	for _, c := range []struct {
		fn   any
		args []any
		want string
	}{
		{func() { note() }, []any{"x"}, "[]"},
		{func(e Event) { note(e.Name, e.Seq, e.Len()) }, []any{"x"}, "[chat 3 1]"},
		{func(s string) { note(s) }, []any{"x", "extra"}, "[x]"},
		{func(s string) { note(s) }, []any{[]byte("x")}, "[x]"},
		{func(s string) { note(s) }, []any{nil}, "[]"},
		{func(e Event, s string) { note(e.Seq, s) }, []any{strings.Repeat("x", 300)}, "[3 " + strings.Repeat("x", 300) + "]"},
		{func(e Event, b []byte) { note(e.Seq, b) }, []any{[]byte{1, 2}}, "[3 [1 2]]"},
		{func(e Event, b []byte) { note(b == nil) }, []any{nil}, "[true]"},
		{func(e Event, b []byte) { note(b == nil) }, []any{[]byte{}}, "[false]"},
		{func(s named, n int) { note(s, n) }, []any{"x", 5}, "[x 5]"},
		{func(e Event, m msg, p *msg) { note(e.Seq, m, p.B) }, []any{msg{1, 2}, msg{3, 4}}, "[3 {1 2} 4]"},
		{func(e Event, all ...any) { note(all...) }, []any{"a", true}, "[a true]"},
		{func(e Event, all ...any) { note(len(all)) }, nil, "[0]"},
		{func(s string, n ...int) { note(s, n) }, []any{"a", 1, 2}, "[a [1 2]]"},
		{func(s string, n ...int) { note(s, n) }, []any{"a"}, "[a []]"},
		{func(v any) { note(v) }, []any{map[string]any{"k": "v"}}, "[map[k:v]]"},
		{func(s string) error { note(s); return nil }, []any{"x"}, "[x]"},
		{func(ctx context.Context) { note(ctx.Value(baseKey{})) }, []any{"x"}, "[base]"},
		{func(ctx context.Context, e Event) { note(ctx.Value(baseKey{}), e.Seq) }, []any{"x"}, "[base 3]"},
		{func(ctx context.Context, e Event, n int) { note(ctx.Value(baseKey{}), e.Seq, n) }, []any{7}, "[base 3 7]"},
		{func(ctx context.Context, s string, all ...int) error { note(ctx != nil, s, all); return nil }, []any{"x", 7, 8}, "[true x [7 8]]"},
		{func(ctx context.Context, all ...any) { note(ctx != nil, all) }, []any{"x", 7}, "[true [x 7]]"},
		{func(err error) { note(err) }, []any{errors.New("disk full")}, "[disk full]"},
		{func(err error) { note(err == nil) }, []any{nil}, "[true]"},
	} {
		h, err := compileHandler(&audience{base: context.WithValue(t.Context(), baseKey{}, "base")}, "chat", c.fn)
		if err != nil {
			t.Errorf("%T: %v", c.fn, err)
			continue
		}
		got = "not called"
		if err := h(delivered(t, c.args...)); err != nil || got != c.want {
			t.Errorf("%T with %v: got %s, %v; want %s", c.fn, c.args, got, err, c.want)
		}
	}
}

func TestArgumentsThatDoNotFitDoNotReachTheHandler(t *testing.T) {
	for _, c := range []struct {
		fn   any
		args []any
		want string
	}{
		{func(string) { t.Error("called") }, nil, `event "chat" from 07000000: want 1 argument, got 0 arguments`},
		{func(string) { t.Error("called") }, []any{1}, `argument 1: want string, got an integer`},
		{func(Event, string) { t.Error("called") }, []any{[]int{}}, `argument 1: want string, got an array`},
		{func(Event, []byte) { t.Error("called") }, []any{true}, `argument 1: want []uint8, got a bool`},
		{func(string, int) { t.Error("called") }, []any{"a"}, `want 2 arguments, got 1 argument`},
		{func(string, int) { t.Error("called") }, []any{"a", "b"}, `argument 2: want int, got a string`},
		{func(string, ...int) { t.Error("called") }, []any{"a", 1, nil, "b"}, `argument 4: want int, got a string`},
		{func(chatMsg) { t.Error("called") }, []any{1.5}, `argument 1: want smoke.chatMsg, got a float`},
	} {
		h, err := compileHandler(new(audience), "chat", c.fn)
		if err != nil {
			t.Errorf("%T: %v", c.fn, err)
			continue
		}
		if err := h(delivered(t, c.args...)); !errors.Is(err, ErrArguments) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T with %v: %v; want %s", c.fn, c.args, err, c.want)
		}
	}
	for _, fn := range []any{func(string) {}, func(Event, int) {}, func(...any) {}} {
		h, err := compileHandler(new(audience), "chat", fn)
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"", "\xc0", "\x91", "\x91\xa5ab", "\xdd\xff\xff\xff\xff"} {
			if err := h(&emitter.Event{Name: "chat", Payload: []byte(bad)}); !errors.Is(err, ErrArguments) {
				t.Errorf("%T with %q: %v", fn, bad, err)
			}
		}
	}
}

func TestAnErrorThatAHandlerReturnsComesOut(t *testing.T) {
	mine := errors.New("mine")
	h, err := compileHandler(new(audience), "chat", func(Event) error { return mine })
	if err != nil {
		t.Fatal(err)
	}
	e := delivered(t)
	if err, ok := h(e).(*returnedError); !ok || err.err != mine || err.origin != e.Origin {
		t.Error(err)
	}
}

func TestFunctionsThatAreNoHandlers(t *testing.T) {
	for _, c := range []struct {
		fn   any
		want string
	}{
		{nil, "it is nil"},
		{"text", "it is not a function"},
		{(func(Event))(nil), "nil function"},
		{(func(string, int))(nil), "nil function"},
		{func(string, Event) {}, "smoke.Event can only be the first"},
		{func(Event, Event) {}, "smoke.Event can only be the first"},
		{func(...Event) {}, "smoke.Event can only be the first"},
		{func(Event, context.Context) {}, "context.Context can only be the first"},
		{func(context.Context, context.Context) {}, "context.Context can only be the first"},
		{func(...context.Context) {}, "context.Context can only be the first"},
		{func(string, context.Context) {}, "context.Context can only be the first"},
		{func(context.Context, string, Event) {}, "smoke.Event can only be the first"},
		{func(context.Context, ...Event) {}, "smoke.Event can only be the first"},
		{func(*Event, string) {}, "parameter 1 is a *smoke.Event"},
		{func(codeFail) {}, "parameter 1 is smoke.codeFail, an error"},
		{func(Event, *codeFail) {}, "parameter 2 is *smoke.codeFail, an error"},
		{func(...codeFail) {}, "parameter 1 is smoke.codeFail, an error"},
		{func(nothing) {}, "has no exported fields"},
		{func(chan int) {}, "parameter 1 can't be decoded: chan int is a chan"},
		{func(Event, func()) {}, "parameter 2 can't be decoded: func() is a func"},
		{func(unsafe.Pointer) {}, "is a unsafe.Pointer"},
		{func(...complex128) {}, "is a complex128"},
		{func(withChan) {}, "smoke.withChan.Inner.Done is a chan"},
		{func([]fmt.Stringer) {}, "[]fmt.Stringer[] is an interface with methods"},
		{func(inItself) {}, "embeds a struct in itself"},
		{func(onlyPtr) {}, "is a pointer to itself"},
		{func() int { return 0 }, "returns something other"},
		{func() (int, error) { return 0, nil }, "returns something other"},
	} {
		_, err := compileHandler(new(audience), "chat", c.fn)
		var handler *HandlerError
		if !errors.As(err, &handler) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T: %v; want %q", c.fn, err, c.want)
			continue
		}
		if file, _, _ := strings.Cut(filepath.Base(handler.At), ":"); file != "handler_test.go" || handler.Fix == "" {
			t.Errorf("%T: %+v", c.fn, handler)
		}
	}
}

func TestNamesOfEvents(t *testing.T) {
	for name, want := range map[string]string{
		"":                       "it is empty",
		strings.Repeat("n", 256): "it is 256 bytes long",
		"a\xff":                  "not valid UTF-8",
		"smoke:ping":             "reserved",
	} {
		err := checkName(name)
		var nameErr *NameError
		if !errors.As(err, &nameErr) || !strings.Contains(err.Error(), want) || nameErr.Name != name ||
			!strings.Contains(nameErr.At, "handler_test.go:") {
			t.Errorf("%.20q: %v; want %q", name, err, want)
		}
		if _, compileErr := compileHandler(new(audience), name, func() {}); !errors.As(compileErr, &nameErr) {
			t.Errorf("%.20q: %v", name, compileErr)
		}
	}
	for _, name := range []string{"chat", "smoke", "chät:x", strings.Repeat("n", 255)} {
		if err := checkName(name); err != nil {
			t.Error(err)
		}
	}
}

func TestOnKnowsTheTypeOfTheArgument(t *testing.T) {
	a := new(audience)
	var got []any
	off := On(a, "chat", func(e Event, m chatMsg) { got = append(got, e.Seq, m.Text) })
	Once(a, "chat", func(e Event, s string) { got = append(got, s) })
	On(a, "chat", func(e Event, b []byte) { got = append(got, len(b)) })
	On(a, "chat", func(e Event, n map[string]int) { got = append(got, n["a"]) })
	for n, args := range [][]any{{chatMsg{Text: "hi"}, "extra"}, {"text"}, {[]byte{1, 2}}, {map[string]int{"a": 4}}} {
		if err := a.handlers[n](delivered(t, args...)); err != nil {
			t.Error(err)
		}
		for _, bad := range [][]any{{}, {1}} {
			if err := a.handlers[n](delivered(t, bad...)); !errors.Is(err, ErrArguments) {
				t.Errorf("handler %d took %v: %v", n, bad, err)
			}
		}
	}
	if want := "[3 hi text 2 4]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
	if fmt.Sprint(a.once) != "[false true false false]" || len(a.refused) != 0 {
		t.Errorf("once: %v, refused: %v", a.once, a.refused)
	}
	if off(); a.offs != 1 {
		t.Error("off does not take the handler off")
	}
}

func TestOnRefuses(t *testing.T) {
	a := new(audience)
	On(a, "chat", func(Event, chan int) {})()
	On(a, "chat", func(Event, Event) {})()
	On[string](a, "chat", nil)()
	On(a, "", func(Event, string) {})()
	register(a, "chat", 5, nil, settings{})()
	if len(a.refused) != 5 || len(a.handlers) != 0 {
		t.Fatalf("%d refused, %d registered", len(a.refused), len(a.handlers))
	}
	for _, err := range a.refused {
		if !strings.Contains(err.Error(), "handler_test.go:") {
			t.Errorf("%v does not say where", err)
		}
	}
}

func TestHandlersOfRawEventsCostNoAllocation(t *testing.T) {
	size := 0
	h, err := compileHandler(new(audience), "chat", func(e Event) { size += len(e.Raw()) })
	if err != nil {
		t.Fatal(err)
	}
	e := delivered(t, "text")
	if n := testing.AllocsPerRun(1000, func() { _ = h(e) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkHandler(b *testing.B) {
	type small struct{ From, Text string }
	e, s := delivered(b, "some text"), delivered(b, small{"ann", "some text"})
	a := new(audience)
	On(a, "chat", func(Event, small) {})
	for _, c := range []struct {
		name  string
		fn    any
		event *emitter.Event
	}{
		{"event", func(Event) {}, e}, {"string", func(Event, string) {}, e},
		{"reflected", func(Event, small) {}, s}, {"typed", nil, s},
	} {
		b.Run(c.name, func(b *testing.B) {
			h := a.handlers[0]
			if c.fn != nil {
				var err error
				if h, err = compileHandler(new(audience), "chat", c.fn); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := h(c.event); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
