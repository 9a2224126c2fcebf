package loadtest

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// The sizes that an event of a run can have: its arguments as encoded, which is
// what smoke.Options.MaxPayload limits.
const (
	MinSize = 3 + headerSize // the shortest form of a list of one, and of bytes
	MaxSize = 1 << 20        // the most that nodes carry
)

// The one argument of an event is bytes: checksum of all that follows 4 B, run 8 B,
// number 8 B, due 8 B, ask 16 B, flags 1 B, and padding. All big-endian.
const headerSize = 4 + 8 + 8 + 8 + len(smoke.ID{}) + 1

const flagMeasured = 1

// event is what stands in one event of a run.
type event struct {
	run      uint64
	number   uint64
	due      time.Duration // on the emitter's clock; other nodes can't use it
	ask      smoke.ID      // the node that must echo it; or all, or none
	measured bool          // not part of the warm-up
}

var (
	nobody    smoke.ID
	everybody = smoke.ID{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
)

var (
	errShape = errors.New("no event of a run")
	errSum   = errors.New("the checksum differs")
	sums     = crc32.MakeTable(crc32.Castagnoli) // there is an instruction for it
)

// envelope is the memory of all events of a run: Emit copies what it is given.
type envelope struct {
	raw  smoke.Raw
	body []byte // the part of it that is the argument
}

// newEnvelope makes one for arguments of that size, MinSize to MaxSize.
func newEnvelope(size int, run uint64) *envelope {
	raw := make([]byte, size)
	raw[0] = 0x91 // a list of one
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
	random := rand.New(rand.NewPCG(run, 0)) // so that nothing on the way can compress it
	for i := headerSize; i < len(e.body); i++ {
		e.body[i] = byte(random.Uint32())
	}
	return e
}

// seal writes an event. The result is good until the next call.
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

// open reads an event. It takes no memory, whatever the bytes.
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

// onlyBytes gives the bytes in a list that holds nothing else.
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
