package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// unhex decodes hexadecimal text with blanks.
func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// chatEvent is a payload of the usual size, with values of several types.
func chatEvent(t testing.TB) []byte {
	t.Helper()
	type message struct {
		User, Room, Text string
		Sent             time.Time
		Likes            int
		Tags             []string
		Meta             map[string]any
	}
	b, err := msgpack.Marshal(message{
		User: "ann", Room: "general", Text: strings.Repeat("what a lovely day ", 4), Sent: time.Unix(1_700_000_000, 5e8),
		Likes: 300, Tags: []string{"weather", "small talk"}, Meta: map[string]any{"client": "terminal", "edited": false, "score": 1.5},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBombsAreRefused(t *testing.T) {
	million := bytes.Repeat([]byte{0x91}, 2<<20)
	wide := append(unhex("dc ff ff"), bytes.Repeat([]byte{0x91}, 0xffff)...)
	for name, c := range map[string]struct {
		payload []byte
		offset  int
		want    error
	}{
		"nothing":                    {nil, 0, ErrMalformed},
		"array of 4 G":               {unhex("dd ffffffff"), 0, ErrMalformed},
		"map of 4 G":                 {unhex("df ffffffff"), 0, ErrMalformed},
		"map of 64 M":                {unhex("df 04000000"), 0, ErrMalformed},
		"map of 2 G pairs":           {unhex("df 80000000"), 0, ErrMalformed},
		"array of 64 K":              {unhex("dc ffff"), 0, ErrMalformed},
		"binary of 1 G":              {unhex("c6 40000000"), 0, ErrMalformed},
		"string of 1 G":              {unhex("db 40000000"), 0, ErrMalformed},
		"string of 4 G":              {unhex("db ffffffff"), 0, ErrMalformed},
		"a bomb inside":              {unhex("93 01 02 dd ffffffff"), 3, ErrMalformed},
		"two megabytes of depth":     {million, MaxDepth, ErrTooLarge},
		"a level too deep":           {append(million[:MaxDepth:MaxDepth], unhex("91 c0")...), MaxDepth, ErrTooLarge},
		"an element too many":        {append(unhex("dd 00010001"), make([]byte, MaxElements+1)...), 0, ErrTooLarge},
		"elements over all":          {append(wide, 0xc0), 4, ErrTooLarge}, // 65535, then 1, then 1
		"claims that overlap":        {unhex("92 92 01"), 1, ErrMalformed},
		"map without its last value": {unhex("81 a1 61"), 3, ErrMalformed},
		"fixstr cut":                 {unhex("a5 68 69"), 0, ErrMalformed},
		"int cut":                    {unhex("91 cf 00"), 1, ErrMalformed},
		"length cut":                 {unhex("91 dd 00"), 1, ErrMalformed},
		"string length cut":          {unhex("91 da 00"), 1, ErrMalformed},
		"array without its element":  {unhex("91"), 0, ErrMalformed},
		"bytes behind":               {unhex("c0 c0"), 1, ErrMalformed},
		"bytes behind an array":      {unhex("91 c0 c0"), 2, ErrMalformed},
		"the byte that is no value":  {unhex("91 c1"), 1, ErrMalformed},
		"fixext 1":                   {unhex("d4 80 00"), 0, ErrMalformed},
		"fixext 2":                   {unhex("d5 80 0000"), 0, ErrMalformed},
		"fixext 4":                   {unhex("d6 80 00000000"), 0, ErrMalformed},
		"fixext 8":                   {unhex("d7 80 0000000000000000"), 0, ErrMalformed},
		"fixext 16":                  {unhex("d8 80 00000000000000000000000000000000"), 0, ErrMalformed},
		"ext 8":                      {unhex("c7 01 80 00"), 0, ErrMalformed},
		"ext 16":                     {unhex("c8 0001 80 00"), 0, ErrMalformed},
		"ext 32":                     {unhex("c9 00000001 80 00"), 0, ErrMalformed},
		"ext 32 of 1 G":              {unhex("c9 40000000 80"), 0, ErrMalformed},
		"timestamp of type 13":       {unhex("d6 0d 00000000"), 0, ErrMalformed},
		"timestamp of 4 in ext 8":    {unhex("c7 04 ff 00000000"), 0, ErrMalformed},
		"timestamp of 12 in ext 16":  {unhex("c8 000c ff 000000000000000000000000"), 0, ErrMalformed},
		"timestamp cut, 32 bit":      {unhex("d6 ff 000000"), 0, ErrMalformed},
		"timestamp cut, 64 bit":      {unhex("d7 ff 00000000000000"), 0, ErrMalformed},
		"timestamp cut, 96 bit":      {unhex("c7 0c ff 0000000000000000000000"), 0, ErrMalformed},
		"timestamp without a type":   {unhex("d6"), 0, ErrMalformed},
		"a second of ns, 64 bit":     {unhex("d7 ff ee6b280000000000"), 0, ErrMalformed},
		"a second of ns, 96 bit":     {unhex("c7 0c ff 3b9aca00 0000000000000000"), 0, ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			err := CheckPayload(c.payload)
			var payloadError *PayloadError
			if !errors.As(err, &payloadError) || !errors.Is(err, c.want) || payloadError.Offset != c.offset {
				t.Fatalf("error %v; want a PayloadError at byte %d that is %q", err, c.offset, c.want)
			}
			if _, again := SafePayload(c.payload); again == nil || again.Error() != err.Error() {
				t.Errorf("SafePayload says %v, CheckPayload %v", again, err)
			}
		})
	}
}

func TestPayloadsAreAcceptedUpToTheLimits(t *testing.T) {
	for name, payload := range map[string][]byte{
		"event":           chatEvent(t),
		"deepest":         append(bytes.Repeat([]byte{0x91}, MaxDepth), 0xc0),
		"deepest, empty":  append(bytes.Repeat([]byte{0x91}, MaxDepth), 0x90),
		"most elements":   append(unhex("dd 00010000"), make([]byte, MaxElements)...),
		"most map":        append(unhex("de 8000"), make([]byte, MaxElements)...),
		"longest binary":  append(unhex("c6 000ffffb"), make([]byte, MaxPayload-5)...),
		"empty all":       unhex("9a 80 90 a0 c400 c50000 c600000000 d900 da0000 dc0000 df00000000"),
		"every number":    unhex("9c 00 e0 ccff cdffff ceffffffff cfffffffffffffffff d0ff d1ffff d2ffffffff d3ffffffffffffffff ca7fc00000 cb7ff8000000000000"),
		"nil, bools":      unhex("93 c0 c2 c3"),
		"array as key":    unhex("81 92 01 02 c0"),
		"latest time, 32": unhex("d6 ff ffffffff"),
		"latest time, 64": unhex("d7 ff ee6b27ff ffffffff"),
		"latest time, 96": unhex("c7 0c ff 3b9ac9ff 7fffffffffffffff"),
		"oldest time, 96": unhex("c7 0c ff 00000000 8000000000000000"),
	} {
		if err := CheckPayload(payload); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := SafePayload(payload); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTruncatedPayloadIsRefused(t *testing.T) {
	payload := chatEvent(t)
	for n := range payload {
		if err := CheckPayload(payload[:n]); !errors.Is(err, ErrMalformed) {
			t.Fatalf("%d of %d bytes: %v", n, len(payload), err)
		}
	}
}

func TestTimesSurviveSafePayload(t *testing.T) {
	for _, want := range []time.Time{
		{}, time.Unix(0, 0), time.Unix(-1, 1), time.Unix(5, 0), time.Unix(5, 536_870_999), time.Unix(1<<32, 0),
		time.Unix(1<<31, 0), time.Unix(1<<34-1, 999_999_999), time.Unix(1<<34, 0), time.Unix(1<<40, 7),
	} {
		type note struct {
			Before string
			At     time.Time
			After  []int
		}
		sent := note{"x", want, []int{1, 2}}
		payload, err := msgpack.Marshal(sent)
		if err != nil {
			t.Fatal(err)
		}
		safe, err := SafePayload(payload)
		if err != nil {
			t.Fatalf("%v: %v", want, err)
		}
		var got note
		if err := msgpack.Unmarshal(safe, &got); err != nil {
			t.Fatalf("%v: %v", want, err)
		}
		if !got.At.Equal(want) || got.Before != sent.Before || !reflect.DeepEqual(got.After, sent.After) {
			t.Errorf("sent %+v, got %+v", sent, got)
		}
		if again, err := SafePayload(safe); err != nil || &again[0] != &safe[0] {
			t.Errorf("%v: a safe payload is not its own safe form (%v)", want, err)
		}
	}
}

// The data of these timestamps reads as a map of millions of entries. msgpack v5.4.1
// decodes it as a map if the target is a map[string]any.
func TestTimestampNeverPassesForAMap(t *testing.T) {
	for _, payload := range [][]byte{
		unhex("d6 ff df00ffff"),
		unhex("d7 ff df00ffffff000000")[:10],
		unhex("d7 ff de ffff 0000000000"),
		unhex("d7 ff 8f a0 c0 a0 c0 a0 c0 a0"),
		unhex("d7 ff c0 dd ffffffff 0000"),
		unhex("92 d7 ff df00ffffff000000 c0"),
	} {
		if err := CheckPayload(payload); err != nil {
			t.Fatalf("% x is a valid timestamp, but: %v", payload, err)
		}
		safe, err := SafePayload(payload)
		if err != nil {
			t.Fatal(err)
		}
		for _, target := range []any{new(map[string]any), new([]map[string]any), new(map[string]string), new(map[any]any)} {
			err := msgpack.Unmarshal(safe, target)
			if err == nil || !strings.Contains(err.Error(), "code") {
				t.Errorf("% x into %T: %v, want an unexpected code", payload, target, err)
			}
		}
	}
}

func TestCheckPayloadTakesNoMemory(t *testing.T) {
	payload := chatEvent(t)
	plain := unhex("82 a1 61 01 a1 62 93 01 02 03")
	if n := testing.AllocsPerRun(100, func() {
		if err := CheckPayload(payload); err != nil {
			t.Fatal(err)
		}
		if _, err := SafePayload(plain); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("a check takes memory %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() {
		if _, err := SafePayload(payload); err != nil {
			t.Fatal(err)
		}
	}); n != 1 {
		t.Errorf("a payload with a time takes memory %v times, want once", n)
	}
}

func TestPayloadNumbersOfALargeMachine(t *testing.T) {
	// Counts have 32 bits on the wire. Twice the largest count must not overflow.
	for _, head := range []byte{0xdd, 0xdf, 0xc6, 0xdb} {
		for _, n := range []uint32{math.MaxUint32, math.MaxInt32, math.MaxInt32 + 1} {
			b := append([]byte{head}, byte(n>>24), byte(n>>16), byte(n>>8), byte(n), 0xc0)
			if err := CheckPayload(b); !errors.Is(err, ErrMalformed) {
				t.Errorf("% x: %v", b, err)
			}
		}
	}
}

func BenchmarkCheckPayload(b *testing.B) {
	payload := chatEvent(b)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		if err := CheckPayload(payload); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSafePayload(b *testing.B) {
	payload := chatEvent(b)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := SafePayload(payload); err != nil {
			b.Fatal(err)
		}
	}
}
