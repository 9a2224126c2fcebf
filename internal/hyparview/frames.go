package hyparview

import (
	"math"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/frame"
)

// The kinds of membership. A contact is id 16, addr text.
const (
	KindJoin          frame.Kind = 0x10 // priority, flags (1: as seed)
	KindForwardJoin   frame.Kind = 0x11 // ttl, newcomer contact
	KindNeighbor      frame.Kind = 0x12 // priority, flags (1: kept) if one is set
	KindNeighborReply frame.Kind = 0x13 // flags (1: accepted), reason, degree, sample list of contacts
	KindDisconnect    frame.Kind = 0x14 // reason, try list of contacts
	KindShuffle       frame.Kind = 0x15 // ttl, sample list of contacts, at least one
	KindPing          frame.Kind = 0x16 // degree, sent ns uvarint
	KindPong          frame.Kind = 0x17 // degree, sent ns uvarint
)

// The limits of the frames of membership.
const (
	// MaxContacts is the longest list of contacts in one frame.
	MaxContacts = 64

	// MaxTTL is the longest random walk. A longer one is clamped to it.
	// HyParView walks 6 steps (section 5.1); this leaves room above.
	MaxTTL = 16

	// minContact is the length of a contact without an address.
	minContact = ident.Size + 1
)

// Frames registers the frames of membership.
var Frames = frame.Register("membership",
	frame.Spec{Kind: KindJoin, Name: "JOIN", Parse: frame.Parser(parseJoin), Append: frame.Appender(appendJoin)},
	frame.Spec{Kind: KindForwardJoin, Name: "FORWARDJOIN", Parse: frame.Parser(parseForwardJoin), Append: frame.Appender(appendForwardJoin)},
	frame.Spec{Kind: KindNeighbor, Name: "NEIGHBOR", Parse: frame.Parser(parseNeighbor), Append: frame.Appender(appendNeighbor)},
	frame.Spec{Kind: KindNeighborReply, Name: "NEIGHBORREPLY", Parse: frame.Parser(parseNeighborReply), Append: frame.Appender(appendNeighborReply)},
	frame.Spec{Kind: KindDisconnect, Name: "DISCONNECT", Parse: frame.Parser(parseDisconnect), Append: frame.Appender(appendDisconnect)},
	frame.Spec{Kind: KindShuffle, Name: "SHUFFLE", Parse: frame.Parser(parseShuffle), Append: frame.Appender(appendShuffle)},
	frame.Spec{Kind: KindPing, Name: "PING", Parse: frame.Parser(parsePing), Append: frame.Appender(appendPing)},
	frame.Spec{Kind: KindPong, Name: "PONG", Parse: frame.Parser(parsePong), Append: frame.Appender(appendPong)},
)

// Kind implements frame.Message.
func (*Join) Kind() frame.Kind { return KindJoin }

// Kind implements frame.Message.
func (*ForwardJoin) Kind() frame.Kind { return KindForwardJoin }

// Kind implements frame.Message.
func (*Neighbor) Kind() frame.Kind { return KindNeighbor }

// Kind implements frame.Message.
func (*NeighborReply) Kind() frame.Kind { return KindNeighborReply }

// Kind implements frame.Message.
func (*Disconnect) Kind() frame.Kind { return KindDisconnect }

// Kind implements frame.Message.
func (*Shuffle) Kind() frame.Kind { return KindShuffle }

// Kind implements frame.Message.
func (*Ping) Kind() frame.Kind { return KindPing }

// Kind implements frame.Message.
func (*Pong) Kind() frame.Kind { return KindPong }

func appendJoin(w *frame.Writer, m *Join) {
	appendPriority(w, m.Priority)
	w.Flags(m.AsSeed)
}

func parseJoin(r *frame.Reader) *Join {
	return &Join{Priority: parsePriority(r), AsSeed: r.Flag("flags")}
}

func appendForwardJoin(w *frame.Writer, m *ForwardJoin) {
	w.Byte(min(m.TTL, MaxTTL))
	appendContact(w, m.Newcomer)
}

func parseForwardJoin(r *frame.Reader) *ForwardJoin {
	return &ForwardJoin{TTL: parseTTL(r), Newcomer: parseContact(r)}
}

func appendNeighbor(w *frame.Writer, m *Neighbor) {
	appendPriority(w, m.Priority)
	if m.Kept { // version 1.0 has no flags here, and ignores them
		w.Flags(m.Kept)
	}
}

