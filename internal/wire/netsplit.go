package wire

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/netsplit"
)

func (w *writer) netsplit(m netsplit.Message) {
	switch m := m.(type) {
	case *netsplit.Beacon:
		w.kind(KindBeacon)
		w.origin("origin", m.Origin)
		w.seq("count", m.Count, 0)
		w.text("address", m.Addr, MaxText)
	case *netsplit.Probe:
		w.kind(KindProbe)
		w.probe(m.Isolated, m.Settled, m.Known)
	case *netsplit.ProbeReply:
		w.kind(KindProbeReply)
		w.probe(m.Isolated, m.Settled, m.Known)
	case *netsplit.Split:
		w.kind(KindSplit)
		w.id(m.Ours)
		w.id(m.Other)
	default:
		w.fail("type", "is not one of netsplit", ErrUnknownMessage)
	}
}

func (r *reader) netsplit(kind Kind) any {
	switch kind {
	case KindBeacon:
		return &netsplit.Beacon{Origin: r.origin("origin"), Count: r.seq("count", 0), Addr: r.text("address", MaxText)}
	case KindProbe:
		isolated, settled, known := r.probe()
		return &netsplit.Probe{Known: known, Settled: settled, Isolated: isolated}
	case KindProbeReply:
		isolated, settled, known := r.probe()
		return &netsplit.ProbeReply{Known: known, Settled: settled, Isolated: isolated}
	case KindSplit:
		return &netsplit.Split{Ours: r.id("ours"), Other: r.id("other")}
	}
	return nil
}

// minSighting is the length of a sighting of this very millisecond.
const minSighting = ident.Size + 1

// A question and its answer look alike.

func (w *writer) probe(isolated bool, settled time.Duration, known []netsplit.Sighting) {
	w.flags(isolated)
	w.age(settled)
	w.count("known", len(known), MaxSightings)
	for _, s := range known {
		w.knownID("known id", s.ID)
		w.age(s.Age)
	}
}

func (r *reader) probe() (isolated bool, settled time.Duration, known []netsplit.Sighting) {
	isolated = r.flag("flags")
	settled = r.age("settled")
	if n := r.count("known", MaxSightings, minSighting); n > 0 {
		known = make([]netsplit.Sighting, n)
	}
	for i := range known {
		known[i] = netsplit.Sighting{ID: r.knownID("known id"), Age: r.age("known age")}
	}
	return isolated, settled, known
}
