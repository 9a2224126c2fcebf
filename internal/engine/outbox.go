package engine

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/logging"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/internal/untaken"
	"github.com/smokesignal-go/smokesignal/internal/wire"
	"github.com/smokesignal-go/smokesignal/transport"
	"github.com/smokesignal-go/smokesignal/trust"
)

// One goroutine at a time writes to a link: its writer. While no data waits, there is no
// writer. A reader that relays events, or the timer, becomes the writer if there is none.
// It writes as much as the connection takes without blocking, which saves a switch of
// goroutines. A goroutine that may block writes the remaining data, and the events that
// programs emit.

const (
	// fillBytes is how many bytes of events an outbox takes at a time. It is as many as
	// one write can carry.
	fillBytes = 64 << 10
	// outboxFull is how many bytes may wait in an outbox when an event for this peer alone
	// is added. A 10 Mbit/s network carries that in half a second.
	outboxFull = 512 << 10
	// outboxMost limits the bytes of control frames that wait because a peer does not
	// read. If the limit is exceeded, the link ends.
	outboxMost = 4 << 20

	slowAfter   = 10 * time.Second // if a write makes no progress for that long, the link ends
	flushWithin = 2 * time.Second  // how long a link that this node ends may take to write its outbox
)

// outbox holds the bytes that wait to be written on a link. Events stay in the history
// until the writer is ready for them. link.mu guards it.
type outbox struct {
	enc      wire.Encoder
	out      []byte
	spare    []byte        // the last buffer that was written, for the next use
	inFlight int           // bytes that the writer has taken and not written yet
	unsaid                 // records which of the waiting events are this node's own
	awaited  bool          // a caller waits for room
	closing  bool          // the writer must write the waiting data, and then end
	writing  bool          // there is a writer
	over     bool          // there will be no further writer
	idle     chan struct{} // closed when there is no writer; nil while no caller waits for that
	ending   *time.Timer   // calls cutOff; nil before finish
	isCut    bool          // cutOff was called

	// Only the writer uses these fields.
	taken []byte
	rest  []byte // the part of taken that is not written yet
}

// put appends a control frame to the outbox. The caller holds driver.mu.
func (l *link) put(encode func(buf []byte) ([]byte, error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return
	}
	out, err := encode(l.out)
	if err != nil {
		l.d.afterwards(func() { l.d.log.Error("a frame could not be made; this is a bug", logging.Fields{"error": err}) })
		return
	}
	if len(l.out) == 0 {
		l.d.woken = append(l.d.woken, l)
	}
	l.out = out
	if len(out) > outboxMost {
		l.closing = true // the reader reports the end
		l.closeSoon()
	}
}

// putDirect appends an event for this peer alone. The caller holds driver.mu.
func (l *link) putDirect(body []byte) {
	l.put(func(buf []byte) ([]byte, error) {
		buf, err := l.enc.Append(buf, &wire.Direct{Body: body})
		if err == nil {
			l.direct++
		}
		return buf, err
	})
}

// unsaid records which events of this node wait in an outbox. link.mu guards it.
type unsaid struct {
	own, ownTaken       []untaken.Span // broadcasts of this node that are in the outbox, and those that the writer has taken
	direct, directTaken int            // numbers of events for this peer alone: in the outbox, and taken by the writer
}

// take records that the writer has taken the content of the outbox.
func (u *unsaid) take() {
	u.own, u.ownTaken = u.own[:0], append(u.ownTaken, u.own...) // two arrays, so that each is reused
	u.direct, u.directTaken = 0, u.directTaken+u.direct
}

// outboxes holds buffers for events, as pointers to slices. A link has a buffer only
// while its outbox is filled and written. So an idle link holds no buffer, and the few
// buffers that are in use stay in the processor's caches.
var outboxes = sync.Pool{New: func() any {
	buf := make([]byte, 0, fillBytes+fillBytes/2) // the last run may exceed fillBytes
	return &buf
}}

// prepare assigns a buffer to the outbox, and returns how many bytes of events fit into
// it. The caller holds driver.mu.
func (l *link) prepare() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if cap(l.out) < fillBytes {
		buf := *outboxes.Get().(*[]byte)
		l.out = append(buf[:0], l.out...)
	}
	return fillBytes - len(l.out)
}

// push appends events to the outbox. isOwn is set if this node emitted them. The caller
// holds driver.mu.
func (l *link) push(g *plumtree.Gossip, isOwn bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return
	}
	l.out = l.enc.AppendGossip(l.out, g)
	if !isOwn {
		return
	}
	s := untaken.Span{From: g.Seq, To: g.Seq + uint64(g.Count)}
	if n := len(l.own); n > 0 && l.own[n-1].To == s.From {
		l.own[n-1].To = s.To
		return
	}
	l.own = append(l.own, s)
}

// writeNow writes as much of one outbox as the connection takes without waiting. Another
// goroutine writes the remaining bytes. The caller does not hold driver.mu.
//
// A TryWrite of the program's transport might wait, so it is only called on that
// goroutine.
func (l *link) writeNow() {
	if _, ok := l.conn.(transport.TryWriter); !ok || l.ownConn != nil {
		l.writeSoon()
	} else if l.begin() && l.writeOne(false) {
		l.spawnWriter()
	}
}