func parseNeighbor(r *frame.Reader) *Neighbor {
	return &Neighbor{Priority: parsePriority(r), Kept: r.Len() > 0 && r.Flag("flags")}
}

func appendNeighborReply(w *frame.Writer, m *NeighborReply) {
	w.Flags(m.Accepted)
	w.Byte(byte(m.Reason))
	w.Byte(m.Degree)
	appendContacts(w, "sample", m.Sample)
}

func parseNeighborReply(r *frame.Reader) *NeighborReply {
	return &NeighborReply{
		Accepted: r.Flag("flags"), Reason: parseReason(r), Degree: r.Byte("degree"), Sample: parseContacts(r, "sample"),
	}
}

func appendDisconnect(w *frame.Writer, m *Disconnect) {
	w.Byte(byte(m.Reason))
	appendContacts(w, "try", m.Try)
}

func parseDisconnect(r *frame.Reader) *Disconnect {
	return &Disconnect{Reason: parseReason(r), Try: parseContacts(r, "try")}
}

func appendShuffle(w *frame.Writer, m *Shuffle) {
	w.Byte(min(m.TTL, MaxTTL))
	if len(m.Sample) == 0 {
		w.Fail("sample", "is empty", frame.ErrMalformed)
	}
	appendContacts(w, "sample", m.Sample)
}

func parseShuffle(r *frame.Reader) *Shuffle {
	m := &Shuffle{TTL: parseTTL(r), Sample: parseContacts(r, "sample")}
	if len(m.Sample) == 0 {
		// The first contact of the sample is the node that shuffles.
		r.Fail("sample", "is empty", frame.ErrMalformed)
	}
	return m
}

func appendPing(w *frame.Writer, m *Ping) {
	w.Byte(m.Degree)
	appendClock(w, m.Sent)
}

func parsePing(r *frame.Reader) *Ping {
	return &Ping{Degree: r.Byte("degree"), Sent: parseClock(r)}
}

func appendPong(w *frame.Writer, m *Pong) {
	w.Byte(m.Degree)
	appendClock(w, m.Sent)
}

func parsePong(r *frame.Reader) *Pong {
	return &Pong{Degree: r.Byte("degree"), Sent: parseClock(r)}
}

func appendPriority(w *frame.Writer, p Priority) {
	if p > Bridge {
		w.Fail("priority", "is not one of the protocol", frame.ErrMalformed)
	}
	w.Byte(byte(p))
}

// parsePriority reads an unknown priority as Low, so no neighbour is evicted for it. The
// sender of any request must expect a refusal.
func parsePriority(r *frame.Reader) Priority {
	p := Priority(r.Byte("priority"))
	if p > Bridge {
		return Low
	}
	return p
}

// parseReason keeps an unknown reason, because a later version may have appended it.
// Reason.String returns words for it.
func parseReason(r *frame.Reader) Reason { return Reason(r.Byte("reason")) }

func parseTTL(r *frame.Reader) uint8 { return min(r.Byte("ttl"), MaxTTL) }

func appendContact(w *frame.Writer, c Contact) {
	w.ID(c.ID)
	w.Text("contact address", c.Addr, frame.MaxText)
}

func parseContact(r *frame.Reader) Contact {
	return Contact{ID: r.ID("contact id"), Addr: r.Text("contact address", frame.MaxText)}
}

func appendContacts(w *frame.Writer, field string, list []Contact) {
	w.Count(field, len(list), MaxContacts)
	for _, c := range list {
		appendContact(w, c)
	}
}

func parseContacts(r *frame.Reader, field string) []Contact {
	n := r.Count(field, MaxContacts, minContact)
	if n == 0 {
		return nil
	}
	list := make([]Contact, n)
	for i := range list {
		list[i] = parseContact(r)
	}
	return list
}

// appendClock writes a reading of the sender's clock in nanoseconds. The peer returns it
// unread. The sender must not trust the value that comes back.
func appendClock(w *frame.Writer, d time.Duration) { w.Uvarint(uint64(max(d, 0))) }

func parseClock(r *frame.Reader) time.Duration {
	ns := r.Uvarint("sent")
	if ns > math.MaxInt64 {
		r.Fail("sent", "is out of range", frame.ErrMalformed)
		return 0
	}
	return time.Duration(ns)
}
