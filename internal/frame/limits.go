package frame

import "time"

// These limits are shared by several protocols. They are part of the protocol: two nodes
// with different limits refuse each other's frames, so none of them is an option.
const (
	// MaxPayload is the longest payload of an event in bytes, with its headers.
	MaxPayload = 1 << 20

	// MaxName is the longest name of an event in bytes. The shortest is 1.
	MaxName = 255

	// MaxEvent is the longest frame that carries an event, including its kind: the payload
	// plus 512 bytes for the name and the fields before it.
	MaxEvent = MaxPayload + 512

	// MaxControl is the longest frame that carries no event, including its kind. It is
	// the smallest round number that fits a list of 64 contacts with the longest
	// addresses (package hyparview).
	MaxControl = 18 << 10

	// MaxText is the longest address or text in bytes.
	MaxText = 255

	// MaxAge is the longest duration in a frame. Both ends clamp longer ones to it.
	MaxAge = 24 * time.Hour

	// MaxSeq is the highest sequence number of an event and the highest count of a beacon.
	// One bit of a uint64 stays free, so that the sum of two such numbers never overflows.
	MaxSeq = 1<<63 - 1

	// TableSize is the number of slots in the origin table of one direction of
	// a link.
	TableSize = 1024
)
