package smoke

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/smokesignal-go/smokesignal/internal/args"
	"github.com/smokesignal-go/smokesignal/internal/emitter"
)

// chatMsg is what a program might send.
type chatMsg struct {
	From string
	Text string
	At   time.Time
	Tags map[string]any
	Next *chatMsg `msgpack:",omitempty"`
}

// emitted encodes arguments as Emit does, and returns the event that arrives.
func emitted(t testing.TB, args ...any) Event {
	t.Helper()
	payload, err := encodeArgs(nil, args...)
	if err != nil {
		t.Fatal(err)
	}
	return newEvent(&emitter.Event{Name: "chat", Origin: ID{7}, Seq: 3, Payload: payload})
}

func TestArgumentsArriveAsTheyWereEmitted(t *testing.T) {
	at := time.Date(2026, 2, 3, 4, 5, 6, 0xdf<<22, time.UTC) // its data begins like the head of a map
	msg := chatMsg{From: "ann", Text: "hi", At: at, Tags: map[string]any{"n": int8(1)}, Next: &chatMsg{Text: "again"}}
	e := emitted(t, "text", 42, -1, uint64(math.MaxUint64), 1.5, true, []byte{1, 2}, nil, msg, &msg, time.Minute, at)
	if e.Len() != 12 || e.Name != "chat" || e.Origin != (ID{7}) || e.Seq != 3 {
		t.Errorf("%+v with %d arguments", e, e.Len())
	}
	var (
		text     string
		n        int
		negative int8
		large    uint64
		f        float64
		yes      bool
		b        []byte
		none     *int
		m        chatMsg
		pm       *chatMsg
		d        time.Duration
		when     time.Time
	)
	if err := e.Bind(&text, &n, &negative, &large, &f, &yes, &b, &none, &m, &pm, &d, &when); err != nil {
		t.Fatal(err)
	}
	if text != "text" || n != 42 || negative != -1 || large != math.MaxUint64 || f != 1.5 || !yes ||
		!bytes.Equal(b, []byte{1, 2}) || none != nil || d != time.Minute || !when.Equal(at) {
		t.Error(text, n, negative, large, f, yes, b, none, d, when)
	}
	for _, got := range []chatMsg{m, *pm} {
		got.At = got.At.UTC()
		got.Next.At = got.Next.At.UTC()
		want := msg
		want.Tags = map[string]any{"n": int64(1)} // integers arrive in an any as int64
		want.Next = &chatMsg{Text: "again"}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestFewerPointersThanArgumentsIsFine(t *testing.T) {
	var text string
	if err := emitted(t, "a", "b").Bind(&text); err != nil || text != "a" {
		t.Error(text, err)
	}
	if err := emitted(t, "a").Bind(); err != nil {
		t.Error(err)
	}
}

func TestBindRefuses(t *testing.T) {
	var (
		s     string
		n     int
		small int8
		tiny  uint8
		u     uint
		m     map[any]int
		done  chan int
		str   fmt.Stringer
	)
	for _, c := range []struct {
		event Event
		ptrs  []any
		want  string
	}{
		{emitted(t), []any{&s}, "want 1 argument, got 0 arguments"},
		{emitted(t, "a"), []any{&s, &n}, "want 2 arguments, got 1 argument"},
		{emitted(t, "a", "b"), []any{&s, &n}, "argument 2: want int, got a string"},
		{emitted(t, 1), []any{&s}, "argument 1: want string, got an integer"},
		{emitted(t, 300), []any{&small}, "out of its range"},
		{emitted(t, uint64(math.MaxUint64)), []any{&n}, "out of its range"},
		{emitted(t, uint64(math.MaxUint64)), []any{&tiny}, "out of its range"},
		{emitted(t, 300), []any{&tiny}, "out of its range"},
		{emitted(t, -1), []any{&u}, "out of its range"},
		{emitted(t, 1.5), []any{&n}, "want int, got a float"},
		{emitted(t, Raw("\x91\x81\x90\x01")), []any{&m}, "an array can't be a key"},
		{emitted(t, 1), []any{&done}, "is a chan"},
		{emitted(t, 1), []any{&str}, "interface with methods"},
		{emitted(t, 1), []any{n}, "a int in the call of Bind"},
		{emitted(t, 1), []any{nil}, "a <nil> in the call of Bind"},
		{emitted(t, 1), []any{(*int)(nil)}, "a *int in the call of Bind"},
		{Event{Name: "chat"}, nil, "want an array of arguments"},
		{Event{Name: "chat", payload: []byte("\xa1a")}, []any{&s}, "want an array of arguments"},
		{Event{Name: "chat", payload: []byte("\xdd\xff\xff\xff\xff")}, []any{&s}, "container claims more"},
		{Event{Name: "chat", payload: bytes.Repeat([]byte{0x91}, 2<<20)}, []any{&s}, "nested too deep"},
	} {
		err := c.event.Bind(c.ptrs...)
		var argument *ArgumentError
		if !errors.Is(err, ErrArguments) || !errors.As(err, &argument) || argument.Event != "chat" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%x into %v: %v; want %q", c.event.payload[:min(10, len(c.event.payload))], c.ptrs, err, c.want)
		}
	}
}

func TestATimestampIsNoMap(t *testing.T) {
	// The msgpack library would read the data of this timestamp as a map of 4 000 million
	// entries and allocate memory for them, which would end the process.
	e := Event{payload: []byte("\x91\xd7\xff\xdf\xff\xff\xff\xff\x00\x00\x00")}
	var m map[string]any
	if err := e.Bind(&m); !errors.Is(err, ErrArguments) {
		t.Error(err)
	}
	valid := Event{payload: []byte("\x91\xd7\xff\xdf\x00\x00\x00\xff\xff\xff\xff")}
	if err := valid.Bind(&m); !errors.Is(err, ErrArguments) {
		t.Error(err)
	}
	var at time.Time
	if err := valid.Bind(&at); err != nil || at.Nanosecond() != 0xdf<<22 {
		t.Error(at, err)
	}
}

func TestADecoderThatFailedIsNotUsedAgain(t *testing.T) {
	bad := emitted(t, "no list")
	good := emitted(t, []int{1, 2}, "x")
	for range 100 {
		var list []int
		var s string
		if err := bad.Bind(&list); err == nil {
			t.Fatal("a string is no list")
		}
		if err := good.Bind(&list, &s); err != nil || len(list) != 2 || s != "x" {
			t.Fatal(list, s, err)
		}
	}
}

func TestWhatIsDecodedIsNotSharedWithTheEvent(t *testing.T) {
	e := emitted(t, []byte("abc"), "abc")
	var b []byte
	var s string
	if err := e.Bind(&b, &s); err != nil {
		t.Fatal(err)
	}
	for i := range e.payload {
		e.payload[i] = 0
	}
	if string(b) != "abc" || s != "abc" {
		t.Error(b, s)
	}
}

func TestRawPassesThrough(t *testing.T) {
	e := emitted(t, "a", 1)
	again := emitted(t, e.Raw())
	if !bytes.Equal(e.Raw(), again.Raw()) {
		t.Errorf("%x became %x", e.Raw(), again.Raw())
	}
	prefixed, err := encodeArgs([]byte("prefix"), e.Raw())
	if err != nil || string(prefixed) != "prefix"+string(e.Raw()) {
		t.Errorf("%q, %v", prefixed, err)
	}
	if empty := emitted(t); !bytes.Equal(empty.Raw(), []byte{0x90}) || empty.Len() != 0 {
		t.Errorf("no arguments are %x", empty.Raw())
	}
}

// Types that contain themselves without end, or that can't be encoded.
type (
	list     []list
	onlyPtr  *onlyPtr
	inItself struct{ *inItself }
	withChan struct{ Inner struct{ Done chan int } }
	nothing  struct{ done chan int }
)

var _ = nothing{}.done // it has a field, which is not exported

func TestWhatCannotBeEmittedIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		args []any
		want string
	}{
		"a chan":                    {[]any{make(chan int)}, "argument 1, a chan int: chan int is a chan"},
		"a func":                    {[]any{1, func() {}}, "argument 2, a func(): func() is a func"},
		"many arguments":            {make([]any, 70_000), "encode the arguments: 70000 are more than"},
		"Raw beside others":         {[]any{Raw{0x90}, 1}, "a Raw holds all"},
		"Raw behind others":         {[]any{1, Raw{0x90}}, "argument 2, a smoke.Raw: a Raw holds all"},
		"an event":                  {[]any{1, Event{Name: "x"}}, "argument 2, a smoke.Event: an event as an argument"},
		"a pointer to an event":     {[]any{&Event{}}, "an event as an argument"},
		"Raw that is no array":      {[]any{Raw{0x01}}, "msgpack array"},
		"Raw that is empty":         {[]any{Raw{}}, "msgpack array"},
		"Raw with something behind": {[]any{Raw{0x90, 0x90}}, "bytes after the value"},
		"Raw that claims too much":  {[]any{Raw{0xdd, 0xff, 0xff, 0xff, 0xff}}, "container claims"},
	} {
		got, err := encodeArgs([]byte("kept"), c.args...)
		var encode *EncodeError
		if !errors.As(err, &encode) || !strings.Contains(err.Error(), c.want) || string(got) != "kept" {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
}

// FuzzBind passes bytes from a peer to each function that decodes them.
func FuzzBind(f *testing.F) {
	for _, args := range [][]any{
		{}, {"text"}, {1, -1, 1.5, true, nil}, {[]byte{1}, map[string]any{"a": []any{1, "b"}}},
		{chatMsg{From: "ann", At: time.Unix(1<<31, 0xdf<<22), Next: &chatMsg{}}}, {time.Unix(0, 0)},
	} {
		payload, err := encodeArgs(nil, args...)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(payload)
	}
	for _, bomb := range []string{"\xdd\xff\xff\xff\xff", "\x91\xdf\x04\x00\x00\x00", "\x91\xd7\xff\xdf\xff\xff\xff\xff\x00\x00\x00", "\x91\x81\x90\x01", "\x91\xc6\x40\x00\x00\x00"} {
		f.Add([]byte(bomb))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		e := newEvent(&emitter.Event{Name: "chat", Payload: payload})
		if e.Len() < 0 {
			t.Error("a negative number of arguments")
		}
		for _, ptr := range []any{
			new(any), new(string), new([]byte), new(int8), new(uint8), new(float64), new(time.Time), new(chatMsg),
			new(map[string]any), new(map[any]any), new(map[string]string), new([]chatMsg), new([2]string), new(**int),
			new(msgpack.RawMessage), new(error), new(list),
		} {
			if err := e.Bind(ptr); err != nil && !errors.Is(err, ErrArguments) {
				t.Errorf("%T: %v", ptr, err)
			}
		}
		// The short way for strings agrees with the long one.
		var long string
		longErr := e.Bind(&long)
		short, _, shortErr := args.OneString(e.payload, "string")
		if (longErr == nil) != (shortErr == nil) || longErr == nil && long != string(short) {
			t.Errorf("%q, %v; the short way %q, %v", long, longErr, short, shortErr)
		}
		// Arguments from a peer that were accepted can be emitted again.
		var v any
		if e.Len() == 1 && e.Bind(&v) == nil {
			if _, err := encodeArgs(nil, e.Raw()); err != nil {
				t.Errorf("passed on: %v", err)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	e := emitted(b, "a text of some length, as people write it in a chat, say 100 bytes or a little more, or a little less")
	m := emitted(b, struct{ From, Text string }{"ann", "hello"})
	b.Run("string", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := args.OneString(e.payload, "string"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("struct", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var v struct{ From, Text string }
			if err := m.Bind(&v); err != nil {
				b.Fatal(err)
			}
		}
	})
}
