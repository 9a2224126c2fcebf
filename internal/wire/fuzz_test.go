package wire

import (
	"bytes"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/batch"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/vmihailenco/msgpack/v5"
)

// allocated returns how many bytes the heap grew while f ran. Other goroutines that ran
// at the same time are counted too.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// FuzzDecode reads random bytes as a link. The Decoder must not panic and must keep its
// bound on memory. A relay must be able to encode each message that it decoded, and the
// next node must decode the same message.
func FuzzDecode(f *testing.F) {
	frames := encodeVectors(f)
	f.Add(bytes.Join(frames, nil))
	for _, frame := range frames[1:] {
		f.Add(bytes.Join([][]byte{frames[0], frame}, nil))
	}
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add(frameOf(KindHello, append([]byte(magic), 2, 0)...))
	f.Fuzz(func(t *testing.T, stream []byte) {
		// First only decode the stream, to measure the memory.
		if took, limit := allocated(func() { readAll(t, stream, nil) }), 16*uint64(len(stream))+64<<10; took > limit {
			t.Fatalf("%d bytes took %d bytes of memory, more than %d", len(stream), took, limit)
		}
		// Then decode and encode as a relay that forwards every message.
		var out Encoder
		var next Decoder
		readAll(t, stream, func(m any) {
			if hello, ok := m.(*Hello); ok && hello.Major != Major {
				return // a relay has nothing to forward
			}
			buf, err := out.Append(nil, m)
			if err != nil {
				t.Fatalf("what was received can't be sent: %+v: %v", m, err)
			}
			if next.state == opening {
				if _, ok := m.(*Hello); !ok {
					next.state = open
				}
			}
			got, n, err := next.Next(buf)
			if err != nil || n != len(buf) || !reflect.DeepEqual(got, m) {
				t.Fatalf("%+v\nbecame %+v, %v", m, got, err)
			}
		})
	})
}

// readAll decodes a stream to its end or its first error.
func readAll(t *testing.T, stream []byte, each func(m any)) {
	var d Decoder
	for len(stream) > 0 {
		want := d.Want(stream)
		m, n, err := d.Next(stream)
		if n > len(stream) || (err != nil && n != 0) || (m != nil && n == 0) || (n != 0 && want != n) {
			t.Fatalf("Next = %v, %d, %v; Want = %d", m, n, err, want)
		}
		if g, ok := m.(*plumtree.Gossip); ok {
			count := uint32(0)
			for rest := g.Body; len(rest) > 0; count++ {
				body, next, ok := batch.Next(rest)
				if !ok {
					t.Fatalf("a run of %d bytes breaks off", len(rest))
				}
				if _, _, err := SplitBody(body); err != nil {
					t.Fatal(err)
				}
				rest = next
			}
			if count != g.Count || count == 0 {
				t.Fatalf("%d events, counted %d", count, g.Count)
			}
		}
		if n == 0 {
			return
		}
		if m != nil && each != nil {
			each(m)
		}
		stream = stream[n:]
	}
}

