package census

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/frame"
)

// The kinds of the census.
const (
	KindCount      frame.Kind = 0x40 // query 8, origin id 16, wait ms, digests uvarint
	KindCountReply frame.Kind = 0x41 // query 8, origin id 16, flags (1: partial), nodes uvarint
	KindTell       frame.Kind = 0x42 // query 8, origin id 16, list of digests, each with its length as a uvarint
)

const (
	// MaxNodes is the highest number of nodes that a count may claim. A higher
	// one is clamped to it, so that no sum of claims overflows.
	MaxNodes = 1 << 32

	// MaxNumber is the highest number in a digest. JSON readers that use float64 represent
	// every integer up to it exactly.
	MaxNumber = 1 << 53

	// MaxMicros is the longest round trip in a digest, in microseconds.
	MaxMicros = 60_000_000

	// MaxAgeOfNode is the highest age of a node in a digest, in milliseconds: a century.
	MaxAgeOfNode = 100 * 365 * 24 * 3600 * 1000

	// The shortest digest, of a node that has neither address, version nor links; and
	// the shortest link.
	minDigest = 1 + 16 + 8 + 1 + 1 + 1 + 16 + 12 + 1 + 1
	minLink   = 16 + 1 + 1 + 1
)

// Frames are the frames of the census.
var Frames = frame.Register("census",
	frame.Spec{Kind: KindCount, Name: "COUNT", Parse: frame.Parser(parseCount), Append: frame.Appender(appendCount)},
	frame.Spec{Kind: KindCountReply, Name: "COUNTREPLY", Parse: frame.Parser(parseCountReply), Append: frame.Appender(appendCountReply)},
	frame.Spec{Kind: KindTell, Name: "TELL", Class: frame.Answer, Parse: frame.Parser(parseTell), Append: frame.Appender(appendTell)},
)

// Kind implements frame.Message.
func (*Count) Kind() frame.Kind { return KindCount }

// Kind implements frame.Message.
func (*CountReply) Kind() frame.Kind { return KindCountReply }

// Kind implements frame.Message.
func (*Tell) Kind() frame.Kind { return KindTell }

func appendCount(w *frame.Writer, m *Count) {
	w.Uint64(m.Query)
	w.KnownID("origin", m.Origin)
	w.Age(m.Wait)
	w.Uvarint(min(m.Digests, MaxNumber))
}

func parseCount(r *frame.Reader) *Count {
	return &Count{
		Query: r.Uint64("query"), Origin: r.KnownID("origin"), Wait: r.Age("wait"), Digests: parseNumber(r, "digests"),
	}
}

func appendCountReply(w *frame.Writer, m *CountReply) {
	w.Uint64(m.Query)
	w.KnownID("origin", m.Origin)
	w.Flags(m.Partial)
	w.Uvarint(min(m.Nodes, MaxNodes))
}

func parseCountReply(r *frame.Reader) *CountReply {
	return &CountReply{
		Query: r.Uint64("query"), Origin: r.KnownID("origin"), Partial: r.Flag("flags"), Nodes: min(r.Uvarint("nodes"), MaxNodes),
	}
}

func appendTell(w *frame.Writer, m *Tell) {
	w.Uint64(m.Query)
	w.KnownID("origin", m.Origin)
	w.Count("digests", len(m.Digests), MaxDigests)
	for i := range m.Digests {
		appendDigest(w, &m.Digests[i])
	}
}

func parseTell(r *frame.Reader) *Tell {
	m := &Tell{Query: r.Uint64("query"), Origin: r.KnownID("origin")}
	n := r.Count("digests", MaxDigests, minDigest)
	for range n {
		m.Digests = append(m.Digests, parseDigest(r))
	}
	return m
}

// Numbers returns the plain numbers of a digest in the order in which they are written.
func Numbers(d *Digest) [12]*uint64 {
	return [...]*uint64{
		&d.MinPeers, &d.MaxPeers, &d.Known, &d.Queued, &d.Emitted, &d.Delivered,
		&d.Duplicates, &d.Gaps, &d.Refused, &d.SeedsLost, &d.Degree, &d.History,
	}
}

// appendDigest writes a digest with its length before it, so that later versions can
// append fields.
func appendDigest(w *frame.Writer, d *Digest) {
	var own frame.Writer
	own.Origin("node", d.Node)
	own.Text("address", d.Addr, frame.MaxText)
	own.Text("version", d.Version, MaxVersion)
	own.Uvarint(min(uint64(max(d.Age, 0).Milliseconds()), MaxAgeOfNode))
	own.ID(d.Component)
	for _, n := range Numbers(d) {
		own.Uvarint(min(*n, MaxNumber))
	}
	own.Count("links", len(d.Links), MaxLinks)
	for _, l := range d.Links {
		own.ID(l.Peer)
		own.Uvarint(min(uint64(max(l.RTT, 0).Microseconds()), MaxMicros))
		own.Flags(l.Eager, l.Dialled)
		own.Uvarint(min(l.Lag, MaxNumber))
	}
	own.Count("left", len(d.Left), MaxLeft)
	for _, id := range d.Left {
		own.ID(id)
	}
	w.Join(&own)
}

// parseNumber reads a count and clamps it, so that this node can forward it.
func parseNumber(r *frame.Reader, field string) uint64 { return min(r.Uvarint(field), MaxNumber) }

func parseDigest(r *frame.Reader) (d Digest) {
	own := r.Nested("digest", int(min(r.Uvarint("digest"), frame.MaxControl)))
	d.Node = own.Origin("node")
	d.Addr = own.Text("address", frame.MaxText)
	d.Version = own.Text("version", MaxVersion)
	d.Age = time.Duration(min(own.Uvarint("age"), MaxAgeOfNode)) * time.Millisecond
	d.Component = own.ID("component")
	for _, n := range Numbers(&d) {
		*n = parseNumber(&own, "number")
	}
	n := own.Count("links", MaxLinks, minLink)
	for range n {
		l := Link{Peer: own.ID("peer"), RTT: time.Duration(min(own.Uvarint("rtt"), MaxMicros)) * time.Microsecond}
		flags := own.Byte("flags")
		l.Eager, l.Dialled = flags&1 != 0, flags&2 != 0
		l.Lag = parseNumber(&own, "lag")
		d.Links = append(d.Links, l)
	}
	for range own.Count("left", MaxLeft, ident.Size) {
		d.Left = append(d.Left, own.ID("left"))
	}
	r.Join(&own)
	return d
}
