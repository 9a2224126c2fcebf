package wire

import (
	"github.com/smokesignal-go/smokesignal/internal/batch"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/internal/signed"
)

// broadcast writes all kinds but GOSSIP, which has a way of its own. A frame is
// checked as a whole before the first of its origins enters the table: a frame
// that is not sent must leave no trace there.
func (w *writer) broadcast(table *sentOrigins, m plumtree.Message) {
	switch m := m.(type) {
	case *plumtree.IHave:
		w.kind(KindIHave)
		w.flags(m.Sync)
		w.ranges(table, m.Ranges)
	case *plumtree.Graft:
		w.kind(KindGraft)
		w.flags(m.Eager, m.Parent)
		w.age(m.MaxAge)
		w.ranges(table, m.Ranges)
	case *plumtree.Prune:
		w.kind(KindPrune)
	case *plumtree.Miss:
		w.kind(KindMiss)
		if m.Why > plumtree.Gone {
			w.fail("why", "is not one of the protocol", ErrMalformed)
		}
		w.byte(byte(m.Why))
		w.age(m.Age)
		w.checkRange(m.Range)
		w.eventRange(table, m.Range)
	case *plumtree.Pulse:
		w.kind(KindPulse)
		w.origin("root", m.Root)
		w.byte(m.Rank)
		w.byte(m.Hops)
		w.seq("count", m.Count, 0)
	default:
		w.fail("type", "is not one of broadcast", ErrUnknownMessage)
	}
}

func (d *Decoder) readBroadcast(kind Kind, r *reader) any {
	switch kind {
	case KindIHave:
		return &plumtree.IHave{Sync: r.flag("flags"), Ranges: d.readRanges(r)}
	case KindGraft:
		flags := r.byte("flags")
		return &plumtree.Graft{Eager: flags&1 != 0, Parent: flags&2 != 0, MaxAge: r.age("max age"), Ranges: d.readRanges(r)}
	case KindPrune:
		return &plumtree.Prune{}
	case KindMiss:
		return &plumtree.Miss{Why: r.why(), Age: r.age("age"), Range: d.readRange(r)}
	case KindPulse:
		return &plumtree.Pulse{Root: r.origin("root"), Rank: r.byte("rank"), Hops: r.byte("hops"), Count: r.seq("count", 0)}
	}
	return nil
}

// why reads one that is not known as Unknown: the events do not come, and that
// is all that is certain.
func (r *reader) why() plumtree.Why {
	why := plumtree.Why(r.byte("why"))
	if why > plumtree.Gone {
		return plumtree.Unknown
	}
	return why
}

// maxPacked bounds the bodies of a GOSSIP: the largest event there can be.
// Relays write other fields before them than they read, of another length.
var maxPacked = batch.Size(signed.Size + 1 + MaxName + MaxPayload)

// gossipFault finds what the other end would refuse.
func gossipFault(g *plumtree.Gossip) fault {
	switch {
	case g.Origin.ID.IsZero():
		return fault{"origin", "is zero", ErrMalformed}
	case g.Seq == 0 || g.Seq > MaxSeq:
		return fault{"seq", "is out of range", ErrMalformed}
	}
	count, _, f := countEvents(g.Body)
	switch {
	case f.err != nil:
		return f
	case count != g.Count:
		return fault{"events", "are not as many as it says", ErrMalformed}
	case uint64(count-1) > MaxSeq-g.Seq:
		return fault{"seq", "is out of range", ErrMalformed}
	}
	return fault{}
}

// countEvents counts the bodies of a GOSSIP, says whether some have a signature, and
// finds what is wrong with them.
func countEvents(b []byte) (count uint32, someSigned bool, f fault) {
	if len(b) > maxPacked {
		return 0, false, fault{"events", "are too long", ErrTooLarge}
	}
	for {
		body, rest, ok := batch.Next(b)
		if !ok {
			return 0, false, fault{"event", "is cut short", ErrMalformed}
		}
		if len(body) < 2 || body[0] == 0 || int(body[0]) >= len(body) || len(body) > MaxPayload {
			if f := bodyFault(body); f.err != nil {
				return 0, false, f
			}
			someSigned = someSigned || signed.Is(body)
		}
		if count++; count > plumtree.MaxRun {
			return 0, false, fault{"events", "are too many", ErrTooLarge}
		}
		if b = rest; len(b) == 0 {
			return count, someSigned, fault{}
		}
	}
}

func (d *Decoder) readGossip(r *reader) {
	g := &d.gossip
	g.Origin = d.origins.read(r)
	g.Seq = r.seq("seq", 1)
	g.Round = max(r.byte("round"), 1)
	g.Age = r.age("age")
	g.Count, g.Body, g.Signed, g.Verdict = 0, nil, false, plumtree.Open
	if r.fault.err != nil {
		return
	}
	count, someSigned, f := countEvents(r.rest)
	switch {
	case f.err != nil:
		r.fail(f.field, f.reason, f.err)
	case uint64(count-1) > MaxSeq-g.Seq:
		r.fail("seq", "is out of range", ErrMalformed)
	default:
		g.Count, g.Body, g.Signed, r.rest = count, r.rest, someSigned, nil
	}
}

// minRange is the length of a range of a few early events of an origin that is
// in the table. A range may be empty: then it tells how far the origin has come.
const minRange = 3

func (w *writer) ranges(table *sentOrigins, list []plumtree.Range) {
	w.count("ranges", len(list), MaxRanges)
	for _, rg := range list {
		w.checkRange(rg)
	}
	for _, rg := range list {
		w.eventRange(table, rg)
	}
}

func (d *Decoder) readRanges(r *reader) []plumtree.Range {
	n := r.count("ranges", MaxRanges, minRange)
	if n == 0 {
		return nil
	}
	list := make([]plumtree.Range, n)
	for i := range list {
		list[i] = d.readRange(r)
	}
	return list
}

func (w *writer) checkRange(rg plumtree.Range) {
	switch {
	case rg.Origin.ID.IsZero():
		w.fail("range origin", "is zero", ErrMalformed)
	case rg.From == 0:
		w.fail("range", "begins at zero", ErrMalformed)
	case rg.To < rg.From:
		w.fail("range", "ends before it begins", ErrMalformed)
	case rg.To > MaxSeq+1:
		w.fail("range", "ends out of range", ErrMalformed)
	}
}

// eventRange writes nothing once a fault was found.
func (w *writer) eventRange(table *sentOrigins, rg plumtree.Range) {
	if w.fault.err != nil {
		return
	}
	w.buf = table.append(w.buf, rg.Origin)
	w.uvarint(rg.From)
	w.uvarint(rg.To - rg.From)
}

func (d *Decoder) readRange(r *reader) plumtree.Range {
	origin := d.origins.read(r)
	from := r.uvarint("range start")
	count := r.uvarint("range count")
	if from == 0 || from > MaxSeq+1 || count > MaxSeq+1-from {
		r.fail("range", "is out of range", ErrMalformed)
		return plumtree.Range{}
	}
	return plumtree.Range{Origin: origin, From: from, To: from + count}
}
