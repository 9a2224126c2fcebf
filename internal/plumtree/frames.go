package plumtree

import (
	"encoding/binary"

	"github.com/smokesignal-go/smokesignal/internal/batch"
	"github.com/smokesignal-go/smokesignal/internal/frame"
)

// The kinds of the broadcast. An origin begins with a uvarint. If it is 0, id 16 and
// epoch 8 follow, and the origin takes the next slot of the table. If it is k, it names
// the origin in slot k-1. A range is origin, from uvarint, count uvarint.
const (
	KindGossip frame.Kind = 0x30 // origin, seq uvarint, round, age ms, event bodies, each with its length as a uvarint, to the end of the frame
	KindIHave  frame.Kind = 0x31 // flags (1: sync), list of ranges
	KindGraft  frame.Kind = 0x32 // flags (1: eager, 2: parent), max age ms, list of ranges
	KindPrune  frame.Kind = 0x33 // nothing
	KindMiss   frame.Kind = 0x34 // why, age ms, range
	KindPulse  frame.Kind = 0x35 // root id 16, root epoch 8, rank, hops, count uvarint
)

const (
	// MaxRanges bounds the ranges in one frame.
	MaxRanges = 256

	// minRange is the length in bytes of the shortest range: low numbers of an origin
	// that is in the table. A range may be empty; it then carries the number of the
	// origin's next event.
	minRange = 3
)

// Frames registers the frames of the broadcast. A node that leaves still accepts events
// that are in flight. A range in a control frame counts as an eighth of a frame for the
// flood limit.
var Frames = frame.Register("broadcast",
	frame.Spec{Kind: KindGossip, Name: "GOSSIP", Limit: frame.MaxEvent, Class: frame.Data, AfterLeave: true, Reuse: true, Parse: parseGossip, Append: frame.Appender(appendGossip)},
	frame.Spec{Kind: KindIHave, Name: "IHAVE", Parts: partsOfIHave, Parse: frame.Parser(parseIHave), Append: frame.Appender(appendIHave)},
	frame.Spec{Kind: KindGraft, Name: "GRAFT", Parts: partsOfGraft, Parse: frame.Parser(parseGraft), Append: frame.Appender(appendGraft)},
	frame.Spec{Kind: KindPrune, Name: "PRUNE", Parse: frame.Parser(parsePrune), Append: frame.Appender(appendPrune)},
	frame.Spec{Kind: KindMiss, Name: "MISS", Class: frame.Answer, Parse: frame.Parser(parseMiss), Append: frame.Appender(appendMiss)},
	frame.Spec{Kind: KindPulse, Name: "PULSE", Parse: frame.Parser(parsePulse), Append: frame.Appender(appendPulse)},
)

func partsOfIHave(m frame.Message) int { return frame.FrameParts + len(m.(*IHave).Ranges) }
func partsOfGraft(m frame.Message) int { return frame.FrameParts + len(m.(*Graft).Ranges) }

// Kind implements frame.Message.
func (*Gossip) Kind() frame.Kind { return KindGossip }

// Kind implements frame.Message.
func (*IHave) Kind() frame.Kind { return KindIHave }

// Kind implements frame.Message.
func (*Graft) Kind() frame.Kind { return KindGraft }

// Kind implements frame.Message.
func (*Prune) Kind() frame.Kind { return KindPrune }

// Kind implements frame.Message.
func (*Miss) Kind() frame.Kind { return KindMiss }

// Kind implements frame.Message.
func (*Pulse) Kind() frame.Kind { return KindPulse }

// maxPacked bounds the bodies of a GOSSIP in bytes: it is the size of the largest
// possible event. The bound covers the bodies only, because a relay rewrites the fields
// before them, and their length may change.
var maxPacked = batch.Size(frame.SignatureSize + 1 + frame.MaxName + frame.MaxPayload)

