package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/census"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/netsplit"
)

// opened returns a Decoder that has read a HELLO.
func opened(t testing.TB) *Decoder { return decoderBefore(t, encodeVectors(t), 1) }

// frameOf returns a frame with the given body.
func frameOf(kind Kind, body ...byte) []byte {
	b := binary.AppendUvarint(nil, uint64(1+len(body)))
	return append(append(b, byte(kind)), body...)
}

// wantError checks that Next fails with want, and that a second call fails in the same way.
func wantError(t *testing.T, d *Decoder, buf []byte, want error) {
	t.Helper()
	m, n, err := d.Next(buf)
	var frameError *FrameError
	if m != nil || n != 0 || !errors.As(err, &frameError) || !errors.Is(err, want) {
		t.Fatalf("Next(% x) = %v, %d, %v; want a FrameError that is %q", buf[:min(len(buf), 20)], m, n, err, want)
	}
	if got := d.Want(buf); got != 0 {
		t.Errorf("Want = %d of a link that is dead", got)
	}
	if _, _, again := d.Next(nil); again != err {
		t.Errorf("after %q the next call says %v", err, again)
	}
}

// wantMessage checks that a frame decodes to one message.
func wantMessage(t *testing.T, d *Decoder, buf []byte, want any) {
	t.Helper()
	m, n, err := d.Next(buf)
	if err != nil || n != len(buf) || !reflect.DeepEqual(m, want) {
		t.Fatalf("Next(% x) = %+v, %d, %v; want %+v", buf[:min(len(buf), 40)], m, n, err, want)
	}
}

// A REFUSE that replaces the HELLO reveals only the refusal to a stranger.
func TestRefuseMayTakeThePlaceOfHello(t *testing.T) {
	d := new(Decoder)
	whole := frameOf(KindRefuse, byte(RefuseStranger), 0)
	for n := range whole {
		if m, used, err := d.Next(whole[:n]); m != nil || used != 0 || err != nil {
			t.Fatalf("of %d bytes: %v, %d, %v", n, m, used, err)
		}
	}
	m, used, err := d.Next(whole)
	if refuse, ok := m.(*Refuse); !ok || refuse.Code != RefuseStranger || used != len(whole) || err != nil {
		t.Fatalf("Next = %v, %d, %v", m, used, err)
	}
	if m, _, err := d.Next(frameOf(hyparview.KindPing, 1, 1)); m != nil || !errors.Is(err, ErrNotSmokesignal) {
		t.Errorf("a frame after it: %v, %v", m, err)
	}
}

func TestOtherProtocolsAreToldByTheirFirstBytes(t *testing.T) {
	for name, first := range map[string]string{
		"http":         "GET / HTTP/1.1\r\n",
		"http post":    "POST /",
		"http 2":       "PRI * HTTP/2.0\r\n",
		"tls":          "\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
		"ssh":          "SSH-2.0-OpenSSH_9.6\r\n",
		"redis":        "*1\r\n$4\r\nPING\r\n",
		"msgpack bomb": "\xdd\xff\xff\xff\xff",
		"zeros":        "\x00\x00\x00\x00",
		"ones":         "\xff\xff\xff\xff",
		"join first":   string(frameOf(hyparview.KindJoin, 0, 0)),
		"other magic":  string(frameOf(KindHello, []byte("SMOG\x01\x00\x00\x00")...)),
		"long hello":   "\x81\x08\x01SMOK",
	} {
		t.Run(name, func(t *testing.T) {
			// The bytes arrive one by one. After the eighth byte, the result is known.
			d := new(Decoder)
			for n := range min(len(first), 8) {
				if !mayOpen([]byte(first[:n+1])) {
					wantError(t, d, []byte(first[:n+1]), ErrNotSmokesignal)
					return
				}
				if m, n, err := d.Next([]byte(first[:n+1])); m != nil || n != 0 || err != nil {
					t.Fatalf("Next = %v, %d, %v", m, n, err)
				}
			}
			t.Fatal("8 bytes were not enough")
		})
	}
}