// writeSoon starts a goroutine that writes the outbox.
func (l *link) writeSoon() {
	if l.begin() {
		l.spawnWriter()
	}
}

// spawnWriter makes a new goroutine the writer. Owner: the driver. The goroutine ends
// when no data waits, when the connection ends, or when the peer takes no data for too
// long. run waits for it.
func (l *link) spawnWriter() {
	l.d.spawn(func() {
		for more := true; more; {
			more = l.writeOne(true)
		}
	})
}

// begin makes the caller the writer, if there is none.
func (l *link) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.writing || l.over {
		return false
	}
	l.writing = true
	return true
}

// writeOne fills the outbox and writes it. If it returns true, there is more data to
// write, and the caller is still the writer.
func (l *link) writeOne(mayWait bool) (more bool) {
	if len(l.rest) == 0 {
		if l.ready.Load() {
			if mayWait {
				runtime.Gosched() // so that other goroutines can add data first
			}
			l.d.fill(l)
		}
		l.takeOutbox()
	}
	err := l.writeRest(mayWait)
	if err == nil && len(l.rest) > 0 {
		return true
	}
	more, last := l.giveBack(mayWait, err)
	switch {
	case err != nil:
		l.conn.Close() // the reader reports the end
	case last:
		l.hangUp()
	}
	return more
}

// takeOutbox takes the content of the outbox to write it, and leaves an empty outbox.
func (l *link) takeOutbox() {
	l.mu.Lock()
	l.taken, l.out, l.spare = l.out, l.spare[:0], nil
	l.rest, l.inFlight = l.taken, len(l.taken)
	l.unsaid.take()
	awaited := l.awaited
	l.awaited = false
	l.mu.Unlock()
	if awaited {
		l.d.wakeEmitters()
	}
}

// giveBack returns a buffer that was written. If no data was added in the meantime, or if
// the write has failed, the caller is no longer the writer. last reports that no writer
// follows and that the caller must end the link's direction. That may block, so a caller
// that must not block leaves it to another writer.
func (l *link) giveBack(mayWait bool, failed error) (more, last bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	buf := l.taken
	l.taken, l.rest = nil, nil
	switch {
	case failed != nil:
		l.closing = true
	case cap(buf) <= readSmall:
		l.spare = buf[:0]
	case cap(buf) >= fillBytes && cap(buf) <= 4*fillBytes:
		kept := buf // with &buf, every call would allocate buf on the heap
		outboxes.Put(&kept)
	}
	if failed == nil {
		l.inFlight = 0
		if len(l.ownTaken) > 0 {
			l.d.own.Take(l.ownTaken)
			l.d.own.Doubtful(&l.doubt, l.ownTaken, time.Now())
			l.ownTaken = l.ownTaken[:0]
		}
		l.directTaken = 0
		if len(l.out) > 0 || l.ready.Load() || l.closing && !mayWait {
			return true, false
		}
	}
	l.over = l.closing
	l.writing = false
	if l.idle != nil {
		close(l.idle)
	}
	return false, l.over
}

// writeRest writes l.rest, or as much of it as is possible without waiting. It fails if
// no byte is written for slowAfter, or if the connection is closed. If a link does not
// finish in time, cutOff closes the connection.
func (l *link) writeRest(mayWait bool) error {
	if conn, ok := l.conn.(transport.TryWriter); ok && len(l.rest) > 0 {
		n, err := conn.TryWrite(l.rest)
		l.wrote(n)
		if err != nil || !mayWait {
			return err
		}
	}
	if len(l.rest) == 0 {
		return nil
	}
	if _, ok := l.conn.(*trust.Conn); ok { // a trust.Conn limits its writes itself, and TLS can't continue after a deadline
		n, err := l.conn.Write(l.rest)
		l.wrote(n)
		return err
	}
	defer l.conn.SetWriteDeadline(time.Time{}) // otherwise the deadline would also apply to TryWrite
	for len(l.rest) > 0 {
		if err := l.conn.SetWriteDeadline(time.Now().Add(slowAfter)); err != nil {
			return err
		}
		n, err := l.conn.Write(l.rest)
		l.wrote(n)
		if err != nil && (n == 0 || !errors.Is(err, os.ErrDeadlineExceeded)) {
			return err
		}
	}
	return nil
}

// wrote removes the n written bytes from the start of l.rest.
func (l *link) wrote(n int) {
	l.rest = l.rest[n:]
	l.d.counters.BytesOut.Add(uint64(n))
}

// awaitWriter waits until the writer has ended, and prevents further writers.
func (l *link) awaitWriter() {
	l.mu.Lock()
	l.closing, l.over = true, true
	var idle chan struct{}
	if l.writing {
		idle = make(chan struct{})
		l.idle = idle
	}
	l.mu.Unlock()
	if idle != nil {
		<-idle
	}
}

// unsent returns how many bytes of the outbox were not sent, and how many events for this
// peer alone. wasCut reports whether the peer took them too slowly.
func (l *link) unsent() (bytes, direct int, wasCut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.out) + l.inFlight, l.direct + l.directTaken, l.isCut
}