// FuzzCheckPayload decodes each payload that the check accepts, into several types. None
// may kill the process or take much more memory than the payload has bytes.
func FuzzCheckPayload(f *testing.F) {
	f.Add(chatEvent(f))
	for _, seed := range []string{
		"dd ffffffff", "df 04000000", "c6 40000000", "91 91 91 91 c0", "81 a1 61 93 01 02 03",
		"d6 ff df00ffff", "d7 ff df00ffffff000000", "92 d7 ff 8f00000000000000 80", "c7 0c ff 3b9ac9ff 7fffffffffffffff",
		"81 90 01", "c1", "93 c0 c2 c3", "82 a2 4174 d6ff00000001 a5 4c696b6573 05",
	} {
		f.Add(unhex(seed))
	}
	type note struct {
		At    time.Time
		Likes int
		Tags  []string
		Meta  map[string]any
		Next  *note
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var safe []byte
		var err error
		if took, limit := allocated(func() { safe, err = SafePayload(payload) }), 3*uint64(len(payload))+64<<10; took > limit {
			t.Fatalf("%d bytes took %d bytes of memory in the check", len(payload), took)
		}
		if check := CheckPayload(payload); (check == nil) != (err == nil) {
			t.Fatalf("CheckPayload says %v, SafePayload %v", check, err)
		}
		if err != nil {
			return
		}
		if again, err := SafePayload(safe); err != nil || !bytes.Equal(again, safe) {
			t.Fatalf("% x is not its own safe form: % x, %v", safe, again, err)
		}
		for _, target := range []any{
			new(any), new(map[string]any), new([]map[string]any), new(map[string]string), new(map[int]time.Time),
			new([]any), new([]string), new([]byte), new(string), new(time.Time), new(note), new([]note), new(map[any]any),
		} {
			took := allocated(func() {
				// The payload may be of another type than the target, and msgpack panics
				// on a few such mismatches, which SafePayload names. A failure that
				// recover can't catch ends this test.
				defer func() { _ = recover() }()
				_ = msgpack.Unmarshal(safe, target)
			})
			if limit := 160*uint64(len(safe)) + 1<<20; took > limit {
				t.Fatalf("% x into %T took %d bytes of memory", safe, target, took)
			}
		}
		// A value that was decoded and encoded again must be a valid payload too.
		var v any
		if msgpack.Unmarshal(safe, &v) == nil {
			again, err := msgpack.Marshal(v)
			if err != nil {
				t.Fatalf("%#v: %v", v, err)
			}
			if err := CheckPayload(again); err != nil {
				t.Fatalf("%#v: % x: %v", v, again, err)
			}
		}
	})
}

// FuzzMarshalIsAccepted makes Go values from the fuzzer's bytes. The check must accept
// what msgpack encodes, and decoding must return the same values.
func FuzzMarshalIsAccepted(f *testing.F) {
	f.Add([]byte("a few bytes to begin with"))
	f.Add([]byte{10, 3, 9, 9, 8, 2, 1, 7, 7, 11, 4, 200, 5, 6, 0})
	f.Fuzz(func(t *testing.T, recipe []byte) {
		v := cook(&recipe, 0)
		payload, err := msgpack.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		safe, err := SafePayload(payload)
		if err != nil {
			t.Fatalf("%#v is refused as % x: %v", v, payload, err)
		}
		var plain, got any
		if err := msgpack.Unmarshal(payload, &plain); err != nil {
			t.Fatal(err)
		}
		if err := msgpack.Unmarshal(safe, &got); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprintf("%#v", plain) != fmt.Sprintf("%#v", got) { // compare as text, because NaN is not equal to itself
			t.Fatalf("% x is %#v, and made safe %#v", payload, plain, got)
		}
	})
}

// cook makes a value from the next bytes of the recipe.
func cook(recipe *[]byte, depth int) any {
	next := func() byte {
		if len(*recipe) == 0 {
			return 0
		}
		b := (*recipe)[0]
		*recipe = (*recipe)[1:]
		return b
	}
	number := func() (n uint64) {
		for range 1 + next()%8 {
			n = n<<8 | uint64(next())
		}
		return n
	}
	kind := next() % 12
	if depth >= MaxDepth-1 {
		kind %= 9
	}
	switch kind {
	case 0:
		return nil
	case 1:
		return next()%2 == 0
	case 2:
		return int64(number())
	case 3:
		return number()
	case 4:
		return float64(number()) / 3
	case 5:
		return float32(number())
	case 6:
		return strings.Repeat("s", int(next())*int(next()))
	case 7:
		return bytes.Repeat([]byte{next()}, int(next())*int(next()))
	case 8:
		return time.Unix(int64(number()), int64(number()%1e9))
	case 9:
		list := make([]any, next()%40)
		for i := range list {
			list[i] = cook(recipe, depth+1)
		}
		return list
	case 10:
		m := make(map[string]any)
		for range next() % 40 {
			m[fmt.Sprint(next())] = cook(recipe, depth+1)
		}
		return m
	}
	return struct {
		Name string
		At   *time.Time
		More any
	}{fmt.Sprint(next()), nil, cook(recipe, depth+1)}
}
