package overlay

import (
	"strings"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/frame"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/netsplit"
)

// Addresses in membership and netsplit messages are rewritten here, where frames enter
// and leave the machine. Each received address gets its canonical form, and no address is
// sent with a zone of this machine. Package ident explains both.

// canonicalize brings the addresses of a received message into their canonical form. zone
// is the IPv6 zone of the link.
func canonicalize(msg frame.Message, zone string) {
	switch msg := msg.(type) {
	case *hyparview.ForwardJoin:
		msg.Newcomer.Addr = ident.HeardAddr(msg.Newcomer.Addr, zone)
	case *hyparview.NeighborReply:
		hearAll(msg.Sample, zone)
	case *hyparview.Disconnect:
		hearAll(msg.Try, zone)
	case *hyparview.Shuffle:
		hearAll(msg.Sample, zone)
	case *netsplit.Beacon:
		msg.Addr = ident.HeardAddr(msg.Addr, zone)
	}
}

func hearAll(contacts []hyparview.Contact, zone string) {
	for i := range contacts {
		contacts[i].Addr = ident.HeardAddr(contacts[i].Addr, zone)
	}
}

// withoutZones returns a message without zones, as it may be sent. It copies the parts
// that it changes.
func withoutZones(msg frame.Message) frame.Message {
	switch msg := msg.(type) {
	case *hyparview.ForwardJoin:
		if hasZone(msg.Newcomer.Addr) {
			copied := *msg
			copied.Newcomer.Addr = ident.TellAddr(msg.Newcomer.Addr)
			return &copied
		}
	case *hyparview.NeighborReply:
		if list, changed := tellAll(msg.Sample); changed {
			copied := *msg
			copied.Sample = list
			return &copied
		}
	case *hyparview.Disconnect:
		if list, changed := tellAll(msg.Try); changed {
			copied := *msg
			copied.Try = list
			return &copied
		}
	case *hyparview.Shuffle:
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

func tellAll(contacts []hyparview.Contact) (list []hyparview.Contact, changed bool) {
	for i := range contacts {
		if !hasZone(contacts[i].Addr) {
			continue
		}
		if !changed {
			list, changed = append([]hyparview.Contact(nil), contacts...), true
		}
		list[i].Addr = ident.TellAddr(contacts[i].Addr)
	}
	return list, changed
}

func hasZone(addr string) bool { return strings.IndexByte(addr, '%') >= 0 }