// AppendGossip appends a GOSSIP without checking it. The decoder must have returned g
// or the Gossip that g is part of, or g must have well-formed bodies and a Seq of at
// least 1. It allocates only if dst is full or if the origin is new to the link.
func AppendGossip(dst []byte, origins *frame.SentOrigins, g *Gossip) []byte {
	var space [48]byte // kind 1, origin 25, seq 9, round 1, age 4
	head := origins.Append(append(space[:0], byte(KindGossip)), g.Origin)
	head = binary.AppendUvarint(head, g.Seq) // the same as appendHead, written here to save a call
	head = append(head, max(g.Round, 1))
	head = frame.AppendAge(head, g.Age)
	return frame.AppendWhole(dst, head, g.Body)
}

// appendHead appends the fields before the bodies of a GOSSIP.
func appendHead(dst []byte, origins *frame.SentOrigins, g *Gossip) []byte {
	dst = origins.Append(dst, g.Origin)
	dst = binary.AppendUvarint(dst, g.Seq)
	dst = append(dst, max(g.Round, 1))
	return frame.AppendAge(dst, g.Age)
}

func appendGossip(w *frame.Writer, g *Gossip) {
	if f := gossipFault(g); f.Err != nil {
		w.Fail(f.Field, f.Reason, f.Err)
		return
	}
	var space [48]byte
	w.Whole(appendHead(space[:0], w.Origins(), g), g.Body)
}

// gossipFault returns the reason for which the receiver would refuse g.
func gossipFault(g *Gossip) frame.Fault {
	switch {
	case g.Origin.ID.IsZero():
		return frame.Fault{Field: "origin", Reason: "is zero", Err: frame.ErrMalformed}
	case g.Seq == 0 || g.Seq > frame.MaxSeq:
		return frame.Fault{Field: "seq", Reason: "is out of range", Err: frame.ErrMalformed}
	}
	count, _, f := countEvents(g.Body)
	switch {
	case f != nil:
		return *f
	case count != g.Count:
		return frame.Fault{Field: "events", Reason: "are not as many as it says", Err: frame.ErrMalformed}
	case uint64(count-1) > frame.MaxSeq-g.Seq:
		return frame.Fault{Field: "seq", Reason: "is out of range", Err: frame.ErrMalformed}
	}
	return frame.Fault{}
}

// countEvents counts the bodies of a GOSSIP, reports whether any is signed, and returns
// the first fault, or nil.
func countEvents(b []byte) (count uint32, someSigned bool, f *frame.Fault) {
	if len(b) > maxPacked {
		return 0, false, &frame.Fault{Field: "events", Reason: "are too long", Err: frame.ErrTooLarge}
	}
	for {
		body, rest, ok := batch.Next(b)
		if !ok {
			return 0, false, &frame.Fault{Field: "event", Reason: "is cut short", Err: frame.ErrMalformed}
		}
		if len(body) < 2 || body[0] == 0 || int(body[0]) >= len(body) || len(body) > frame.MaxPayload {
			if f := frame.BodyFault(body); f.Err != nil {
				found := f // so that f stays on the stack
				return 0, false, &found
			}
			someSigned = someSigned || frame.IsSigned(body)
		}
		if count++; count > MaxRun {
			return 0, false, &frame.Fault{Field: "events", Reason: "are too many", Err: frame.ErrTooLarge}
		}
		if b = rest; len(b) == 0 {
			return count, someSigned, nil
		}
	}
}

func parseGossip(r *frame.Reader) frame.Message {
	g, _ := r.Last.(*Gossip)
	if g == nil {
		g = new(Gossip)
	}
	ParseGossip(r, g)
	return g
}

// ParseGossip reads a GOSSIP into g. The body shares memory with the frame.
func ParseGossip(r *frame.Reader, g *Gossip) {
	r.TableOriginTo(&g.Origin)
	g.Seq = r.Seq("seq", 1)
	g.Round = max(r.Byte("round"), 1)
	g.Age = r.Age("age")
	g.Count, g.Body, g.Signed, g.Verdict = 0, nil, false, Open
	if r.IsFaulty() {
		return
	}
	bodies := r.Rest()
	count, someSigned, f := countEvents(bodies)
	switch {
	case f != nil:
		r.Fail(f.Field, f.Reason, f.Err)
	case uint64(count-1) > frame.MaxSeq-g.Seq:
		r.Fail("seq", "is out of range", frame.ErrMalformed)
	default:
		g.Count, g.Body, g.Signed = count, bodies, someSigned
	}
}

