package wire

import "fmt"

// Kind is the byte that says what a frame carries. Kinds are only ever
// appended, each to the group of its protocol.
//
// In the layouts, "text" is a length byte and that many bytes, "flags" is a
// byte whose unnamed bits are sent as zero and ignored, "ms" is a duration in
// milliseconds as a uvarint, "epoch 8" and "query 8" are big endian, and "list"
// is a uvarint and that many items.
type Kind uint8

// The link itself.
const (
	KindHello  Kind = 0x01 // magic 4, major, minor, capabilities uvarint, network text, id 16, epoch uvarint, addr text, seen text, proof text
	KindRefuse Kind = 0x02 // code, text
	KindDirect Kind = 0x03 // event body to the end of the frame
)

// Membership, package peerlist. A contact is id 16, addr text.
const (
	KindJoin          Kind = 0x10 // priority, flags (1: as seed)
	KindForwardJoin   Kind = 0x11 // ttl, newcomer contact
	KindNeighbor      Kind = 0x12 // priority
	KindNeighborReply Kind = 0x13 // flags (1: accepted), reason, degree, sample list of contacts
	KindDisconnect    Kind = 0x14 // reason, try list of contacts
	KindShuffle       Kind = 0x15 // ttl, sample list of contacts, at least one
	KindPing          Kind = 0x16 // degree, sent ns uvarint
	KindPong          Kind = 0x17 // degree, sent ns uvarint
)

// Netsplit, package netsplit. A sighting is id 16, age ms.
const (
	KindBeacon     Kind = 0x20 // origin id 16, origin epoch 8, count uvarint, addr text
	KindProbe      Kind = 0x21 // flags (1: isolated), settled ms, known list of sightings
	KindProbeReply Kind = 0x22 // as PROBE
	KindSplit      Kind = 0x23 // ours id 16, other id 16
)

// Broadcast, package plumtree. An origin is a uvarint: 0 and then id 16,
// epoch 8, which takes the next slot of the table; or k for slot k-1. A range
// is origin, from uvarint, count uvarint.
const (
	KindGossip Kind = 0x30 // origin, seq uvarint, round, age ms, event body to the end of the frame
	KindIHave  Kind = 0x31 // flags (1: sync), list of ranges
	KindGraft  Kind = 0x32 // flags (1: eager, 2: parent), max age ms, list of ranges
	KindPrune  Kind = 0x33 // nothing
	KindMiss   Kind = 0x34 // why, age ms, range
	KindPulse  Kind = 0x35 // root id 16, root epoch 8, rank, hops, count uvarint
)

// Pace, package pace.
const (
	KindSlow Kind = 0x38 // origin id 16, origin epoch 8, count uvarint, stop ms
)

// Census, package census.
const (
	KindCount      Kind = 0x40 // query 8, origin id 16, wait ms, digests uvarint
	KindCountReply Kind = 0x41 // query 8, origin id 16, flags (1: partial), nodes uvarint
	KindTell       Kind = 0x42 // query 8, origin id 16, list of digests, each with its length as a uvarint
)

var kindNames = map[Kind]string{
	KindHello: "HELLO", KindRefuse: "REFUSE", KindDirect: "DIRECT",
	KindJoin: "JOIN", KindForwardJoin: "FORWARDJOIN", KindNeighbor: "NEIGHBOR",
	KindNeighborReply: "NEIGHBORREPLY", KindDisconnect: "DISCONNECT", KindShuffle: "SHUFFLE",
	KindPing: "PING", KindPong: "PONG",
	KindBeacon: "BEACON", KindProbe: "PROBE", KindProbeReply: "PROBEREPLY", KindSplit: "SPLIT",
	KindGossip: "GOSSIP", KindIHave: "IHAVE", KindGraft: "GRAFT", KindPrune: "PRUNE", KindMiss: "MISS", KindPulse: "PULSE",
	KindSlow:  "SLOW",
	KindCount: "COUNT", KindCountReply: "COUNTREPLY", KindTell: "TELL",
}

// String gives the name of the kind as docs/protocol.md has it, or its number.
func (k Kind) String() string {
	if name, ok := kindNames[k]; ok {
		return name
	}
	return fmt.Sprintf("kind 0x%02x", uint8(k))
}

// limit is the longest frame of this kind, kind byte included. Kinds that are
// not known share the limit of control frames.
func (k Kind) limit() int {
	switch k {
	case KindGossip, KindDirect:
		return MaxEvent
	case KindHello:
		return MaxHello
	}
	return MaxControl
}