func TestHelloComesByteByByte(t *testing.T) {
	frames := encodeVectors(t)
	d := new(Decoder)
	for n := range frames[0] {
		if m, n, err := d.Next(frames[0][:n]); m != nil || n != 0 || err != nil {
			t.Fatalf("Next = %v, %d, %v before the HELLO is complete", m, n, err)
		}
	}
	wantMessage(t, d, frames[0], vectors[0].message)
	wantError(t, d, frames[0], ErrMalformed) // a second HELLO is an error
}

func TestOtherMajorVersionCanOnlyRefuse(t *testing.T) {
	foreign := frameOf(KindHello, append([]byte(magic), Major+1, 3, 0xff, 0xff)...)
	d := new(Decoder)
	wantMessage(t, d, foreign, &Hello{Major: Major + 1, Minor: 3})
	wantMessage(t, d, frameOf(KindRefuse, 1, 1, 'v'), &Refuse{Code: RefuseVersion, Text: "v"})
	wantError(t, d, frameOf(plumtree.KindPrune), ErrVersion)

	d = new(Decoder)
	wantMessage(t, d, foreign, &Hello{Major: Major + 1, Minor: 3})
	wantError(t, d, frameOf(0x7f), ErrVersion)
}

func TestTruncatedFrameIsIncomplete(t *testing.T) {
	frames := encodeVectors(t)
	for i, f := range frames {
		d := decoderBefore(t, frames, i)
		for n := range f {
			if m, n, err := d.Next(f[:n]); m != nil || n != 0 || err != nil {
				t.Fatalf("%s, %d of %d bytes: Next = %v, %d, %v", vectors[i].name, n, len(f), m, n, err)
			}
			if want := d.Want(f[:n]); want != 0 && want != len(f) {
				t.Fatalf("%s, %d of %d bytes: Want = %d", vectors[i].name, n, len(f), want)
			}
		}
		wantMessage(t, d, f, vectors[i].message)
	}
}

func TestTruncatedBodyIsMalformed(t *testing.T) {
	frames := encodeVectors(t)
	for i, f := range frames {
		kind, start, _, _ := frameBounds(f)
		for cut := start; cut < len(f); cut++ {
			d := decoderBefore(t, frames, i)
			m, _, err := d.Next(frameOf(kind, f[start:cut]...))
			if m != nil && (kind == plumtree.KindGossip || kind == KindDirect) {
				continue // the bodies of these kinds have no fixed length, so a shorter one is valid
			}
			if err == nil {
				t.Fatalf("%s with %d bytes of its body is taken for %+v", vectors[i].name, cut-start, m)
			}
		}
	}
}

func TestFlippedBitsNeverPanic(t *testing.T) {
	frames := encodeVectors(t)
	for i, f := range frames {
		for bit := range 8 * len(f) {
			flipped := bytes.Clone(f)
			flipped[bit/8] ^= 1 << (bit % 8)
			d := decoderBefore(t, frames, i)
			m, n, err := d.Next(flipped)
			if n > len(f) || (err != nil && (n != 0 || m != nil)) || (m != nil && n == 0) {
				t.Fatalf("%s, bit %d: Next = %v, %d, %v", vectors[i].name, bit, m, n, err)
			}
		}
	}
}

func TestLengthIsRefusedBeforeTheBody(t *testing.T) {
	uvarint := func(v uint64) []byte { return binary.AppendUvarint(nil, v) }
	for name, c := range map[string]struct {
		start []byte
		want  error
	}{
		"event of a byte too many":   {append(uvarint(MaxEvent+1), byte(plumtree.KindGossip)), ErrTooLarge},
		"before the kind is there":   {uvarint(MaxEvent + 1), ErrTooLarge},
		"control of a byte too many": {append(uvarint(MaxControl+1), byte(plumtree.KindIHave)), ErrTooLarge},
		"unknown of a byte too many": {append(uvarint(MaxControl+1), 0x7f), ErrTooLarge},
		"an impossible length":       {uvarint(math.MaxUint64), ErrTooLarge},
		"a length without an end":    {[]byte{0x80, 0x80, 0x80}, ErrTooLarge},
		"two bytes where one does":   {[]byte{0x81, 0x00}, ErrMalformed},
		"three bytes where one does": {[]byte{0x81, 0x80, 0x00}, ErrMalformed},
		"no kind":                    {[]byte{0x00}, ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) { wantError(t, opened(t), c.start, c.want) })
	}
}

