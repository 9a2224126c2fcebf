package codec

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"io/fs"
	"log/slog"
	"math"
	"math/big"
	"net"
	"net/http"
	"net/mail"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// Types that the tests encode and decode.
type (
	level  int
	digest []digit
	digit  byte
	inner  struct{ A, B int }
	Base   struct{ Name string }
	lone   struct{ Base }
	shadow struct {
		Base
		Name string
	}
	twice struct {
		*Base
		Other
	}
	Other  struct{ Name string }
	Nested struct {
		Level level
		Sub   inner
		List  []inner
		By    map[string]*inner
		Ptr   **int
		Any   any
		Err   error
		At    time.Time
		Took  time.Duration
		Raw   []byte
		ID    [16]byte
		Pair  [2]inner
		F32   float32
		F64   float64
		U8    uint8
		None  *Nested
		Tags  map[level]bool
		Empty struct{}
		lost  int
	}
	optional struct {
		A int             `msgpack:"a,omitempty"`
		B any             `msgpack:",omitempty"`
		C []int           `msgpack:",omitempty"`
		D *int            `msgpack:",omitempty"`
		E inner           `msgpack:",omitempty"`
		F [2]int          `msgpack:",omitempty"`
		G map[string]int  `msgpack:"-"`
		H time.Time       `msgpack:",omitempty"`
		I float64         `msgpack:",omitempty"`
		J string          `msgpack:"jay,alias:jot"`
		K func()          `msgpack:"-"`
		L json.RawMessage `msgpack:",omitempty"`
	}
	row struct {
		_msgpack struct{} `msgpack:",as_array"`
		A        int
		B        string
	}
	generic[T any] struct{ Value T }
	Locked         struct {
		sync.Mutex
		N int
	}
	Stamp struct {
		time.Time
		Who string
	}
	BareStamp struct{ time.Time }
	Amount    struct {
		*big.Int
		Unit string
	}
	OwnStamp struct { // it has its own method, and does not inherit the method of the time
		time.Time
		Who string
	}
	ValueStamp struct {
		Stamp
		More int
	}
)

func (s *OwnStamp) MarshalText() ([]byte, error)    { return []byte(s.Who), nil }
func (s *OwnStamp) UnmarshalText(text []byte) error { s.Who = string(text); return nil }

// Types that encode themselves.
type (
	custom  struct{ n int } // pointer receivers, with msgpack's own interface
	binary8 struct{ n int } // pointer receivers
	text    struct{ s string }
	byValue struct{ s string }
	marshal struct{ n int }
)

func (c *custom) EncodeMsgpack(e *msgpack.Encoder) error { return e.EncodeInt(int64(c.n)) }
func (c *custom) DecodeMsgpack(d *msgpack.Decoder) (err error) {
	c.n, err = d.DecodeInt()
	return err
}
func (b *binary8) MarshalBinary() ([]byte, error)    { return []byte{byte(b.n)}, nil }
func (b *binary8) UnmarshalBinary(data []byte) error { b.n = int(data[0]); return nil }
func (x *text) MarshalText() ([]byte, error)         { return []byte(x.s), nil }
func (x *text) UnmarshalText(data []byte) error      { x.s = string(data); return nil }
func (x byValue) MarshalText() ([]byte, error)       { return []byte(x.s), nil }
func (x *byValue) UnmarshalText(data []byte) error   { x.s = string(data); return nil }
func (m *marshal) MarshalMsgpack() ([]byte, error)   { return msgpack.Marshal([]int{m.n}) }
func (m *marshal) UnmarshalMsgpack(b []byte) error {
	var list []int
	err := msgpack.Unmarshal(b, &list)
	m.n = list[0]
	return err
}

func ptr[T any](v T) *T { return &v }

