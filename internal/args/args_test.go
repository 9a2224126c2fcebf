package args

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// Types and values with which the msgpack library would loop, panic or write an invalid
// result, so it must never get them.
type (
	list     []list
	linked   struct{ Next *linked }
	onlyPtr  *onlyPtr
	inItself struct{ *inItself }
	withPtr  struct{ P onlyPtr }
	withChan struct{ Inner struct{ Done chan int } }
	ignored  struct {
		Done chan int `msgpack:"-"`
	}
	hidden struct {
		Name string
		done chan int
	}
	nothing   struct{ done chan int }
	panics    struct{}
	twoValues struct{}
)

func (panics) MarshalMsgpack() ([]byte, error)    { panic("no") }
func (twoValues) MarshalMsgpack() ([]byte, error) { return []byte{1, 2}, nil }

func TestWhatCannotBeEncodedIsAnError(t *testing.T) {
	cyclicList := list{nil}
	cyclicList[0] = cyclicList
	cyclicLink := &linked{}
	cyclicLink.Next = cyclicLink
	var cyclicAny any
	cyclicAny = &cyclicAny
	cyclicMap := map[string]any{}
	cyclicMap["self"] = cyclicMap
	branching := make([]any, 2)
	branching[0], branching[1] = branching, branching
	var ptr onlyPtr
	ptr = &ptr
	deep := any(1)
	for range 32 {
		deep = []any{deep}
	}
	for name, c := range map[string]struct {
		args []any
		want string
	}{
		"a chan":                          {[]any{make(chan int)}, "argument 1, a chan int: chan int is a chan"},
		"a func":                          {[]any{1, func() {}}, "argument 2, a func(): func() is a func"},
		"a complex":                       {[]any{1i}, "complex"},
		"a uintptr":                       {[]any{uintptr(1)}, "uintptr"},
		"a chan in a struct":              {[]any{&withChan{}}, "args.withChan.Inner.Done is a chan"},
		"a chan in an interface":          {[]any{map[string]any{"a": []any{make(chan int)}}}, "chan int is a chan"},
		"a list that contains itself":     {[]any{cyclicList}, "contains itself"},
		"a pointer that leads back":       {[]any{cyclicLink}, "contains itself"},
		"an interface that leads back":    {[]any{cyclicAny}, "contains itself"},
		"a map that contains itself":      {[]any{cyclicMap}, "contains itself"},
		"a tree without end":              {[]any{branching}, "contains itself"},
		"a pointer to itself":             {[]any{ptr}, "is a pointer to itself"},
		"a field that points to itself":   {[]any{withPtr{}}, "withPtr.P is a pointer to itself"},
		"a struct that embeds itself":     {[]any{inItself{}}, "inItself embeds a struct in itself"},
		"more than 32 levels":             {[]any{deep}, "nested more than 32 deep"},
		"more than 65536 values":          {[]any{make([]any, 70_000)}, "more than 65536 values"},
		"more than 65536 integers":        {[]any{make([]int, 70_000)}, "more than 65536 values"},
		"more than 65536 arguments":       {make([]any, 70_000), "70000 are more than"},
		"an encoding that panics":         {[]any{panics{}}, "panic: no"},
		"an encoding of two values":       {[]any{twoValues{}}, "bytes after the value"},
		"only unexported fields":          {[]any{nothing{make(chan int)}}, "args.nothing has no exported fields"},
		"a nil map of chans all the same": {[]any{map[string]chan int(nil)}, "is a chan"},
	} {
		got, err := Append([]byte("kept"), c.args...)
		var encode *EncodeError
		if !errors.As(err, &encode) || !strings.Contains(err.Error(), c.want) || string(got) != "kept" {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
}

func TestWhatLooksDangerousAndIsNot(t *testing.T) {
	shared := &linked{}
	deep := any(1)
	for range 31 {
		deep = []any{deep}
	}
	type tree struct {
		Kids []tree
		Any  any
		Ptr  **tree
	}
	for name, arg := range map[string]any{
		"a pointer twice":         []*linked{shared, shared},
		"a chan that is left out": ignored{},
		"an unexported chan":      hidden{"a", make(chan int)},
		"31 levels and the array": deep,
		"a tree":                  tree{Kids: []tree{{}, {Any: "x"}}},
		"a nil pointer":           (*linked)(nil),
		"a nil interface":         []any{nil},
		"an error in a struct":    struct{ Err error }{errors.New("e")},
	} {
		payload, err := Append(nil, arg)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if err := wire.CheckPayload(payload); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEncodingAStringCostsNoAllocation(t *testing.T) {
	buffer := make([]byte, 0, 1024)
	values := []any{"some text", 42}
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := Append(buffer, values...); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAReaderThatFailedIsNotUsedAgain(t *testing.T) {
	bad, _ := Append(nil, "no list")
	good, _ := Append(nil, []int{1, 2}, "x")
	for range 100 {
		var list []int
		var s string
		r, err := Open(bad)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Next(reflect.ValueOf(&list).Elem()); err == nil {
			t.Fatal("a string was decoded into a list")
		}
		r.Close()
		if r, err = Open(good); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(r.Next(reflect.ValueOf(&list).Elem()), r.Next(reflect.ValueOf(&s).Elem())); err != nil || len(list) != 2 || s != "x" {
			t.Fatal(list, s, err)
		}
		r.Close()
	}
}

// Bytes that are not an array of arguments are refused, and each error names what was wanted.
func TestWhatIsNoArrayOfArguments(t *testing.T) {
	for _, payload := range []string{"", "\xa1a", "\x91", "\xc1\xff", "\xdd\xff\xff\xff\xff"} {
		_, err := Open([]byte(payload))
		_, _, short := OneString([]byte(payload), "string")
		var failed *DecodeError
		if !errors.As(err, &failed) || failed.Want != "an array of arguments" || short == nil || short.Error() != err.Error() {
			t.Errorf("%q: %v; the short way: %v", payload, err, short)
		}
		if CheckArray([]byte(payload)) == nil {
			t.Errorf("%q may be sent", payload)
		}
	}
}