func appendIHave(w *frame.Writer, m *IHave) {
	w.Flags(m.Sync)
	appendRanges(w, m.Ranges)
}

func parseIHave(r *frame.Reader) *IHave {
	return &IHave{Sync: r.Flag("flags"), Ranges: parseRanges(r)}
}

func appendGraft(w *frame.Writer, m *Graft) {
	w.Flags(m.Eager, m.Parent)
	w.Age(m.MaxAge)
	appendRanges(w, m.Ranges)
}

func parseGraft(r *frame.Reader) *Graft {
	flags := r.Byte("flags")
	return &Graft{Eager: flags&1 != 0, Parent: flags&2 != 0, MaxAge: r.Age("max age"), Ranges: parseRanges(r)}
}

func appendPrune(*frame.Writer, *Prune) {}

func parsePrune(*frame.Reader) *Prune { return &Prune{} }

func appendMiss(w *frame.Writer, m *Miss) {
	if m.Why > Gone {
		w.Fail("why", "is not one of the protocol", frame.ErrMalformed)
	}
	w.Byte(byte(m.Why))
	w.Age(m.Age)
	checkRange(w, m.Range)
	appendRange(w, m.Range)
}

func parseMiss(r *frame.Reader) *Miss {
	return &Miss{Why: parseWhy(r), Age: r.Age("age"), Range: parseRange(r)}
}

// parseWhy maps an unknown reason to Unknown: the only certainty is that the events do
// not arrive.
func parseWhy(r *frame.Reader) Why {
	why := Why(r.Byte("why"))
	if why > Gone {
		return Unknown
	}
	return why
}

func appendPulse(w *frame.Writer, m *Pulse) {
	w.Origin("root", m.Root)
	w.Byte(m.Rank)
	w.Byte(m.Hops)
	w.Seq("count", m.Count, 0)
}

func parsePulse(r *frame.Reader) *Pulse {
	return &Pulse{Root: r.Origin("root"), Rank: r.Byte("rank"), Hops: r.Byte("hops"), Count: r.Seq("count", 0)}
}

// appendRanges checks all ranges before the first origin enters the table.
func appendRanges(w *frame.Writer, list []Range) {
	w.Count("ranges", len(list), MaxRanges)
	for _, rg := range list {
		checkRange(w, rg)
	}
	for _, rg := range list {
		appendRange(w, rg)
	}
}

func parseRanges(r *frame.Reader) []Range {
	n := r.Count("ranges", MaxRanges, minRange)
	if n == 0 {
		return nil
	}
	list := make([]Range, n)
	for i := range list {
		list[i] = parseRange(r)
	}
	return list
}

func checkRange(w *frame.Writer, rg Range) {
	switch {
	case rg.Origin.ID.IsZero():
		w.Fail("range origin", "is zero", frame.ErrMalformed)
	case rg.From == 0:
		w.Fail("range", "begins at zero", frame.ErrMalformed)
	case rg.To < rg.From:
		w.Fail("range", "ends before it begins", frame.ErrMalformed)
	case rg.To > frame.MaxSeq+1:
		w.Fail("range", "ends out of range", frame.ErrMalformed)
	}
}

func appendRange(w *frame.Writer, rg Range) {
	w.TableOrigin(rg.Origin)
	w.Uvarint(rg.From)
	w.Uvarint(rg.To - rg.From)
}

func parseRange(r *frame.Reader) Range {
	origin := r.TableOrigin()
	from := r.Uvarint("range start")
	count := r.Uvarint("range count")
	if from == 0 || from > frame.MaxSeq+1 || count > frame.MaxSeq+1-from {
		r.Fail("range", "is out of range", frame.ErrMalformed)
		return Range{}
	}
	return Range{Origin: origin, From: from, To: from + count}
}
