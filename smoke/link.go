package smoke

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/ident"
	"github.com/smokesignal-go/smokesignal/internal/packed"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/internal/wire"
	"github.com/smokesignal-go/smokesignal/peerlist"
)

const (
	// An outbox takes so many bytes of events at a time: what one write can carry.
	fillBytes = 64 << 10
	// So much for this peer alone waits in it, and no more. Half a second of a
	// 10 Mbit/s network.
	outboxFull = 512 << 10
	// More than that is held for nobody: control frames for a peer that does not
	// take them.
	outboxMost = 4 << 20

	readSmall = 4 << 10  // an idle link holds no more memory than that
	readLarge = 64 << 10 // one read of a busy link

	slowAfter   = 10 * time.Second // a write that moves nothing for so long ends the link
	lingerAfter = time.Second      // wait for the peer's end after our own
	flushWithin = 2 * time.Second  // for what is left in the outbox when a link is let go
)

// link is one connection after its greeting. It has a reader, which is the
// goroutine that made the connection, and a writer.
type link struct {
	d    *driver
	id   ident.Link
	conn net.Conn
	dec  wire.Decoder // the reader's
	peer *Peer        // while it is a neighbour; guarded by driver.mu
	addr string       // how we see the other end

	wakeup  chan struct{} // of size 1: the outbox is not empty, or closing is set
	written chan struct{} // closed when the writer has ended
	ended   chan struct{} // closed when the reader has, after the writer

	ready     atomic.Bool // events wait in the history; written under driver.mu
	full      bool        // many do; guarded by driver.mu, as is the next
	fullSince time.Time
	isSlow    bool // it has been full for too long, and nobody waits for it

	mu       sync.Mutex // guards all below; taken inside driver.mu, never the other way round
	enc      wire.Encoder
	out      []byte // the outbox
	spare    []byte // the writer's last buffer, to be filled again
	inFlight int    // bytes that the writer has taken and not written
	awaited  bool   // somebody waits for room in it
	closing  bool   // write what is there, then end
}

func newLink(d *driver, conn net.Conn, addr string) *link {
	return &link{d: d, conn: conn, addr: addr, wakeup: make(chan struct{}, 1),
		written: make(chan struct{}), ended: make(chan struct{})}
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
		l.d.afterwards(func() { l.d.log.error("a frame could not be made; this is a bug", fields{"error": err}) })
		return
	}
	l.grew(out)
}

// outboxes are buffers for events, as pointers to slices. A link has one from when
// it is filled until that is written: an idle one holds no memory for it, and the
// few that are in use stay in the caches.
var outboxes = sync.Pool{New: func() any {
	buf := make([]byte, 0, fillBytes+fillBytes/2) // the last run goes over
	return &buf
}}

// makeRoom readies the outbox for events, and returns how many bytes of them it
// takes. The caller holds driver.mu.
func (l *link) makeRoom() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if cap(l.out) < fillBytes {
		buf := *outboxes.Get().(*[]byte)
		l.out = append(buf[:0], l.out...)
	}
	return fillBytes - len(l.out)
}

// push appends events to the outbox. The caller holds driver.mu.
func (l *link) push(g *plumtree.Gossip) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closing {
		l.out = l.enc.AppendGossip(l.out, g)
	}
}

// grew takes the outbox back after something was appended.
func (l *link) grew(out []byte) {
	if len(l.out) == 0 {
		l.d.woken = append(l.d.woken, l)
	}
	l.out = out
	if len(out) > outboxMost {
		l.closing = true // the reader will report the end
		l.conn.Close()
	}
}

func (l *link) wake() {
	select {
	case l.wakeup <- struct{}{}:
	default:
	}
}

// finish ends the link after what is in its outbox; a silent one at once. The
// caller holds driver.mu.
func (l *link) finish(why peerlist.Reason) {
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
	if why == peerlist.ReasonSilent {
		l.reset()
	}
	l.wake()
}

// reset ends the connection at once. Where nothing comes back, TCP repeats one
// packet, ever more rarely, and an orderly end waits behind it; but the peer may
// hear us still, and should know. A reset waits for nothing.
func (l *link) reset() {
	if conn, ok := l.conn.(interface{ SetLinger(seconds int) error }); ok {
		conn.SetLinger(0) // if that fails, the end comes later
	}
	l.conn.Close()
}

// write is the link's writer: the driver owns it, the end of the connection or
// the closing of the link ends it, stop waits for it. It takes the whole outbox
// and writes it with one call, and has it filled again.
func (l *link) write() {
	defer close(l.written)
	for range l.wakeup {
		for more := true; more; {
			if l.ready.Load() {
				runtime.Gosched() // who has something to add may do so first
				more = l.d.fill(l)
			} else {
				more = false
			}
			buf, closing, awaited := l.takeOutbox()
			if awaited {
				l.d.makesRoom()
			}
			if err := l.writeAll(buf, closing); err != nil {
				l.conn.Close() // the reader reports the end
				return
			}
			if l.giveBack(buf) && closing {
				l.hangUp()
				return
			}
		}
	}
}

