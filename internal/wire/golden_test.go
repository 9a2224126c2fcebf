package wire

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/batch"
	"github.com/smokesignal-go/smokesignal/internal/census"
	"github.com/smokesignal-go/smokesignal/internal/flowcontrol"
	"github.com/smokesignal-go/smokesignal/internal/frame"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/netsplit"
)

var update = flag.Bool("update", false, "rewrite the golden vectors and their copy in docs/protocol.md")

const (
	goldenFile   = "testdata/golden.txt"
	protocolPage = "../../docs/protocol.md"
)

// node returns an ID that is easy to find in a dump: 16 times b.
func node(b byte) ident.ID { return ident.ID(bytes.Repeat([]byte{b}, ident.Size)) }

// life returns an origin: node b with an epoch.
func life(b byte, epoch uint64) ident.Origin { return ident.Origin{ID: node(b), Epoch: epoch} }

// pack joins bodies, with the length before each.
func pack(bodies ...[]byte) (b []byte) {
	for _, body := range bodies {
		b = batch.Append(b, body)
	}
	return b
}

func body(name, payload string) []byte {
	b, err := AppendBody(nil, name, []byte(payload))
	if err != nil {
		panic(err)
	}
	return b
}

var sampleHeaders = Headers("\x01k\x01v\x04lang\x02de")

// bodyWith returns the same as body, with headers.
func bodyWith(h Headers, name, payload string) []byte {
	return body(name, string(AppendHeaders(nil, h))+payload)
}

// signedBody returns the same as body, with a signature that is not valid.
func signedBody(name, payload string) []byte {
	b := append([]byte{0}, bytes.Repeat([]byte{0xaa}, 32)...)
	return append(append(b, bytes.Repeat([]byte{0xbb}, 64)...), body(name, payload)...)
}

// vector is one frame of the golden stream.
type vector struct {
	name, comment string
	message       any
}