// samples returns values that stay equal when they are encoded and decoded as their own
// type.
func samples() []any {
	at := time.Unix(1770000000, 935329792)
	address, _ := url.Parse("https://ann@example.org:1/a?b=c#d")
	full := Nested{
		Level: 3, Sub: inner{1, -2}, List: []inner{{1, 2}, {}}, By: map[string]*inner{"x": {3, 4}, "nil": nil},
		Ptr: ptr(ptr(7)), Any: map[string]any{"k": []any{int64(1), "a", 1.5, nil, true, []byte{1}}}, At: at,
		Took: time.Minute, Raw: []byte{}, ID: [16]byte{1}, Pair: [2]inner{{1, 1}, {2, 2}}, F32: 0.1, F64: math.Inf(1),
		U8: 255, None: &Nested{}, Tags: map[level]bool{1: true, -1: false}, lost: 0,
	}
	return []any{
		true, false, 1, -1, int8(-128), int16(math.MinInt16), int32(math.MinInt32), int64(math.MinInt64), int64(math.MaxInt64),
		uint(1), uint8(255), uint16(65535), uint32(math.MaxUint32), uint64(math.MaxUint64), float32(0.1), 1.5, math.MaxFloat64,
		"", "text", strings.Repeat("x", 70_000), "invalid \xff", []byte{}, []byte(nil), []byte{1}, bytes.Repeat([]byte{1}, 70_000),
		'r', level(4), digest{1, 2}, [16]byte{1}, [3]digit{1}, [0]int{}, [2]string{"a"}, []string(nil), []string{}, []int{1, 300, -70_000},
		at, time.Unix(1<<33, 1), time.Unix(1<<40, 5), time.Unix(-5, 3), time.Time{}, time.Second, time.March,
		map[string]int{"a": 1}, map[int]string{1: "a", -300: "b"}, map[level]bool{1: true}, map[[2]int]string{{1, 2}: "x"},
		map[inner]int{{1, 2}: 3}, map[[16]byte]int{{1}: 2}, map[float64]int{1.5: 1}, map[string]int(nil), map[string]int{},
		map[bool][]int{true: nil}, map[any]any{int64(1): "a", "b": 2.5}, map[netip.Addr]string{netip.MustParseAddr("::1"): "x"},
		full, &full, inner{}, struct{}{}, []struct{}{{}, {}}, generic[inner]{inner{1, 2}}, generic[*int]{ptr(3)}, []any{nil, int64(1)},
		lone{Base{"a"}}, shadow{Base{"a"}, "b"}, twice{&Base{"a"}, Other{"b"}}, twice{nil, Other{"b"}},
		optional{}, optional{A: 1, B: int64(0), C: []int{0}, D: ptr(0), E: inner{0, 1}, F: [2]int{0, 1}, H: at, I: math.Copysign(0, -1), J: "j"},
		row{A: 1, B: "b"}, []row{{A: 1}, {B: "x"}}, ptr(ptr(ptr("deep"))), (*int)(nil), []*int{nil, ptr(1)},
		custom{1}, &custom{2}, []custom{{3}}, map[string]custom{"a": {4}}, generic[custom]{custom{5}}, [1]custom{{6}},
		binary8{1}, &binary8{2}, map[int]binary8{1: {3}}, text{"a"}, map[string]text{"k": {"v"}}, map[text]int{{"key"}: 1},
		byValue{"a"}, []byValue{{"b"}}, map[byValue]int{{"a"}: 1}, marshal{1}, []marshal{{2}}, map[string]marshal{"x": {3}},
		*big.NewInt(12), big.NewInt(-1 << 62), *address, address, []url.URL{*address}, net.IPv4(1, 2, 3, 4).To16(), net.IP(nil),
		netip.MustParseAddr("10.0.0.1"), netip.MustParseAddrPort("[::1]:7"), netip.MustParsePrefix("10.0.0.0/8"),
		json.RawMessage(`{}`), json.Number("1"), msgpack.RawMessage{0x01}, net.HardwareAddr{1, 2},
		Stamp{at, "ann"}, []Stamp{{at, "a"}, {time.Time{}, "b"}}, map[string]Stamp{"x": {at, "y"}}, Amount{big.NewInt(5), "EUR"}, Amount{nil, "EUR"},
		OwnStamp{Who: "only this"}, ValueStamp{Stamp{at, "ann"}, 3}, BareStamp{time.Unix(5, 0).UTC()},
		http.Header{"A": {"b", "c"}}, http.Cookie{Name: "a", MaxAge: -1}, slog.LevelWarn, fs.FileMode(0o755), sql.NullString{String: "a", Valid: true},
		sql.Null[int64]{V: 5, Valid: true}, sql.NullTime{Time: at, Valid: true}, net.IPNet{IP: net.IPv4(10, 0, 0, 0).To16(), Mask: net.CIDRMask(8, 32)}, net.TCPAddr{IP: net.IPv6loopback, Port: 5},
		*new(big.Float).SetPrec(64).SetFloat64(1.5), *big.NewRat(1, 3), mail.Address{Name: "Ann", Address: "ann@example.org"}, [3][4]byte{{1}}, [][]byte{{1}, nil, {}}, []rune("é"),
		[]map[string][]*int{{"a": {ptr(1), nil}}}, map[string]map[string]int{"a": nil, "b": {}}, map[time.Month]int{1: 2}, map[float32]bool{0.1: true},
		struct{ time.Duration }{5}, struct{ Base }{Base{"x"}}, struct{ *Base }{&Base{"x"}}, struct{ *Base }{}, struct{ Locked *Base }{}, generic[generic[map[string]any]]{},
	}
}