func TestWantIsTheLongestFrameAtMost(t *testing.T) {
	d := opened(t)
	if got := d.Want(append(binary.AppendUvarint(nil, MaxEvent), byte(plumtree.KindGossip))); got != MaxEvent+3 {
		t.Errorf("Want = %d for the longest GOSSIP, want %d", got, MaxEvent+3)
	}
	if got := d.Want(append(binary.AppendUvarint(nil, MaxControl+1), byte(hyparview.KindPing))); got != 0 {
		t.Errorf("Want = %d for a frame over its limit", got)
	}
	if got := d.Want(nil); got != 0 {
		t.Errorf("Want = %d of nothing", got)
	}
	if got := new(Decoder).Want([]byte("GET")); got != 0 {
		t.Errorf("Want = %d of another protocol", got)
	}
}

func TestUnknownKindsAreSkippedAndCounted(t *testing.T) {
	d := opened(t)
	for i, kind := range []Kind{0x00, 0x04, 0x0f, 0x18, 0x24, 0x36, 0x43, 0xff} {
		f := frameOf(kind, 1, 2, 3)
		if m, n, err := d.Next(f); m != nil || n != len(f) || err != nil {
			t.Fatalf("Next of %v = %v, %d, %v", kind, m, n, err)
		}
		if d.Unknown != uint64(i+1) {
			t.Fatalf("Unknown = %d after %d frames", d.Unknown, i+1)
		}
	}
	wantMessage(t, d, frameOf(plumtree.KindPrune), &plumtree.Prune{})
}

func TestAppendedFieldsAreIgnored(t *testing.T) {
	frames := encodeVectors(t)
	for i, f := range frames {
		kind, start, _, _ := frameBounds(f)
		if kind == plumtree.KindGossip || kind == KindDirect {
			continue // the bodies of these kinds fill the frame, so no field can follow
		}
		longer := frameOf(kind, append(bytes.Clone(f[start:]), 0xde, 0xad)...)
		wantMessage(t, decoderBefore(t, frames, i), longer, vectors[i].message)
	}
}

func TestMessagesOutliveTheBuffer(t *testing.T) {
	frames := encodeVectors(t)
	for i, f := range frames {
		kind, _, _, _ := frameBounds(f)
		if kind == plumtree.KindGossip || kind == KindDirect {
			continue // these fields are documented as parts of the buffer
		}
		buf := bytes.Clone(f)
		m, _, err := decoderBefore(t, frames, i).Next(buf)
		if err != nil {
			t.Fatal(err)
		}
		clear(buf)
		if !reflect.DeepEqual(m, vectors[i].message) {
			t.Errorf("%s changes with the buffer that it came in: %+v", vectors[i].name, m)
		}
	}
}

func TestGossipBodyIsAPartOfTheBuffer(t *testing.T) {
	d := opened(t)
	buf, err := new(Encoder).Append(nil, &plumtree.Gossip{Origin: life(1, 1), Seq: 1, Count: 1, Body: pack(body("n", "p"))})
	if err != nil {
		t.Fatal(err)
	}
	whole := append(buf, "next frame"...)
	m, n, err := d.Next(whole)
	if err != nil {
		t.Fatal(err)
	}
	got := m.(*plumtree.Gossip).Body
	if &got[0] != &whole[n-4] {
		t.Error("the body was copied")
	}
	if len(got) != cap(got) {
		t.Error("an append to the body would write over the next frame")
	}
}

