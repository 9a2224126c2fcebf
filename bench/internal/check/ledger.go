package check

import (
	"bytes"
	"encoding/binary"
	"sync"
	"sync/atomic"

	"github.com/smokesignal-go/smokesignal/internal/ranges"
)

// Ledger records which messages were sent and which arrived. Any goroutine may call its
// methods, except Next and Sent: for each sender, only one goroutine at a time may call them.
type Ledger struct {
	// OnFirst is called for the first copy of every message that arrived unchanged. It
	// may be nil. Set it before anything arrives.
	OnFirst func(to int, m Message)

	n      int
	bodies bodies
	sent   []counter       // by sender
	next   []atomic.Uint64 // by receiver and sender: one more than the highest number that arrived
	holes  []holes         // by receiver and sender

	missing   atomic.Int64 // deliveries in holes
	doubled   atomic.Uint64
	reordered atomic.Uint64
	corrupt   atomic.Uint64
}

// counter has a cache line of its own, because senders count on all cores.
type counter struct {
	atomic.Uint64
	_ [56]byte
}

// holes are the numbers of one sender that one receiver misses, though a later one arrived.
type holes struct {
	mu     sync.Mutex
	ranges ranges.Ranges
}

// NewLedger returns a ledger for n nodes and messages of size bytes, including the header. The
// smallest size is HeaderSize.
func NewLedger(n, size int) *Ledger {
	return &Ledger{
		n:      n,
		bodies: newBodies(max(size-HeaderSize, 0)),
		sent:   make([]counter, n),
		next:   make([]atomic.Uint64, n*n),
		holes:  make([]holes, n*n),
	}
}

// Next returns the next message of a sender. Its body must not be changed.
func (l *Ledger) Next(from int, at int64) Message {
	seq := l.sent[from].Load()
	return Message{From: uint32(from), Seq: seq, At: at, Body: l.bodies.of(uint32(from), seq)}
}

// Sent records that the message of the last Next was sent. If the system refused it, the
// caller does not call Sent, and Next returns the same number again.
func (l *Ledger) Sent(from int) { l.sent[from].Add(1) }

// ReceiveBytes does what Receive does, for a message encoded by Append. It decodes only the
// fields that it needs, because a Message for every delivery would double the cost.
func (l *Ledger) ReceiveBytes(to int, b []byte) {
	if len(b) < HeaderSize {
		l.corrupt.Add(1)
		return
	}
	from, seq := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint64(b[4:])
	if !l.receive(to, from, seq, b[HeaderSize:]) || l.OnFirst == nil {
		return
	}
	if m, err := Parse(b); err == nil {
		l.OnFirst(to, m)
	}
}

// Receive records that a message arrived at a node. It ignores messages that a node gets from
// itself.
func (l *Ledger) Receive(to int, m Message) {
	if l.receive(to, m.From, m.Seq, m.Body) && l.OnFirst != nil {
		l.OnFirst(to, m)
	}
}

// receive reports whether a delivery is the first copy of a message, unchanged.
func (l *Ledger) receive(to int, from uint32, seq uint64, body []byte) (first bool) {
	if uint(from) >= uint(l.n) || !bytes.Equal(body, l.bodies.of(from, seq)) {
		l.corrupt.Add(1)
		return false
	}
	if uint(to) == uint(from) {
		return false
	}
	pair := to*l.n + int(from)
	return l.next[pair].CompareAndSwap(seq, seq+1) || l.receiveOdd(pair, seq)
}

// receiveOdd records a message whose number is not the next one. It reports whether the
// message is the first copy.
func (l *Ledger) receiveOdd(pair int, seq uint64) (first bool) {
	h := &l.holes[pair]
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		next := l.next[pair].Load()
		if seq < next {
			break
		}
		if l.next[pair].CompareAndSwap(next, seq+1) {
			h.ranges.Add(next, seq)
			l.missing.Add(int64(seq - next))
			return true
		}
	}
	if !h.ranges.Take(seq) {
		l.doubled.Add(1)
		return false
	}
	l.missing.Add(-1)
	l.reordered.Add(1)
	return true
}

// Corrupt records that something arrived that could not be decoded.
func (l *Ledger) Corrupt() { l.corrupt.Add(1) }

// Delivered returns how many messages have arrived so far, without second copies.
func (l *Ledger) Delivered() uint64 {
	var sum uint64
	for i := range l.next {
		sum += l.next[i].Load()
	}
	return sum - uint64(max(l.missing.Load(), 0))
}

// SlowestOf returns how many messages of a sender the slowest receiver has received or
// lost. It ignores receivers for which except returns true. except may be nil.
func (l *Ledger) SlowestOf(from int, except func(to int) bool) uint64 {
	least := ^uint64(0)
	for to := range l.n {
		if to != from && (except == nil || !except(to)) {
			least = min(least, l.next[to*l.n+from].Load())
		}
	}
	return least
}

// SentBy returns how many messages a sender has sent.
func (l *Ledger) SentBy(from int) uint64 { return l.sent[from].Load() }

// Counts are the totals of a ledger at one moment.
type Counts struct {
	Sent      uint64 `json:"sent"`      // messages
	Delivered uint64 `json:"delivered"` // deliveries, each of one message to one receiver
	Skipped   uint64 `json:"skipped"`   // missing deliveries after which a later message was delivered
	Absent    uint64 `json:"absent"`    // missing deliveries after which no later message was delivered
	Doubled   uint64 `json:"doubled"`   // copies after the first
	Reordered uint64 `json:"reordered"` // messages that arrived after a later one of the same sender
	Corrupt   uint64 `json:"corrupt"`   // messages that arrived changed
}

// Counts returns the totals.
func (l *Ledger) Counts() Counts {
	c := Counts{
		Delivered: l.Delivered(), Doubled: l.doubled.Load(),
		Reordered: l.reordered.Load(), Corrupt: l.corrupt.Load(),
	}
	for i := range l.sent {
		c.Sent += l.sent[i].Load()
	}
	c.Skipped = uint64(max(l.missing.Load(), 0))
	if due := c.Sent * uint64(l.n-1); due > c.Delivered+c.Skipped {
		c.Absent = due - c.Delivered - c.Skipped
	}
	return c
}
