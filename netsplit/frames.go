package netsplit

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/frame"
)

// The frame kinds of netsplit. A sighting has the fields id 16 and age ms.
const (
	KindBeacon     frame.Kind = 0x20 // origin id 16, origin epoch 8, count uvarint, addr text
	KindProbe      frame.Kind = 0x21 // flags (1: isolated), settled ms, known list of sightings
	KindProbeReply frame.Kind = 0x22 // as PROBE
	KindSplit      frame.Kind = 0x23 // ours id 16, other id 16
)

const (
	// MaxSightings bounds the sightings in one frame.
	MaxSightings = 16

	// minSighting is the length of the shortest sighting: one with age 0.
	minSighting = ident.Size + 1
)

// Frames registers the frames of netsplit.
var Frames = frame.Register("netsplit",
	frame.Spec{Kind: KindBeacon, Name: "BEACON", Parse: frame.Parser(parseBeacon), Append: frame.Appender(appendBeacon)},
	frame.Spec{Kind: KindProbe, Name: "PROBE", Parse: frame.Parser(parseProbe), Append: frame.Appender(appendProbe)},
	frame.Spec{Kind: KindProbeReply, Name: "PROBEREPLY", Parse: frame.Parser(parseProbeReply), Append: frame.Appender(appendProbeReply)},
	frame.Spec{Kind: KindSplit, Name: "SPLIT", Parse: frame.Parser(parseSplit), Append: frame.Appender(appendSplit)},
)

// Kind implements frame.Message.
func (*Beacon) Kind() frame.Kind { return KindBeacon }

// Kind implements frame.Message.
func (*Probe) Kind() frame.Kind { return KindProbe }

// Kind implements frame.Message.
func (*ProbeReply) Kind() frame.Kind { return KindProbeReply }

// Kind implements frame.Message.
func (*Split) Kind() frame.Kind { return KindSplit }

func appendBeacon(w *frame.Writer, m *Beacon) {
	w.Origin("origin", m.Origin)
	w.Seq("count", m.Count, 0)
	w.Text("address", m.Addr, frame.MaxText)
}

func parseBeacon(r *frame.Reader) *Beacon {
	return &Beacon{Origin: r.Origin("origin"), Count: r.Seq("count", 0), Addr: r.Text("address", frame.MaxText)}
}

// A probe and its reply have the same layout.

func appendProbe(w *frame.Writer, m *Probe) {
	appendView(w, m.Isolated, m.Settled, m.Known)
}

func parseProbe(r *frame.Reader) *Probe {
	isolated, settled, known := parseView(r)
	return &Probe{Known: known, Settled: settled, Isolated: isolated}
}

func appendProbeReply(w *frame.Writer, m *ProbeReply) {
	appendView(w, m.Isolated, m.Settled, m.Known)
}

func parseProbeReply(r *frame.Reader) *ProbeReply {
	isolated, settled, known := parseView(r)
	return &ProbeReply{Known: known, Settled: settled, Isolated: isolated}
}

func appendView(w *frame.Writer, isolated bool, settled time.Duration, known []Sighting) {
	w.Flags(isolated)
	w.Age(settled)
	w.Count("known", len(known), MaxSightings)
	for _, s := range known {
		w.KnownID("known id", s.ID)
		w.Age(s.Age)
	}
}

func parseView(r *frame.Reader) (isolated bool, settled time.Duration, known []Sighting) {
	isolated = r.Flag("flags")
	settled = r.Age("settled")
	if n := r.Count("known", MaxSightings, minSighting); n > 0 {
		known = make([]Sighting, n)
	}
	for i := range known {
		known[i] = Sighting{ID: r.KnownID("known id"), Age: r.Age("known age")}
	}
	return isolated, settled, known
}

func appendSplit(w *frame.Writer, m *Split) {
	w.ID(m.Ours)
	w.ID(m.Other)
}

func parseSplit(r *frame.Reader) *Split {
	return &Split{Ours: r.ID("ours"), Other: r.ID("other")}
}