func TestNumbersOfAPeerAreClampedOrRefused(t *testing.T) {
	id := bytes.Repeat([]byte{1}, 16)
	cat := func(parts ...any) (b []byte) {
		for _, p := range parts {
			switch p := p.(type) {
			case int:
				b = append(b, byte(p))
			case uint64:
				b = binary.AppendUvarint(b, p)
			case []byte:
				b = append(b, p...)
			}
		}
		return b
	}
	const huge = uint64(math.MaxUint64)
	origin := cat(0, id, 0, 0, 0, 0, 0, 0, 0, 1)
	for name, c := range map[string]struct {
		frame []byte
		want  any
	}{
		"ttl of a random walk": {frameOf(hyparview.KindForwardJoin, cat(255, id, 0)...),
			&hyparview.ForwardJoin{TTL: hyparview.MaxTTL, Newcomer: hyparview.Contact{ID: node(1)}}},
		"ttl of a shuffle": {frameOf(hyparview.KindShuffle, cat(17, 1, id, 0)...),
			&hyparview.Shuffle{TTL: hyparview.MaxTTL, Sample: []hyparview.Contact{{ID: node(1)}}}},
		"priority": {frameOf(hyparview.KindJoin, 3, 0xfe), &hyparview.Join{}},
		"reason":   {frameOf(hyparview.KindDisconnect, 200, 0), &hyparview.Disconnect{Reason: 200}},
		"age of an event": {frameOf(plumtree.KindGossip, cat(origin, 1, 0, huge, pack(body("n", "")))...),
			&plumtree.Gossip{Origin: life(1, 1), Seq: 1, Round: 1, Age: MaxAge, Count: 1, Body: pack(body("n", ""))}},
		"age asked for": {frameOf(plumtree.KindGraft, cat(0, huge, 0)...), &plumtree.Graft{MaxAge: MaxAge}},
		"why":           {frameOf(plumtree.KindMiss, cat(9, 0, origin, 1, 1)...), &plumtree.Miss{Range: plumtree.Range{Origin: life(1, 1), From: 1, To: 2}}},
		"range after the last event": {frameOf(plumtree.KindIHave, cat(1, 1, origin, uint64(MaxSeq)+1, 0)...),
			&plumtree.IHave{Sync: true, Ranges: []plumtree.Range{{Origin: life(1, 1), From: MaxSeq + 1, To: MaxSeq + 1}}}},
		"age of a sighting": {frameOf(netsplit.KindProbe, cat(0, huge, 1, id, huge)...), &netsplit.Probe{Settled: MaxAge, Known: []netsplit.Sighting{{ID: node(1), Age: MaxAge}}}},
		"nodes":             {frameOf(census.KindCountReply, cat(0, 0, 0, 0, 0, 0, 0, 1, id, 0, huge)...), &census.CountReply{Query: 1, Origin: node(1), Nodes: census.MaxNodes}},
	} {
		t.Run(name, func(t *testing.T) { wantMessage(t, opened(t), c.frame, c.want) })
	}

	long := bytes.Repeat([]byte{1}, 2000)
	for name, c := range map[string]struct {
		frame []byte
		want  error
	}{
		"seq zero":                {frameOf(plumtree.KindGossip, cat(origin, 0, 1, 0, pack(body("n", "")))...), ErrMalformed},
		"seq over the top":        {frameOf(plumtree.KindGossip, cat(origin, uint64(MaxSeq)+1, 1, 0, pack(body("n", "")))...), ErrMalformed},
		"seq of 11 bytes":         {frameOf(plumtree.KindGossip, cat(origin, bytes.Repeat([]byte{0x80}, 10), 1)...), ErrMalformed},
		"seq not shortest":        {frameOf(plumtree.KindGossip, cat(origin, 0x81, 0, 1, 0, pack(body("n", "")))...), ErrMalformed},
		"run beyond the last seq": {frameOf(plumtree.KindGossip, cat(origin, uint64(MaxSeq), 1, 0, pack(body("n", ""), body("n", "")))...), ErrMalformed},
		"run cut short":           {frameOf(plumtree.KindGossip, cat(origin, 1, 1, 0, pack(body("n", "")), 9, 1)...), ErrMalformed},
		"run of nothing":          {frameOf(plumtree.KindGossip, cat(origin, 1, 1, 0)...), ErrMalformed},
		"event in a long length":  {frameOf(plumtree.KindGossip, cat(origin, 1, 1, 0, 0x82, 0, 1, 'n')...), ErrMalformed},
		"event without name":      {frameOf(plumtree.KindGossip, cat(origin, 1, 1, 0, 0, 0xc0)...), ErrMalformed},
		"event name cut":          {frameOf(KindDirect, 5, 'a'), ErrMalformed},
		"event empty":             {frameOf(KindDirect), ErrMalformed},
		"payload too long":        {frameOf(KindDirect, append(body("n", ""), make([]byte, MaxPayload+1)...)...), ErrTooLarge},
		"zero origin":             {frameOf(plumtree.KindGossip, cat(0, make([]byte, 24), 1, 1, 0, pack(body("n", "")))...), ErrMalformed},
		"empty slot":              {frameOf(plumtree.KindGossip, cat(1, 1, 1, 0, pack(body("n", "")))...), ErrMalformed},
		"slot beyond counting":    {frameOf(plumtree.KindGossip, cat(huge, 1, 1, 0, pack(body("n", "")))...), ErrMalformed},
		"range from zero":         {frameOf(plumtree.KindIHave, cat(0, 1, origin, 0, 1)...), ErrMalformed},
		"range that overflows":    {frameOf(plumtree.KindIHave, cat(0, 1, origin, uint64(MaxSeq), 2)...), ErrMalformed},
		"range from the end":      {frameOf(plumtree.KindIHave, cat(0, 1, origin, uint64(MaxSeq)+2, 0)...), ErrMalformed},
		"range that wraps":        {frameOf(plumtree.KindIHave, cat(0, 1, origin, 2, huge)...), ErrMalformed},
		"too many ranges":         {frameOf(plumtree.KindIHave, cat(0, uint64(plumtree.MaxRanges+1), long)...), ErrTooLarge},
		"fewer ranges than told":  {frameOf(plumtree.KindIHave, cat(0, 200, origin, 1, 1)...), ErrMalformed},
		"too many contacts":       {frameOf(hyparview.KindShuffle, cat(1, hyparview.MaxContacts+1, long)...), ErrTooLarge},
		"no contact":              {frameOf(hyparview.KindShuffle, 1, 0), ErrMalformed},
		"too many sightings":      {frameOf(netsplit.KindProbe, cat(0, 0, netsplit.MaxSightings+1, long)...), ErrTooLarge},
		"zero sighting":           {frameOf(netsplit.KindProbe, cat(0, 0, 1, make([]byte, 16), 0)...), ErrMalformed},
		"zero beacon":             {frameOf(netsplit.KindBeacon, cat(make([]byte, 24), 0, 0)...), ErrMalformed},
		"beacon over the top":     {frameOf(netsplit.KindBeacon, cat(id, make([]byte, 8), huge, 0)...), ErrMalformed},
		"clock over the top":      {frameOf(hyparview.KindPong, cat(1, huge)...), ErrMalformed},
		"zero asker":              {frameOf(census.KindCount, make([]byte, 24)...), ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) { wantError(t, opened(t), c.frame, c.want) })
	}
}

