// Package check makes the messages that every system carries, and checks their deliveries.
// For every pair of a sender and a receiver, a [Ledger] detects each message that is
// missing, duplicate, out of order or changed. It relies on nothing that a system reports
// about itself. The check of a correct message takes some fifteen nanoseconds.
package check

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
)

// Message is a message. The names of its fields are those of its msgpack encoding, for the
// systems that encode messages.
type Message struct {
	From uint32 // the sender, counted from 0
	Seq  uint64 // the number of the message among those of its sender, from 0
	At   int64  // when it was due, in ns since the start of the process
	Body []byte // depends on From and Seq
}

// HeaderSize is the length in bytes of the header that [Message.Append] writes before the body.
const HeaderSize = 4 + 8 + 8

var errShort = errors.New("shorter than its header")

// Append encodes the message, for systems that carry bytes.
func (m Message) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, m.From)
	b = binary.LittleEndian.AppendUint64(b, m.Seq)
	b = binary.LittleEndian.AppendUint64(b, uint64(m.At))
	return append(b, m.Body...)
}

// Parse decodes a message that Append encoded. The body is a part of b.
func Parse(b []byte) (Message, error) {
	if len(b) < HeaderSize {
		return Message{}, errShort
	}
	return Message{
		From: binary.LittleEndian.Uint32(b),
		Seq:  binary.LittleEndian.Uint64(b[4:]),
		At:   int64(binary.LittleEndian.Uint64(b[12:])),
		Body: b[HeaderSize:],
	}, nil
}

// offsets is the number of different bodies. Their table is so small that it stays in the
// processor's first cache. A header with the wrong body is detected 4095 times in 4096.
const offsets = 4096

// bodies returns the body of each message. All bodies are parts of one random table. Where a
// body begins depends on the sender and the number.
type bodies struct {
	table []byte
	size  int
}

// newBodies returns bodies of size bytes. The table is the same in every process.
func newBodies(size int) bodies {
	random := rand.New(rand.NewPCG(1, 2))
	table := make([]byte, offsets+size)
	for i := range table {
		table[i] = byte(random.Uint32())
	}
	return bodies{table, size}
}

func (b *bodies) of(from uint32, seq uint64) []byte {
	at := (seq*0x9e3779b97f4a7c15 + uint64(from)*0xbf58476d1ce4e5b9) >> 52 // 12 bits
	return b.table[at : at+uint64(b.size)]
}
