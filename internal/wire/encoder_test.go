package wire

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/census"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/netsplit"
)

func TestWhatThePeerWouldRefuseIsNotSent(t *testing.T) {
	long := strings.Repeat("a", MaxText+1)
	origin := life(1, 1)
	ihave := func(rg plumtree.Range) any {
		good := plumtree.Range{Origin: life(77, 1), From: 1, To: 2}
		return &plumtree.IHave{Ranges: []plumtree.Range{good, rg}}
	}
	for name, c := range map[string]struct {
		message any
		kind    Kind
		want    error
	}{
		"not a message":        {"text", 0, ErrUnknownMessage},
		"nothing":              {nil, 0, ErrUnknownMessage},
		"not a pointer":        {hyparview.Join{}, 0, ErrUnknownMessage},
		"hello without id":     {&Hello{Major: 1}, KindHello, ErrMalformed},
		"hello without major":  {&Hello{ID: node(1)}, KindHello, ErrMalformed},
		"hello network":        {&Hello{Major: 1, ID: node(1), Network: long[:MaxNetwork+1]}, KindHello, ErrTooLarge},
		"hello address":        {&Hello{Major: 1, ID: node(1), Addr: long}, KindHello, ErrTooLarge},
		"refuse text":          {&Refuse{Text: long}, KindRefuse, ErrTooLarge},
		"direct body":          {&Direct{}, KindDirect, ErrMalformed},
		"direct payload":       {&Direct{Body: append(body("n", ""), make([]byte, MaxPayload+1)...)}, KindDirect, ErrTooLarge},
		"priority":             {&hyparview.Neighbor{Priority: 9}, hyparview.KindNeighbor, ErrMalformed},
		"contact address":      {&hyparview.ForwardJoin{Newcomer: hyparview.Contact{Addr: long}}, hyparview.KindForwardJoin, ErrTooLarge},
		"contacts":             {&hyparview.Disconnect{Try: make([]hyparview.Contact, hyparview.MaxContacts+1)}, hyparview.KindDisconnect, ErrTooLarge},
		"shuffle of nothing":   {&hyparview.Shuffle{}, hyparview.KindShuffle, ErrMalformed},
		"beacon of nobody":     {&netsplit.Beacon{}, netsplit.KindBeacon, ErrMalformed},
		"beacon count":         {&netsplit.Beacon{Origin: origin, Count: MaxSeq + 1}, netsplit.KindBeacon, ErrMalformed},
		"sightings":            {&netsplit.Probe{Known: make([]netsplit.Sighting, netsplit.MaxSightings+1)}, netsplit.KindProbe, ErrTooLarge},
		"gossip of nobody":     {&plumtree.Gossip{Seq: 1, Count: 1, Body: pack(body("n", ""))}, plumtree.KindGossip, ErrMalformed},
		"gossip seq zero":      {&plumtree.Gossip{Origin: origin, Count: 1, Body: pack(body("n", ""))}, plumtree.KindGossip, ErrMalformed},
		"gossip seq":           {&plumtree.Gossip{Origin: origin, Seq: MaxSeq + 1, Count: 1, Body: pack(body("n", ""))}, plumtree.KindGossip, ErrMalformed},
		"gossip body":          {&plumtree.Gossip{Origin: origin, Seq: 1}, plumtree.KindGossip, ErrMalformed},
		"gossip count":         {&plumtree.Gossip{Origin: origin, Seq: 1, Count: 2, Body: pack(body("n", ""))}, plumtree.KindGossip, ErrMalformed},
		"gossip last seq":      {&plumtree.Gossip{Origin: origin, Seq: MaxSeq, Count: 2, Body: pack(body("n", ""), body("n", ""))}, plumtree.KindGossip, ErrMalformed},
		"gossip of too many":   {&plumtree.Gossip{Origin: origin, Seq: 1, Count: plumtree.MaxRun + 1, Body: bytes.Repeat(pack(body("n", "")), plumtree.MaxRun+1)}, plumtree.KindGossip, ErrTooLarge},
		"gossip of too much":   {&plumtree.Gossip{Origin: origin, Seq: 1, Count: 2, Body: pack(body("n", strings.Repeat("x", MaxPayload)), body("n", strings.Repeat("x", 400)))}, plumtree.KindGossip, ErrTooLarge},
		"ranges":               {&plumtree.Graft{Ranges: make([]plumtree.Range, plumtree.MaxRanges+1)}, plumtree.KindGraft, ErrTooLarge},
		"range of nobody":      {ihave(plumtree.Range{From: 1, To: 2}), plumtree.KindIHave, ErrMalformed},
		"range from zero":      {ihave(plumtree.Range{Origin: origin, From: 0, To: 2}), plumtree.KindIHave, ErrMalformed},
		"range backwards":      {ihave(plumtree.Range{Origin: origin, From: 2, To: 1}), plumtree.KindIHave, ErrMalformed},
		"range over the top":   {ihave(plumtree.Range{Origin: origin, From: 1, To: math.MaxUint64}), plumtree.KindIHave, ErrMalformed},
		"miss from zero":       {&plumtree.Miss{Range: plumtree.Range{Origin: origin}}, plumtree.KindMiss, ErrMalformed},
		"miss for no reason":   {&plumtree.Miss{Why: 9, Range: plumtree.Range{Origin: origin, From: 1, To: 2}}, plumtree.KindMiss, ErrMalformed},
		"census of nobody":     {&census.Count{}, census.KindCount, ErrMalformed},
		"census answer nobody": {&census.CountReply{}, census.KindCountReply, ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			var e Encoder
			before := []byte("what was there")
			after, err := e.Append(before, c.message)
			var messageError *MessageError
			if !errors.As(err, &messageError) || !errors.Is(err, c.want) || messageError.Kind != c.kind {
				t.Fatalf("error %v; want a MessageError of %v that is %q", err, c.kind, c.want)
			}
			if !bytes.Equal(after, before) {
				t.Errorf("dst became %q", after)
			}
			if tableOf(&e.origins, "slots").Len() != 0 {
				t.Error("the message that was not sent is in the origin table")
			}
		})
	}
}

