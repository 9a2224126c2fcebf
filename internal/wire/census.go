package wire

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/census"
)

func (w *writer) census(m census.Message) {
	switch m := m.(type) {
	case *census.Count:
		w.kind(KindCount)
		w.uint64(m.Query)
		w.knownID("origin", m.Origin)
		w.age(m.Wait)
		w.uvarint(min(m.Digests, maxNumber))
	case *census.CountReply:
		w.kind(KindCountReply)
		w.uint64(m.Query)
		w.knownID("origin", m.Origin)
		w.flags(m.Partial)
		w.uvarint(min(m.Nodes, MaxNodes))
	case *census.Tell:
		w.kind(KindTell)
		w.uint64(m.Query)
		w.knownID("origin", m.Origin)
		w.count("digests", len(m.Digests), census.MaxDigests)
		for i := range m.Digests {
			w.digest(&m.Digests[i])
		}
	default:
		w.fail("type", "is not one of census", ErrUnknownMessage)
	}
}

func (r *reader) census(kind Kind) any {
	switch kind {
	case KindCount:
		return &census.Count{
			Query: r.uint64("query"), Origin: r.knownID("origin"), Wait: r.age("wait"), Digests: r.number("digests"),
		}
	case KindCountReply:
		return &census.CountReply{
			Query: r.uint64("query"), Origin: r.knownID("origin"), Partial: r.flag("flags"), Nodes: min(r.uvarint("nodes"), MaxNodes),
		}
	case KindTell:
		m := &census.Tell{Query: r.uint64("query"), Origin: r.knownID("origin")}
		n := r.count("digests", census.MaxDigests, minDigest)
		for range n {
			m.Digests = append(m.Digests, r.digest())
		}
		return m
	}
	return nil
}

const (
	maxNumber = 1 << 53 // of what is counted: whatever reads JSON can tell it from its neighbours
	maxMicros = 60_000_000
	// maxAgeOfNode is a century, in milliseconds.
	maxAgeOfNode = 100 * 365 * 24 * 3600 * 1000

	// The shortest digest, of a node that has neither address, version nor links; and
	// the shortest link.
	minDigest = 1 + 16 + 8 + 1 + 1 + 1 + 16 + 12 + 1 + 1
	minLink   = 16 + 1 + 1 + 1
)

// numbers are those of a digest in the order in which they are written.
func numbers(d *census.Digest) [12]*uint64 {
	return [...]*uint64{
		&d.MinPeers, &d.MaxPeers, &d.Known, &d.Queued, &d.Emitted, &d.Delivered,
		&d.Duplicates, &d.Gaps, &d.Refused, &d.SeedsLost, &d.Degree, &d.History,
	}
}

// digest writes one with its length before it, so that later versions can append
// fields.
func (w *writer) digest(d *census.Digest) {
	var own writer
	own.origin("node", d.Node)
	own.text("address", d.Addr, MaxText)
	own.text("version", d.Version, census.MaxVersion)
	own.uvarint(min(uint64(max(d.Age, 0).Milliseconds()), maxAgeOfNode))
	own.id(d.Component)
	for _, n := range numbers(d) {
		own.uvarint(min(*n, maxNumber))
	}
	own.count("links", len(d.Links), census.MaxLinks)
	for _, l := range d.Links {
		own.id(l.Peer)
		own.uvarint(min(uint64(max(l.RTT, 0).Microseconds()), maxMicros))
		own.flags(l.Eager, l.Dialled)
		own.uvarint(min(l.Lag, maxNumber))
	}
	own.count("left", len(d.Left), census.MaxLeft)
	for _, id := range d.Left {
		own.id(id)
	}
	if own.fault.err != nil && w.fault.err == nil {
		w.fault = own.fault
	}
	w.uvarint(uint64(len(own.buf)))
	w.buf = append(w.buf, own.buf...)
}

// number reads one that is counted, clamped to what can be told again.
func (r *reader) number(field string) uint64 { return min(r.uvarint(field), maxNumber) }

func (r *reader) digest() (d census.Digest) {
	own := reader{rest: r.take("digest", int(min(r.uvarint("digest"), MaxControl)))}
	d.Node = own.origin("node")
	d.Addr = own.text("address", MaxText)
	d.Version = own.text("version", census.MaxVersion)
	d.Age = time.Duration(min(own.uvarint("age"), maxAgeOfNode)) * time.Millisecond
	d.Component = own.id("component")
	for _, n := range numbers(&d) {
		*n = own.number("number")
	}
	n := own.count("links", census.MaxLinks, minLink)
	for range n {
		l := census.Link{Peer: own.id("peer"), RTT: time.Duration(min(own.uvarint("rtt"), maxMicros)) * time.Microsecond}
		flags := own.byte("flags")
		l.Eager, l.Dialled = flags&1 != 0, flags&2 != 0
		l.Lag = own.number("lag")
		d.Links = append(d.Links, l)
	}
	for range own.count("left", census.MaxLeft, ident.Size) {
		d.Left = append(d.Left, own.id("left"))
	}
	if own.fault.err != nil && r.fault.err == nil {
		r.fail(own.fault.field, own.fault.reason, own.fault.err)
	}
	return d
}
