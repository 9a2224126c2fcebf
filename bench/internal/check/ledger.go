package check

import (
	"bytes"
	"encoding/binary"
	"sync"
	"sync/atomic"

	"github.com/smokesignal-go/smokesignal/internal/ranges"
)

// Ledger knows what was sent and what arrived. All methods may be called from
// any goroutine, except Next and Sent: one goroutine at a time for each sender.
type Ledger struct {
	// OnFirst, if set before anything arrives, is called for the first copy of
	// every message that came as it was sent.
	OnFirst func(to int, m Message)

	n      int
	bodies bodies
	sent   []counter       // by sender
	next   []atomic.Uint64 // by receiver and sender: the highest number that came, plus one
	holes  []holes         // likewise

	missing   atomic.Int64 // below next, and not here
	doubled   atomic.Uint64
	reordered atomic.Uint64
	corrupt   atomic.Uint64
}

// counter is on a cache line of its own: senders count on all cores.
type counter struct {
	atomic.Uint64
	_ [56]byte
}

// holes are the numbers that one receiver misses of one sender.
type holes struct {
	mu     sync.Mutex
	ranges ranges.Ranges
}

// NewLedger is for n nodes and messages of size bytes, header included; the
// least is HeaderSize.
func NewLedger(n, size int) *Ledger {
	return &Ledger{
		n:      n,
		bodies: newBodies(max(size-HeaderSize, 0)),
		sent:   make([]counter, n),
		next:   make([]atomic.Uint64, n*n),
		holes:  make([]holes, n*n),
	}
}

// Next makes the message that a sender sends next. Its body must not be changed.
func (l *Ledger) Next(from int, at int64) Message {
	seq := l.sent[from].Load()
	return Message{From: uint32(from), Seq: seq, At: at, Body: l.bodies.of(uint32(from), seq)}
}

// Sent says that the message of the last Next was sent. Messages that the
// system refused to take are not counted: Next gives the same number again.
func (l *Ledger) Sent(from int) { l.sent[from].Add(1) }

// ReceiveBytes is Receive for what Append wrote. It reads what it needs itself:
// to make a Message of every delivery would double the cost.
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

// Receive says that a message arrived at a node. What a sender hears of itself
// is not counted.
func (l *Ledger) Receive(to int, m Message) {
	if l.receive(to, m.From, m.Seq, m.Body) && l.OnFirst != nil {
		l.OnFirst(to, m)
	}
}

// receive reports whether what arrived is the first copy of a message, unchanged.
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

// receiveOdd takes a message that was not the next one, and reports whether it
// is the first copy.
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

// Corrupt says that something arrived that could not even be decoded.
func (l *Ledger) Corrupt() { l.corrupt.Add(1) }

// Delivered is how many messages arrived so far, each copy beyond the first
// left out.
func (l *Ledger) Delivered() uint64 {
	var sum uint64
	for i := range l.next {
		sum += l.next[i].Load()
	}
	return sum - uint64(max(l.missing.Load(), 0))
}

// SlowestOf is how many messages of a sender have been passed by the receiver
// that has come the least far, lost ones included. Receivers that except
// reports true for do not count; nil means none.
func (l *Ledger) SlowestOf(from int, except func(to int) bool) uint64 {
	least := ^uint64(0)
	for to := range l.n {
		if to != from && (except == nil || !except(to)) {
			least = min(least, l.next[to*l.n+from].Load())
		}
	}
	return least
}

// SentBy is how many messages a sender has sent.
func (l *Ledger) SentBy(from int) uint64 { return l.sent[from].Load() }

// Counts is what a ledger holds at one moment.
type Counts struct {
	Sent      uint64 `json:"sent"`      // messages
	Delivered uint64 `json:"delivered"` // to one receiver each
	Skipped   uint64 `json:"skipped"`   // deliveries that did not happen, though a later one did
	Absent    uint64 `json:"absent"`    // deliveries that did not happen, nor any later one
	Doubled   uint64 `json:"doubled"`   // copies beyond the first
	Reordered uint64 `json:"reordered"` // that came after a later one of the same sender
	Corrupt   uint64 `json:"corrupt"`   // that were not what was sent
}

// Counts adds everything up.
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