func TestFramesAreAppended(t *testing.T) {
	var e Encoder
	stream := []byte("before")
	for _, v := range vectors {
		var err error
		if stream, err = e.Append(stream, v.message); err != nil {
			t.Fatal(err)
		}
	}
	if want := append([]byte("before"), bytes.Join(encodeVectors(t), nil)...); !bytes.Equal(stream, want) {
		t.Errorf("got % x, want % x", stream, want)
	}

	// A reader with the whole stream decodes one message after the other.
	var d Decoder
	rest := stream[len("before"):]
	for _, v := range vectors {
		m, n, err := d.Next(rest)
		if err != nil || !reflect.DeepEqual(m, v.message) {
			t.Fatalf("%s: %+v, %v", v.name, m, err)
		}
		rest = rest[n:]
	}
	if m, n, err := d.Next(rest); m != nil || n != 0 || err != nil {
		t.Errorf("after the last frame: %v, %d, %v", m, n, err)
	}
}

func TestGossipCostsNoMemory(t *testing.T) {
	event := body("chat", strings.Repeat("x", 194))
	gossip := []*plumtree.Gossip{
		{Origin: life(1, 1), Seq: 1000, Round: 2, Age: 5e6, Count: 1, Body: pack(event)},
		{Origin: life(2, 1), Seq: 7, Round: 3, Age: 6e9, Count: 3, Body: pack(event, event, event)},
	}
	var e Encoder
	d := opened(t)
	buf := make([]byte, 0, 4096)
	for _, g := range gossip { // the first frame of each origin contains the origin's id and epoch
		buf = e.AppendGossip(buf, g)
	}
	for len(buf) > 0 {
		_, n, err := d.Next(buf)
		if err != nil {
			t.Fatal(err)
		}
		buf = buf[n:]
	}
	buf = make([]byte, 0, 4096)

	if n := testing.AllocsPerRun(100, func() {
		buf = buf[:0]
		for _, g := range gossip {
			buf = e.AppendGossip(buf, g)
		}
	}); n != 0 {
		t.Errorf("AppendGossip takes memory %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() {
		for rest := buf; len(rest) > 0; {
			m, n, err := d.Next(rest)
			if _, ok := m.(*plumtree.Gossip); !ok || err != nil {
				t.Fatalf("Next = %v, %v", m, err)
			}
			rest = rest[n:]
		}
	}); n != 0 {
		t.Errorf("Next takes memory %v times for a GOSSIP", n)
	}
	direct := &Direct{Body: event}
	if n := testing.AllocsPerRun(100, func() {
		buf, _ = e.Append(buf[:0], direct)
		if _, _, err := d.Next(buf); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("a DIRECT takes memory %v times", n)
	}
}

func TestBothEndsHoldTheSameOriginTable(t *testing.T) {
	// There are more origins than the table has slots. They repeat in a pattern that uses
	// both slots still in use and slots overwritten, with every kind of frame that names
	// origins.
	const origins = 3*TableSize + 100
	var e Encoder
	d := opened(t)
	rg := func(i int) plumtree.Range {
		return plumtree.Range{Origin: life(3, uint64(i%origins)), From: uint64(i + 1), To: uint64(i + 3)}
	}
	for i := range 4 * origins {
		var m any
		switch i % 4 {
		case 0:
			m = &plumtree.Gossip{Origin: rg(i).Origin, Seq: uint64(i + 1), Round: 1, Count: 1, Body: pack(body("n", "p"))}
		case 1:
			m = &plumtree.IHave{Ranges: []plumtree.Range{rg(i), rg(i - 1), rg(i / 2), rg(i * 7)}}
		case 2:
			m = &plumtree.Graft{Ranges: []plumtree.Range{rg(i * 5), rg(i * 5), rg(i + 1)}}
		case 3:
			m = &plumtree.Miss{Range: rg(i / 3)}
		}
		buf, err := e.Append(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		wantMessage(t, d, buf, m)
	}
	for _, name := range []string{"slots", "next"} {
		if sent, seen := fmt.Sprint(tableOf(&e.origins, name)), fmt.Sprint(tableOf(&d.origins, name)); sent != seen {
			t.Errorf("the tables differ: %s", name)
		}
	}
	refs, slots := tableOf(&e.origins, "refs").Len(), tableOf(&e.origins, "slots").Len()
	if refs != TableSize || slots != TableSize {
		t.Errorf("the table has %d origins and %d slots, want %d", refs, slots, TableSize)
	}
}

// tableOf returns a field of an origin table, which package frame does not export.
func tableOf(table any, field string) reflect.Value {
	return reflect.ValueOf(table).Elem().FieldByName(field)
}

func TestOriginTableIsFilledInACircle(t *testing.T) {
	var e Encoder
	size := func(epoch uint64) int {
		return len(e.AppendGossip(nil, &plumtree.Gossip{Origin: ident.Origin{ID: node(1), Epoch: epoch}, Seq: 1, Count: 1, Body: pack(body("n", ""))}))
	}
	inline := size(0)
	for epoch := uint64(1); epoch < TableSize; epoch++ {
		if got := size(epoch); got != inline {
			t.Fatalf("origin %d is new and takes %d bytes, want %d", epoch, got, inline)
		}
	}
	if got := size(0); got != inline-24 {
		t.Errorf("the first origin is in slot 0 and takes %d bytes, want %d", got, inline-24)
	}
	size(TableSize) // this origin takes slot 0
	if got := size(0); got != inline {
		t.Errorf("the first origin was forgotten and takes %d bytes, want %d", got, inline)
	}
	if got := size(1); got != inline {
		t.Errorf("the second origin was forgotten for the first and takes %d bytes, want %d", got, inline)
	}
	if got := size(3); got != inline-24 {
		t.Errorf("the fourth origin is still in its slot and takes %d bytes, want %d", got, inline-24)
	}
}

func TestKindsHaveNames(t *testing.T) {
	if got := plumtree.KindGossip.String(); got != "GOSSIP" {
		t.Error(got)
	}
	if got := Kind(0x7f).String(); got != "kind 0x7f" {
		t.Error(got)
	}
	if got := RefuseSelf.String(); got != "dialled itself" {
		t.Error(got)
	}
	if got := RefuseCode(99).String(); got != "unknown code" {
		t.Error(got)
	}
}

func BenchmarkAppendGossip(b *testing.B) {
	g := &plumtree.Gossip{Origin: life(1, 1), Seq: 1000, Round: 2, Age: 5e6, Count: 1, Body: pack(body("chat", strings.Repeat("x", 128)))}
	var e Encoder
	buf := e.AppendGossip(nil, g)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = e.AppendGossip(buf[:0], g)
	}
}

func BenchmarkDecodeGossip(b *testing.B) {
	g := &plumtree.Gossip{Origin: life(1, 1), Seq: 1000, Round: 2, Age: 5e6, Count: 1, Body: pack(body("chat", strings.Repeat("x", 128)))}
	var e Encoder
	d := opened(b)
	if _, _, err := d.Next(e.AppendGossip(nil, g)); err != nil {
		b.Fatal(err)
	}
	buf := e.AppendGossip(nil, g)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := d.Next(buf); err != nil {
			b.Fatal(err)
		}
	}
}