// vectors are the frames that one end of a link sends, in this order. They contain every
// kind, and origins that are new, already in the table, and new again.
var vectors = []vector{
	{"hello", `version 1.0, no capabilities, network "chat", id 11…, epoch 7, dialled at 192.168.2.17:8495, sees 192.168.2.5:40112, proof of 8 bytes`,
		&Hello{Major: 1, Minor: 0, Network: "chat", ID: node(0x11), Epoch: 7, Addr: "192.168.2.17:8495", Seen: "192.168.2.5:40112", Proof: "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7"}},
	{"join", "high priority, the receiver is a seed of the sender",
		&hyparview.Join{Priority: hyparview.High, AsSeed: true}},
	{"forwardjoin", "6 steps left, newcomer 22… at 10.0.0.2:8495",
		&hyparview.ForwardJoin{TTL: 6, Newcomer: hyparview.Contact{ID: node(0x22), Addr: "10.0.0.2:8495"}}},
	{"neighbor", "bridge priority",
		&hyparview.Neighbor{Priority: hyparview.Bridge}},
	{"neighborreply", "refused: full, 5 neighbours, one contact: 33… at 10.0.0.3:8495",
		&hyparview.NeighborReply{Reason: hyparview.ReasonFull, Degree: 5, Sample: []hyparview.Contact{{ID: node(0x33), Addr: "10.0.0.3:8495"}}}},
	{"neighborreply-accepted", "accepted, 3 neighbours, no contacts",
		&hyparview.NeighborReply{Accepted: true, Degree: 3}},
	{"disconnect", "to make room, try 33… at 10.0.0.3:8495",
		&hyparview.Disconnect{Reason: hyparview.ReasonMakeRoom, Try: []hyparview.Contact{{ID: node(0x33), Addr: "10.0.0.3:8495"}}}},
	{"shuffle", "4 steps left, from 11…, which nobody can dial, and an address of an unknown node",
		&hyparview.Shuffle{TTL: 4, Sample: []hyparview.Contact{{ID: node(0x11)}, {Addr: "a:1"}}}},
	{"ping", "4 neighbours, sent at 1.5 s of the sender's clock",
		&hyparview.Ping{Degree: 4, Sent: 1500 * time.Millisecond}},
	{"pong", "2 neighbours, the same reading comes back",
		&hyparview.Pong{Degree: 2, Sent: 1500 * time.Millisecond}},
	{"beacon", "origin 11… in epoch 7, count 300, dialled at seed:8495",
		&netsplit.Beacon{Origin: life(0x11, 7), Count: 300, Addr: "seed:8495"}},
	{"probe", "isolated, settled for a minute, heard 11… 2.5 s ago",
		&netsplit.Probe{Isolated: true, Settled: time.Minute, Known: []netsplit.Sighting{{ID: node(0x11), Age: 2500 * time.Millisecond}}}},
	{"probereply", "not isolated, settled for a day or more, hears nothing",
		&netsplit.ProbeReply{Settled: MaxAge}},
	{"split", "ours is 11…, the other is 22…",
		&netsplit.Split{Ours: node(0x11), Other: node(0x22)}},
	{"gossip-new-origin", `origin 44… in epoch 9 is new and takes slot 0; seq 1, round 1, age 0, "chat" with payload "hi"`,
		&plumtree.Gossip{Origin: life(0x44, 9), Seq: 1, Round: 1, Count: 1, Body: pack(body("chat", "\xa2hi"))}},
	{"gossip", `the same origin by its slot; seq 2, round 3, age 130 ms, "chat" with payload "hi"`,
		&plumtree.Gossip{Origin: life(0x44, 9), Seq: 2, Round: 3, Age: 130 * time.Millisecond, Count: 1, Body: pack(body("chat", "\xa2hi"))}},
	{"gossip-run", `two events of the same origin; seq 3 and 4, round 3, age 1 s, "chat" with payload "hi", and "bye" with payload nil`,
		&plumtree.Gossip{Origin: life(0x44, 9), Seq: 3, Round: 3, Age: time.Second, Count: 2, Body: pack(body("chat", "\xa2hi"), body("bye", "\xc0"))}},
	{"gossip-signed", `an event that its origin has signed; seq 5, round 1, age 0; key of 32 bytes aa, signature of 64 bytes bb (which would be refused), "chat" with payload "hi"`,
		&plumtree.Gossip{Origin: life(0x44, 9), Seq: 5, Round: 1, Count: 1, Signed: true, Body: pack(signedBody("chat", "\xa2hi"))}},
	{"gossip-headers", `an event with two headers; seq 6, round 1, age 0, "chat" with "k" = "v" and "lang" = "de", and payload "hi"`,
		&plumtree.Gossip{Origin: life(0x44, 9), Seq: 6, Round: 1, Count: 1, Body: pack(bodyWith(sampleHeaders, "chat", "\xa2hi"))}},
	{"ihave", "sync; 1 up to and including 5 of slot 0, then 7 of 55… in epoch 1, which takes slot 1",
		&plumtree.IHave{Sync: true, Ranges: []plumtree.Range{{Origin: life(0x44, 9), From: 1, To: 6}, {Origin: life(0x55, 1), From: 7, To: 8}}}},
	{"ihave-nothing", "sync; nothing of slot 1, whose next event will be 303",
		&plumtree.IHave{Sync: true, Ranges: []plumtree.Range{{Origin: life(0x55, 1), From: 303, To: 303}}}},
	{"graft-parent", "eager, and the way to the root; no events",
		&plumtree.Graft{Eager: true, Parent: true}},
	{"graft", "eager, nothing older than 10 s; 300 up to and including 302 of slot 1",
		&plumtree.Graft{Eager: true, MaxAge: 10 * time.Second, Ranges: []plumtree.Range{{Origin: life(0x55, 1), From: 300, To: 303}}}},
	{"prune", "nothing to say",
		&plumtree.Prune{}},
	{"miss", "gone, and born a minute ago: 300 of slot 1",
		&plumtree.Miss{Why: plumtree.Gone, Age: time.Minute, Range: plumtree.Range{Origin: life(0x55, 1), From: 300, To: 301}}},
	{"pulse", "root 44… in epoch 9, rank 5, 3 hops so far, count 300",
		&plumtree.Pulse{Root: life(0x44, 9), Rank: 5, Hops: 3, Count: 300}},
	{"slow", "origin 44… in epoch 9 is behind, for the 300th time: nothing for 200 ms",
		&flowcontrol.Slow{Origin: life(0x44, 9), Count: 300, Stop: 200 * time.Millisecond}},
	{"gossip-next-life", `origin 44… in epoch 10 is another origin and takes slot 2; seq 1, round 1, age 0, "x" with payload nil`,
		&plumtree.Gossip{Origin: life(0x44, 10), Seq: 1, Round: 1, Count: 1, Body: pack(body("x", "\xc0"))}},
	{"direct", `"hello" with payload "me"`,
		&Direct{Body: body("hello", "\xa2me")}},
	{"count", "query 258 of 11…; the sender waits 3.8 s",
		&census.Count{Query: 258, Origin: node(0x11), Wait: 3800 * time.Millisecond}},
	{"count-survey", "query 259 of 11…; up to 4096 are to tell of themselves",
		&census.Count{Query: 259, Origin: node(0x11), Wait: 1500 * time.Millisecond, Digests: 4096}},
	{"tell", "query 259 of 11…: one digest, of 22… in epoch 7",
		&census.Tell{Query: 259, Origin: node(0x11), Digests: []census.Digest{longDigest(0x22)}}},
	{"countreply", "query 258 of 11…, 10000 nodes and perhaps more",
		&census.CountReply{Query: 258, Origin: node(0x11), Partial: true, Nodes: 10000}},
	{"refuse", `the sender stops; text "stopping"`,
		&Refuse{Code: RefuseLeaving, Text: "stopping"}},
}

