package wire

import (
	"math"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/peerlist"
)

func (w *writer) membership(m peerlist.Message) {
	switch m := m.(type) {
	case *peerlist.Join:
		w.kind(KindJoin)
		w.priority(m.Priority)
		w.flags(m.AsSeed)
	case *peerlist.ForwardJoin:
		w.kind(KindForwardJoin)
		w.byte(min(m.TTL, MaxTTL))
		w.contact(m.Newcomer)
	case *peerlist.Neighbor:
		w.kind(KindNeighbor)
		w.priority(m.Priority)
		if m.Kept { // 1.0 has no flags here, and ignores them
			w.flags(m.Kept)
		}
	case *peerlist.NeighborReply:
		w.kind(KindNeighborReply)
		w.flags(m.Accepted)
		w.byte(byte(m.Reason))
		w.byte(m.Degree)
		w.contacts("sample", m.Sample)
	case *peerlist.Disconnect:
		w.kind(KindDisconnect)
		w.byte(byte(m.Reason))
		w.contacts("try", m.Try)
	case *peerlist.Shuffle:
		w.kind(KindShuffle)
		w.byte(min(m.TTL, MaxTTL))
		if len(m.Sample) == 0 {
			w.fail("sample", "is empty", ErrMalformed)
		}
		w.contacts("sample", m.Sample)
	case *peerlist.Ping:
		w.kind(KindPing)
		w.byte(m.Degree)
		w.clock(m.Sent)
	case *peerlist.Pong:
		w.kind(KindPong)
		w.byte(m.Degree)
		w.clock(m.Sent)
	default:
		w.fail("type", "is not one of membership", ErrUnknownMessage)
	}
}

func (r *reader) membership(kind Kind) any {
	switch kind {
	case KindJoin:
		return &peerlist.Join{Priority: r.priority(), AsSeed: r.flag("flags")}
	case KindForwardJoin:
		return &peerlist.ForwardJoin{TTL: r.ttl(), Newcomer: r.contact()}
	case KindNeighbor:
		return &peerlist.Neighbor{Priority: r.priority(), Kept: len(r.rest) > 0 && r.flag("flags")}
	case KindNeighborReply:
		return &peerlist.NeighborReply{
			Accepted: r.flag("flags"), Reason: r.reason(), Degree: r.byte("degree"), Sample: r.contacts("sample"),
		}
	case KindDisconnect:
		return &peerlist.Disconnect{Reason: r.reason(), Try: r.contacts("try")}
	case KindShuffle:
		m := &peerlist.Shuffle{TTL: r.ttl(), Sample: r.contacts("sample")}
		if len(m.Sample) == 0 {
			// Its first contact is the node that shuffles.
			r.fail("sample", "is empty", ErrMalformed)
		}
		return m
	case KindPing:
		return &peerlist.Ping{Degree: r.byte("degree"), Sent: r.clock()}
	case KindPong:
		return &peerlist.Pong{Degree: r.byte("degree"), Sent: r.clock()}
	}
	return nil
}

func (w *writer) priority(p peerlist.Priority) {
	if p > peerlist.Bridge {
		w.fail("priority", "is not one of the protocol", ErrMalformed)
	}
	w.byte(byte(p))
}

// priority reads one that is not known as Low: whoever sends it can live with
// a refusal, and no neighbour has to go for it.
func (r *reader) priority() peerlist.Priority {
	p := peerlist.Priority(r.byte("priority"))
	if p > peerlist.Bridge {
		return peerlist.Low
	}
	return p
}

// reason keeps one that is not known: reasons are only ever appended, and
// peerlist has words for it.
func (r *reader) reason() peerlist.Reason { return peerlist.Reason(r.byte("reason")) }

func (r *reader) ttl() uint8 { return min(r.byte("ttl"), MaxTTL) }

// minContact is the length of a contact without an address.
const minContact = ident.Size + 1

func (w *writer) contact(c peerlist.Contact) {
	w.id(c.ID)
	w.text("contact address", c.Addr, MaxText)
}

func (r *reader) contact() peerlist.Contact {
	return peerlist.Contact{ID: r.id("contact id"), Addr: r.text("contact address", MaxText)}
}

func (w *writer) contacts(field string, list []peerlist.Contact) {
	w.count(field, len(list), MaxContacts)
	for _, c := range list {
		w.contact(c)
	}
}

func (r *reader) contacts(field string) []peerlist.Contact {
	n := r.count(field, MaxContacts, minContact)
	if n == 0 {
		return nil
	}
	list := make([]peerlist.Contact, n)
	for i := range list {
		list[i] = r.contact()
	}
	return list
}

// clock writes a reading of the sender's clock in nanoseconds. Only the node
// whose clock it is reads it, when it comes back; it must then expect a lie.
func (w *writer) clock(d time.Duration) { w.uvarint(uint64(max(d, 0))) }

func (r *reader) clock() time.Duration {
	ns := r.uvarint("sent")
	if ns > math.MaxInt64 {
		r.fail("sent", "is out of range", ErrMalformed)
		return 0
	}
	return time.Duration(ns)
}
