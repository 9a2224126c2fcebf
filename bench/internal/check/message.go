// Package check makes the messages that every system carries, and counts what
// became of them: a [Ledger] notices each message that is missing, comes twice,
// out of order, or changed, for every pair of a sender and a receiver. Nothing
// about a system is taken on trust, and a message that arrives as it should
// costs some fifteen nanoseconds.
package check

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
)

// Message is what is sent. The field names are those of its msgpack encoding,
// which the systems that decode use.
type Message struct {
	From uint32 // the sender, counted from 0
	Seq  uint64 // counts what it sent, from 0
	At   int64  // when it was due, in ns since the start of the process
	Body []byte // derived from From and Seq
}

// HeaderSize is what [Message.Append] puts before the body, in bytes.
const HeaderSize = 4 + 8 + 8

var errShort = errors.New("shorter than its header")

// Append writes the message for systems that carry bytes.
func (m Message) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, m.From)
	b = binary.LittleEndian.AppendUint64(b, m.Seq)
	b = binary.LittleEndian.AppendUint64(b, uint64(m.At))
	return append(b, m.Body...)
}

// Parse reads what Append wrote. The body is a part of b.
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

// offsets is how many different bodies there are. The table stays in the
// processor's nearest cache, and a header that got the wrong body is noticed
// 4095 times in 4096.
const offsets = 4096

// bodies gives each message its body: a piece of one random table, where it
// begins follows from the sender and the number.
type bodies struct {
	table []byte
	size  int
}

// newBodies makes bodies of size bytes; the table is the same in every process.
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