// longDigest returns a digest with a value in every field.
func longDigest(n byte) census.Digest {
	return census.Digest{
		Node: life(n, 7), Addr: "n22:8495", Version: "v1.2.3", Age: 90 * time.Second, Component: node(0x11),
		MinPeers: 3, MaxPeers: 5, Known: 40, Queued: 1, Emitted: 300, Delivered: 9000, Duplicates: 2, Gaps: 1,
		Refused: 4, SeedsLost: 1, Degree: 2, History: 70000,
		Links: []census.Link{
			{Peer: node(0x11), RTT: 1500 * time.Microsecond, Eager: true, Dialled: true},
			{Peer: node(0x33), Lag: 4096},
		},
		Left: []ident.ID{node(0x66)},
	}
}

// encodeVectors returns the frames of the vectors, encoded by one Encoder.
func encodeVectors(t testing.TB) [][]byte {
	t.Helper()
	var e Encoder
	frames := make([][]byte, len(vectors))
	for i, v := range vectors {
		frame, err := e.Append(nil, v.message)
		if err != nil {
			t.Fatalf("vector %s: %v", v.name, err)
		}
		frames[i] = frame
	}
	return frames
}

// formatVectors writes frames in the format of the golden file.
func formatVectors(frames [][]byte) string {
	const row = 24 // bytes of a body on each line
	var s strings.Builder
	for i, frame := range frames {
		_, start, _, _ := frameBounds(frame)
		fmt.Fprintf(&s, "%s: %s\n  % x | % x |", vectors[i].name, vectors[i].comment, frame[:start-1], frame[start-1:start])
		for j := start; j < len(frame); j += row {
			if j > start {
				s.WriteString("\n         ")
			}
			fmt.Fprintf(&s, " % x", frame[j:min(j+row, len(frame))])
		}
		s.WriteString("\n")
	}
	return s.String()
}

// readVectors returns the frames in the golden file by their names.
func readVectors(t testing.TB) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatalf("%v; go test -update writes it", err)
	}
	frames := make(map[string][]byte)
	name := ""
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, " ") {
			name, _, _ = strings.Cut(line, ":")
			continue
		}
		b, err := hex.DecodeString(strings.NewReplacer(" ", "", "|", "", "\n", "").Replace(line))
		if err != nil {
			t.Fatalf("%s, vector %s: %v", goldenFile, name, err)
		}
		frames[name] = append(frames[name], b...)
	}
	return frames
}

func TestFramesAreTheGoldenVectors(t *testing.T) {
	frames := encodeVectors(t)
	if *update {
		if err := os.WriteFile(goldenFile, []byte(formatVectors(frames)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden := readVectors(t)
	if len(golden) != len(vectors) {
		t.Errorf("%s has %d vectors, want %d", goldenFile, len(golden), len(vectors))
	}
	for i, v := range vectors {
		if !bytes.Equal(frames[i], golden[v.name]) {
			t.Errorf("%s:\n got % x\nwant % x", v.name, frames[i], golden[v.name])
		}
	}
}

func TestGoldenVectorsAreTheMessages(t *testing.T) {
	golden := readVectors(t)
	var d Decoder
	for _, v := range vectors {
		frame := golden[v.name]
		m, n, err := d.Next(frame)
		if err != nil || n != len(frame) {
			t.Fatalf("%s: %d of %d bytes, error %v", v.name, n, len(frame), err)
		}
		if !reflect.DeepEqual(m, v.message) {
			t.Errorf("%s:\n got %+v\nwant %+v", v.name, m, v.message)
		}
	}
}

func TestEveryKindHasAGoldenVector(t *testing.T) {
	seen := make(map[Kind]bool)
	for _, frame := range readVectors(t) {
		kind, _, _, _ := frameBounds(frame)
		seen[kind] = true
	}
	for _, kind := range frame.Kinds() {
		if !seen[kind] {
			t.Errorf("%v has no golden vector", kind)
		}
	}
}

func TestProtocolPageShowsTheGoldenVectors(t *testing.T) {
	const begin, end = "<!-- golden vectors -->\n```text\n", "```\n<!-- end of golden vectors -->\n"
	page, err := os.ReadFile(protocolPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), begin)
	shown, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the golden vectors", protocolPage)
	}
	golden, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(protocolPage, []byte(before+begin+string(golden)+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if shown != string(golden) {
		t.Errorf("%s shows other vectors than %s; go test -update copies them", protocolPage, goldenFile)
	}
	for _, kind := range frame.Kinds() {
		if row := fmt.Sprintf("| `%02x` | %v |", uint8(kind), kind); !strings.Contains(before, row) {
			t.Errorf("%s has no row %q", protocolPage, row)
		}
	}
}

// decoderBefore returns a Decoder that has read the vectors before the i-th.
func decoderBefore(t testing.TB, frames [][]byte, i int) *Decoder {
	t.Helper()
	d := new(Decoder)
	for j, frame := range frames[:i] {
		if _, n, err := d.Next(frame); n != len(frame) || err != nil {
			t.Fatalf("vector %s: %d bytes, error %v", vectors[j].name, n, err)
		}
	}
	return d
}
