package membernet

import (
	"bytes"
	"net"
	"sync"

	"github.com/hashicorp/memberlist"

	"github.com/smokesignal-go/smokesignal/bench/internal/check"
)

// queueMost is how many messages a node's queue holds before a sender waits. memberlist has no
// limit and sends only a few dozen small messages a second. Without a limit here, a sender would
// fill the memory.
const queueMost = 256

// queue sends messages along with the gossip. A node that gets a message for the first time puts
// it into its own queue, by which the message spreads.
type queue struct {
	memberlist.TransmitLimitedQueue

	mu     sync.Mutex // guards all below
	room   sync.Cond
	seen   map[id]struct{}
	closed bool
}

type id struct {
	from uint32
	seq  uint64
}

func newQueue(n int) *queue {
	q := &queue{seen: make(map[id]struct{})}
	q.room.L = &q.mu
	q.NumNodes = func() int { return n }
	q.RetransmitMult = memberlist.DefaultLANConfig().RetransmitMult
	return q
}

// emit queues a new message. It waits for room, and returns net.ErrClosed after Close.
func (q *queue) emit(m check.Message) error {
	q.mu.Lock()
	for q.NumQueued() >= queueMost && !q.closed {
		q.room.Wait()
	}
	closed := q.closed
	q.seen[id{m.From, m.Seq}] = struct{}{}
	q.mu.Unlock()
	if closed {
		return net.ErrClosed
	}
	q.QueueBroadcast(broadcast(m.Append(nil)))
	return nil
}

// isNew reports whether a message is the first copy. If so, it also queues the message, so that
// it spreads. It returns true for bytes that can't be decoded, so that the ledger counts them.
func (q *queue) isNew(b []byte) bool {
	m, err := check.Parse(b)
	if err != nil {
		return true
	}
	q.mu.Lock()
	_, old := q.seen[id{m.From, m.Seq}]
	q.seen[id{m.From, m.Seq}] = struct{}{}
	q.mu.Unlock()
	if !old {
		q.QueueBroadcast(broadcast(bytes.Clone(b)))
	}
	return !old
}

// GetBroadcasts returns messages of the queue, and wakes senders that wait for room.
func (q *queue) GetBroadcasts(overhead, limit int) [][]byte {
	list := q.TransmitLimitedQueue.GetBroadcasts(overhead, limit)
	q.mu.Lock()
	q.room.Broadcast()
	q.mu.Unlock()
	return list
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.room.Broadcast()
}

// broadcast is one message in the queue. It never replaces another one.
type broadcast []byte

func (b broadcast) Message() []byte                       { return b }
func (b broadcast) Invalidates(memberlist.Broadcast) bool { return false }
func (b broadcast) Finished()                             {}
func (b broadcast) UniqueBroadcast()                      {}