// takeOutbox leaves an empty outbox behind.
func (l *link) takeOutbox() (buf []byte, closing, awaited bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	buf = l.out
	awaited, l.awaited = l.awaited, false
	l.out, l.spare = l.spare[:0], nil
	l.inFlight = len(buf)
	return buf, l.closing, awaited
}

// giveBack takes a buffer that was written, and reports whether nothing has come
// into the outbox meanwhile; else the writer is woken for it.
func (l *link) giveBack(buf []byte) (empty bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight = 0
	switch {
	case cap(buf) <= readSmall:
		l.spare = buf[:0]
	case cap(buf) >= fillBytes && cap(buf) <= 4*fillBytes:
		outboxes.Put(&buf)
	}
	if len(l.out) > 0 {
		l.wake()
	}
	return len(l.out) == 0
}

// writeAll writes a buffer. It gives up when nothing moves for slowAfter.
func (l *link) writeAll(buf []byte, closing bool) error {
	limit := slowAfter
	if closing {
		limit = flushWithin
	}
	for len(buf) > 0 {
		if err := l.conn.SetWriteDeadline(time.Now().Add(limit)); err != nil {
			return err
		}
		n, err := l.conn.Write(buf)
		buf = buf[n:]
		if err != nil && (n == 0 || closing || !errors.Is(err, os.ErrDeadlineExceeded)) {
			return err
		}
	}
	return nil
}

// hangUp ends our direction and leaves the other one a moment, because closing
// at once could destroy what is on its way to the peer. The reader closes.
func (l *link) hangUp() {
	if half, ok := l.conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		l.conn.SetReadDeadline(time.Now().Add(lingerAfter))
		return
	}
	l.conn.Close()
}

// read is the link's reader. It hands all frames that one read brought to the
// machine in one step. rest is what came behind the greeting.
func (l *link) read(rest []byte) error {
	buf := make([]byte, max(readSmall, len(rest)))
	filled := copy(buf, rest)
	for {
		used, danger, err := l.d.take(l, buf[:filled])
		if err != nil {
			return err
		}
		if danger {
			l.d.brake()
		}
		filled = copy(buf, buf[used:filled])
		want := min(l.dec.Want(buf[:filled]), wire.MaxEvent+4)
		switch {
		case want > len(buf): // a large frame: room for it, and no more
			buf = append(make([]byte, 0, want), buf[:filled]...)[:want]
		case filled == 0 && used > readSmall/2 && len(buf) < readLarge:
			buf = make([]byte, readLarge) // busy
		case filled == 0 && len(buf) > readLarge:
			buf = make([]byte, readLarge)
		}
		n, err := l.conn.Read(buf[filled:])
		if n == 0 && err != nil {
			return err
		}
		filled += n
	}
}

// take hands the whole frames in buf to the machine and says how much that was,
// and whether the next ones had better wait.
func (d *driver) take(l *link, buf []byte) (used int, danger bool, err error) {
	d.mu.Lock()
	defer d.unlock()
	now := time.Now()
	for used < len(buf) && d.machine != nil {
		m, n, err := l.dec.Next(buf[used:])
		if err != nil {
			d.settle(now)
			return used, false, err
		}
		if n == 0 {
			break
		}
		used += n
		switch m := m.(type) {
		case nil: // of a newer minor version
		case *wire.Direct:
			d.takeDirect(l, m)
		case *wire.Refuse:
			d.settle(now)
			return used, false, io.EOF
		default:
			d.machine.Handle(now, l.id, m, d)
		}
	}
	if d.machine == nil {
		return used, false, net.ErrClosed
	}
	d.settle(now)
	return used, d.danger, nil
}

// takeDirect queues an event that is for this node only.
func (d *driver) takeDirect(l *link, m *wire.Direct) {
	if l.peer == nil {
		return
	}
	l.peer.received++
	l.peer.events.Push(emitter.Run{
		Origin: l.peer.id, Seq: l.peer.received, Count: 1,
		Packed: packed.Append(make([]byte, 0, packed.Size(len(m.Body))), m.Body),
	})
}

// run is a link from its greeting to its end.
func (l *link) run(rest []byte) {
	l.d.spawn(l.write)
	err := l.read(rest)
	l.conn.Close()
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
	l.wake() // the writer sees that the connection is closed
	<-l.written
	defer close(l.ended)
	l.d.step(func(now time.Time) {
		delete(l.d.conns, l)
		if l.d.links[l.id] != l {
			return // the machine has closed it
		}
		l.d.forget(l)
		why := peerlist.ReasonNone
		var frame *wire.FrameError
		if errors.As(err, &frame) {
			why = peerlist.ReasonProtocol
			l.d.afterwards(func() {
				l.d.log.about(l.addr).warn("a peer broke the protocol; its link was closed", fields{"peer": l.addr, "error": err})
			})
		}
		l.d.machine.LinkDown(now, l.id, why, err, l.d)
	})
}

// unsent is how much of what was put into the outbox did not leave.
func (l *link) unsent() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.out) + l.inFlight
}