func longestTell() *census.Tell {
	d := census.Digest{
		Node: life(255, math.MaxUint64), Addr: strings.Repeat("a", MaxText), Version: strings.Repeat("v", census.MaxVersion),
		Age: census.MaxAgeOfNode * time.Millisecond, Component: node(255),
	}
	for _, n := range census.Numbers(&d) {
		*n = census.MaxNumber
	}
	for range census.MaxLinks {
		d.Links = append(d.Links, census.Link{Peer: node(255), RTT: census.MaxMicros * time.Microsecond, Eager: true, Dialled: true, Lag: census.MaxNumber})
	}
	for range census.MaxLeft {
		d.Left = append(d.Left, node(255))
	}
	m := &census.Tell{Query: math.MaxUint64, Origin: node(255)}
	for range census.MaxDigests {
		m.Digests = append(m.Digests, d)
	}
	return m
}

// A later version may append fields to a digest. They are ignored, and the fields of the
// frame after the digest are still read.
func TestDigestsMayGrow(t *testing.T) {
	d := longDigest(1)
	other := node(2)
	written, err := new(Encoder).Append(nil, &census.Tell{Query: 9, Origin: other, Digests: []census.Digest{d}})
	if err != nil {
		t.Fatal(err)
	}
	_, start, _, _ := frameBounds(written)
	written = written[start+8+len(other)+1:] // the bytes before are query, origin, and number of digests
	size, n := binary.Uvarint(written)
	longer := append(written[n:len(written):len(written)], "and more"...)
	one := append(binary.AppendUvarint(nil, size+8), longer...)
	head := append(binary.BigEndian.AppendUint64(nil, 9), other[:]...)
	wantMessage(t, opened(t), frameOf(census.KindTell, slices.Concat(head, []byte{2}, one, one)...), &census.Tell{Query: 9, Origin: node(2), Digests: []census.Digest{d, d}})
}

