package overlay

import (
	"strings"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/frame"
	"github.com/smokesignal-go/smokesignal/netsplit"
	"github.com/smokesignal-go/smokesignal/peerlist"
)

// The machine rewrites the addresses in membership and netsplit messages at its edge:
// each received address gets its canonical form, and no address is sent with a zone of
// this machine. Package ident explains both.

// canonicalize brings the addresses of a received message into their canonical form.
// zone is the zone of the link.
func canonicalize(msg frame.Message, zone string) {
	switch msg := msg.(type) {
	case *peerlist.ForwardJoin:
		msg.Newcomer.Addr = ident.HeardAddr(msg.Newcomer.Addr, zone)
	case *peerlist.NeighborReply:
		hearAll(msg.Sample, zone)
	case *peerlist.Disconnect:
		hearAll(msg.Try, zone)
	case *peerlist.Shuffle:
		hearAll(msg.Sample, zone)
	case *netsplit.Beacon:
		msg.Addr = ident.HeardAddr(msg.Addr, zone)
	}
}

func hearAll(contacts []peerlist.Contact, zone string) {
	for i := range contacts {
		contacts[i].Addr = ident.HeardAddr(contacts[i].Addr, zone)
	}
}

// withoutZones returns a message as it may be sent: without zones. It copies what it
// changes.
func withoutZones(msg frame.Message) frame.Message {
	switch msg := msg.(type) {
	case *peerlist.ForwardJoin:
		if hasZone(msg.Newcomer.Addr) {
			copied := *msg
			copied.Newcomer.Addr = ident.TellAddr(msg.Newcomer.Addr)
			return &copied
		}
	case *peerlist.NeighborReply:
		if list, changed := tellAll(msg.Sample); changed {
			copied := *msg
			copied.Sample = list
			return &copied
		}
	case *peerlist.Disconnect:
		if list, changed := tellAll(msg.Try); changed {
			copied := *msg
			copied.Try = list
			return &copied
		}
	case *peerlist.Shuffle:
		if list, changed := tellAll(msg.Sample); changed {
			copied := *msg
			copied.Sample = list
			return &copied
		}
	case *netsplit.Beacon:
		if hasZone(msg.Addr) {
			copied := *msg
			copied.Addr = ident.TellAddr(msg.Addr)
			return &copied
		}
	}
	return msg
}

func tellAll(contacts []peerlist.Contact) (list []peerlist.Contact, changed bool) {
	for i := range contacts {
		if !hasZone(contacts[i].Addr) {
			continue
		}
		if !changed {
			list, changed = append([]peerlist.Contact(nil), contacts...), true
		}
		list[i].Addr = ident.TellAddr(contacts[i].Addr)
	}
	return list, changed
}

func hasZone(addr string) bool { return strings.IndexByte(addr, '%') >= 0 }
