package loadtest

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// The sizes that an event of a run can have. The size is that of the encoded arguments,
// which smoke.Options.MaxPayload limits.
const (
	MinSize = 3 + headerSize // with the shortest encodings of a list of one element and of bytes
	MaxSize = 1 << 20        // the most that nodes carry
)

// The one argument of an event is bytes: checksum of all bytes after it 4 B, run 8 B,
// number 8 B, due 8 B, ask 16 B, flags 1 B, and padding. All numbers are big-endian.
const headerSize = 4 + 8 + 8 + 8 + len(smoke.ID{}) + 1

const flagMeasured = 1

// event is the content of an event of a run.
type event struct {
	run      uint64
	number   uint64
	due      time.Duration // on the emitter's clock; other nodes can't use it
	ask      smoke.ID      // which nodes must echo it: one, all or none; see ask
	measured bool          // not part of the warm-up
}

var (
	nobody    smoke.ID
	everybody = smoke.ID{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
)

var (
	errShape = errors.New("not an event of a run")
	errSum   = errors.New("the checksum differs")
	sums     = crc32.MakeTable(crc32.Castagnoli) // processors have an instruction for it
)

// envelope is the buffer of all events of a run. It can be reused, because Emit copies its
// arguments.
type envelope struct {
	raw  smoke.Raw
	body []byte // the part of raw that holds the argument
}

// newEnvelope returns an envelope for arguments of size bytes, MinSize to MaxSize.
func newEnvelope(size int, run uint64) *envelope {
	raw := make([]byte, size)
	raw[0] = 0x91 // a list of one element
	head := 0
	switch {
	case size-3 <= 0xff:
		raw[1], raw[2], head = 0xc4, byte(size-3), 3
	case size-4 <= 0xffff:
		raw[1], head = 0xc5, 4
		binary.BigEndian.PutUint16(raw[2:], uint16(size-4))
	default:
		raw[1], head = 0xc6, 6
		binary.BigEndian.PutUint32(raw[2:], uint32(size-6))
	}
	e := &envelope{raw: raw, body: raw[head:]}
	random := rand.New(rand.NewPCG(run, 0)) // random padding can't be compressed on the way
	for i := headerSize; i < len(e.body); i++ {
		e.body[i] = byte(random.Uint32())
	}
	return e
}

// seal encodes an event. The result is valid until the next call.
func (e *envelope) seal(ev event) smoke.Raw {
	b := e.body
	binary.BigEndian.PutUint64(b[4:], ev.run)
	binary.BigEndian.PutUint64(b[12:], ev.number)
	binary.BigEndian.PutUint64(b[20:], uint64(ev.due))
	copy(b[28:], ev.ask[:])
	b[44] = 0
	if ev.measured {
		b[44] = flagMeasured
	}
	binary.BigEndian.PutUint32(b, crc32.Checksum(b[4:], sums))
	return e.raw
}

// open decodes an event. It allocates nothing, whatever the bytes are.
func open(raw smoke.Raw) (event, error) {
	b, ok := onlyBytes(raw)
	if !ok || len(b) < headerSize {
		return event{}, errShape
	}
	if binary.BigEndian.Uint32(b) != crc32.Checksum(b[4:], sums) {
		return event{}, errSum
	}
	number := binary.BigEndian.Uint64(b[12:])
	if number >= mostCounted {
		return event{}, errShape
	}
	return event{
		run:      binary.BigEndian.Uint64(b[4:]),
		number:   number,
		due:      time.Duration(binary.BigEndian.Uint64(b[20:])),
		ask:      smoke.ID(b[28:44]),
		measured: b[44]&flagMeasured != 0,
	}, nil
}

// onlyBytes returns the bytes in a list that holds nothing else.
func onlyBytes(raw []byte) ([]byte, bool) {
	if len(raw) < 3 || raw[0] != 0x91 {
		return nil, false
	}
	head, size := 0, 0
	switch c := raw[1]; {
	case c == 0xc4:
		head, size = 3, int(raw[2])
	case c == 0xc5 && len(raw) >= 4:
		head, size = 4, int(binary.BigEndian.Uint16(raw[2:]))
	case c == 0xc6 && len(raw) >= 6:
		head, size = 6, int(binary.BigEndian.Uint32(raw[2:]))
	default:
		return nil, false
	}
	return raw[head:], len(raw)-head == size
}