func TestLongestMessagesFit(t *testing.T) {
	text := strings.Repeat("a", MaxText)
	contacts := make([]hyparview.Contact, hyparview.MaxContacts)
	for i := range contacts {
		contacts[i] = hyparview.Contact{ID: node(byte(i)), Addr: text}
	}
	sightings := make([]netsplit.Sighting, netsplit.MaxSightings)
	for i := range sightings {
		sightings[i] = netsplit.Sighting{ID: node(byte(i + 1)), Age: MaxAge}
	}
	ranges := make([]plumtree.Range, plumtree.MaxRanges)
	for i := range ranges {
		ranges[i] = plumtree.Range{Origin: life(9, math.MaxUint64-uint64(i)), From: MaxSeq, To: MaxSeq + 1}
	}
	event := body(text, strings.Repeat("p", MaxPayload))
	hello := &Hello{Major: Major, Minor: 255, Capabilities: math.MaxUint64, Network: text[:MaxNetwork], ID: node(255), Epoch: math.MaxUint64, Addr: text, Seen: text}

	e, d := new(Encoder), new(Decoder)
	for _, m := range []any{
		hello,
		&Refuse{Code: 255, Text: text},
		&hyparview.ForwardJoin{TTL: hyparview.MaxTTL, Newcomer: contacts[0]},
		&hyparview.NeighborReply{Accepted: true, Reason: 255, Degree: 255, Sample: contacts},
		&hyparview.Disconnect{Reason: 255, Try: contacts},
		&hyparview.Shuffle{TTL: hyparview.MaxTTL, Sample: contacts},
		&hyparview.Ping{Degree: 255, Sent: math.MaxInt64},
		&netsplit.Beacon{Origin: life(255, math.MaxUint64), Count: MaxSeq, Addr: text},
		&netsplit.Probe{Known: sightings, Settled: MaxAge, Isolated: true},
		&plumtree.IHave{Ranges: ranges, Sync: true},
		&plumtree.Graft{Ranges: ranges, Eager: true, MaxAge: MaxAge},
		&plumtree.Gossip{Origin: life(8, math.MaxUint64), Seq: MaxSeq, Round: 255, Age: MaxAge, Count: 1, Body: pack(event)},
		&plumtree.Gossip{Origin: life(7, math.MaxUint64), Seq: MaxSeq, Round: 255, Age: MaxAge, Count: 1, Signed: true, Body: pack(signedBody(text, strings.Repeat("p", MaxPayload)))},
		&Direct{Body: event},
		&census.CountReply{Query: math.MaxUint64, Origin: node(255), Nodes: census.MaxNodes},
		&census.Count{Query: math.MaxUint64, Origin: node(255), Wait: MaxAge, Digests: census.MaxNumber},
		longestTell(),
	} {
		buf, err := e.Append(nil, m)
		if err != nil {
			t.Fatalf("%T: %v", m, err)
		}
		got, n, err := d.Next(buf)
		if err != nil || n != len(buf) || !reflect.DeepEqual(got, m) {
			t.Fatalf("%T of %d bytes: %d were taken, error %v", m, len(buf), n, err)
		}
	}
}

func TestDurationsAreMillisecondsOnTheWire(t *testing.T) {
	e, d := new(Encoder), opened(t)
	for sent, want := range map[time.Duration]time.Duration{
		-time.Hour: 0, 1999 * time.Microsecond: time.Millisecond, math.MaxInt64: MaxAge,
	} {
		buf, err := e.Append(nil, &plumtree.Graft{MaxAge: sent})
		if err != nil {
			t.Fatal(err)
		}
		wantMessage(t, d, buf, &plumtree.Graft{MaxAge: want})
	}
}
