package engine

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/batch"
	"github.com/smokesignal-go/smokesignal/internal/callout"
	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/frame"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/logging"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/internal/untaken"
	"github.com/smokesignal-go/smokesignal/internal/wire"
	"github.com/smokesignal-go/smokesignal/transport"
)

const (
	readSmall = 4 << 10  // bytes of the read buffer of an idle link
	readLarge = 64 << 10 // bytes of one read of a busy link

	readerRest = 500 * time.Microsecond // a shorter wait for data does not count as a pause of the reader

	lingerAfter = time.Second // how long to wait for the peer to end the connection, after this end has closed it
)

// link is one connection after its handshake. Its reader is the goroutine that made the
// connection. Its outbox holds the bytes that wait to be written.
type link struct {
	d       *Driver
	id      ident.Link
	conn    net.Conn
	ownConn *callout.Conn // the connection below conn, if it is from the program's transport
	dec     wire.Decoder  // only the reader uses dec, rate and answers
	rate    *rate.Limiter // limits frames that carry no events; see frame.Cost
	answers *rate.Limiter // limits frames that answer requests of this node
	verify  verifier
	peer    *Neighbour    // the neighbour at the other end; nil while the other end is not a neighbour; guarded by driver.mu
	addr    string        // the address of the other end, as this node sees it
	hello   *wire.Hello   // the HELLO of the peer; hello and early are only set until the link is up
	early   []byte        // the bytes that followed the HELLO
	ended   chan struct{} // closed when the writer and then the reader have ended

	goodbye   bool          // the peer has sent a DISCONNECT; driver.mu guards goodbye and leaves
	leaves    bool          // the DISCONNECT says that the peer stops; leaves and others are not written after ended is closed
	others    []ident.ID    // the nodes that the DISCONNECT names
	fellMute  bool          // the link was ended because no data arrived; guarded by driver.mu
	hungUp    bool          // the peer has ended the connection; written before ended is closed
	doubt     untaken.Doubt // the events of this node that the peer may not have read
	ready     atomic.Bool   // events wait in the history; written under driver.mu
	full      bool          // too many events wait for the link; driver.mu guards full and fullSince
	fullSince time.Time
	isSlow    bool // the link has been full for longer than patience, and emitters no longer wait for it

	mu sync.Mutex // guards the outbox; may be locked while driver.mu is held, never the other way round
	outbox
}

func newLink(d *Driver, conn net.Conn, addr string) *link {
	return &link{
		d: d, conn: conn, addr: addr, ended: make(chan struct{}),
		rate:    rate.NewLimiter(controlPerSecond*frame.FrameParts, controlAtOnce*frame.FrameParts),
		answers: rate.NewLimiter(answersPerSecond, answersAtOnce),
	}
}

// finish ends the link when its outbox is written, but after flushWithin at the latest.
// It ends a silent link at once. The caller holds driver.mu.
func (l *link) finish(why hyparview.Reason) {
	l.mu.Lock()
	l.closing = true
	l.ending = time.AfterFunc(flushWithin, l.cutOff)
	l.mu.Unlock()
	if why == hyparview.ReasonSilent {
		l.fellMute = true
		l.reset()
	}
	l.d.woken = append(l.d.woken, l)
}

// closeSoon closes the connection on another goroutine, for callers that hold a lock and must
// not wait.
func (l *link) closeSoon() { l.d.spawn(func() { l.conn.Close() }) }

// reset ends the connection at once. If no acknowledgement arrives from the peer, TCP
// repeats one packet at growing intervals, and an orderly end waits behind that packet.
// But the peer may still receive, and should learn of the end. A reset is sent at once.
// The caller holds driver.mu.
func (l *link) reset() {
	l.d.spawn(func() {
		if conn, ok := l.conn.(transport.Lingerer); ok {
			conn.SetLinger(0) // if this call fails, the connection only ends later
		}
		l.conn.Close()
	})
}

// cutOff ends a link that finish could not end in time. The link's writer may wait for a
// peer that reads nothing, or very little; closing the connection ends that wait. A timer
// calls cutOff on a goroutine of the runtime, so cutOff must not wait.
func (l *link) cutOff() {
	l.mu.Lock()
	l.isCut = true
	l.mu.Unlock()
	l.conn.Close()
}

// callOff cancels the call of cutOff.
func (l *link) callOff() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ending != nil {
		l.ending.Stop()
	}
}

// hangUp closes this end's direction of the connection. The other direction stays open
// for a moment, because closing it at once could destroy data on its way to the peer. The
// reader closes the connection.
func (l *link) hangUp() {
	if half, ok := l.conn.(transport.HalfCloser); ok && half.CloseWrite() == nil {
		l.callOff()
		l.conn.SetReadDeadline(time.Now().Add(lingerAfter))
		return
	}
	l.conn.Close()
}

// read is the link's reader. It passes all frames of one read to the machine in one step.
// rest holds the bytes that followed the HELLO.
func (l *link) read(rest []byte) error {
	buf := make([]byte, max(readSmall, len(rest)))
	filled := copy(buf, rest)
	l.d.counters.BytesIn.Add(uint64(filled))
	rested := time.Now() // when the reader last had to wait for data
	for {
		used, danger, err := l.d.take(l, buf[:filled], rested)
		if err != nil {
			return err
		}
		if danger {
			l.d.brake()
		}
		filled = copy(buf, buf[used:filled])
		room := roomFor(min(l.dec.Want(buf[:filled]), wire.MaxEvent+4), filled)
		switch {
		case room > len(buf): // make room for one large frame, and not more
			buf = append(make([]byte, 0, room), buf[:filled]...)[:room]
		case filled == 0 && used > readSmall/2 && len(buf) < readLarge:
			buf = make([]byte, readLarge) // the link is busy
		case filled == 0 && len(buf) > readLarge:
			buf = make([]byte, readLarge)
		}
		asked := time.Now()
		n, err := l.conn.Read(buf[filled:])
		if n == 0 && err != nil {
			return err
		}
		if now := time.Now(); now.Sub(asked) >= readerRest {
			rested = now
		}
		filled += n
		l.d.counters.BytesIn.Add(uint64(n))
	}
}

// roomFor returns the size of the buffer for a frame of want bytes, of which filled bytes
// have arrived. The buffer grows with the bytes that have arrived. It must not grow by
// the announced length alone, because any peer can announce the longest frame. A factor
// of 4 grows 4 KiB to 1 MiB in four steps.
func roomFor(want, filled int) int {
	return min(want, max(2*readSmall, 4*filled))
}

// take passes the complete frames in buf to the machine. It returns the number of bytes
// of these frames, and whether the reader should pause before it reads more. rested is
// when the reader last had to wait for data.
func (d *Driver) take(l *link, buf []byte, rested time.Time) (used int, danger bool, err error) {
	d.mu.Lock()
	defer d.unlock((*link).writeNow)
	if !l.isHeard() && d.machine != nil {
		return len(buf), false, nil
	}
	now := time.Now()
	l.doubt.Heard(&d.own, now)
	control, answers := 0, 0 // the sums of the costs of these frames, see frame.Cost
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
		case nil: // a frame of a kind that a newer minor version has added is ignored
			control += frame.FrameParts
		case *plumtree.Gossip:
			if d.machine.WantsVerdict(l.id, m) {
				// To verify a run of 4096 events may take 0.2 s. The lock is not held
				// during that time, so other links do not wait.
				d.settle(now)
				d.unlock((*link).writeNow)
				m.Verdict = plumtree.Judge(m, l.verify)
				d.mu.Lock()
				if now = time.Now(); d.machine == nil {
					continue
				}
			}
			d.machine.Handle(now, l.id, m, d.out())
		case *wire.Direct:
			d.takeDirect(l, m)
		case *wire.Refuse:
			d.refusedLate(l, m)
			d.settle(now)
			return used, false, io.EOF
		default:
			switch class, parts := frame.Cost(m); class {
			case frame.Control:
				control += parts
			case frame.Answer:
				answers += parts
			}
			switch m := m.(type) {
			case *hyparview.Disconnect:
				l.takeGoodbye(m)
			case *plumtree.IHave:
				d.own.Announced(d.self, m)
			}
			d.machine.Handle(now, l.id, m, d.out())
			if l.goodbye {
				d.doubtLeft(l, now)
			}
		}
	}
	if d.machine == nil {
		return used, false, net.ErrClosed
	}
	if d.verifies && now.Sub(rested) >= persists {
		// Verifying an event takes longer than receiving it. Events that wait to be
		// verified are in the receive buffers, where no neighbour counts them as the lag
		// of a link.
		d.machine.Throttle(now, 0, d.out())
	}
	d.settle(now)
	if control > 0 && !l.rate.AllowN(now, control) || answers > 0 && !l.answers.AllowN(now, answers) {
		return used, false, errFlood
	}
	return used, d.danger, nil
}

// isHeard reports whether frames of the link are handled. After this node has ended a
// link, its reader reads for at most lingerAfter, so that data on its way to the peer is
// not destroyed, and drops the frames. There are two exceptions. If another link to the
// same neighbour has replaced this one, frames that the peer sent before that are still
// handled. If this node stops, it takes the last events of its neighbours. The caller
// holds driver.mu.
func (l *link) isHeard() bool {
	return l.d.links[l.id] == l || l.peer != nil && (l.d.hasLeft || !l.peer.isGone())
}

// takeDirect queues an event for this node alone.
func (d *Driver) takeDirect(l *link, m *wire.Direct) {
	if l.peer == nil || l.peer.isGone() && !d.hasLeft { // the peer may have become a former neighbour in this step
		return
	}
	l.peer.received++
	l.peer.events.Push(emitter.Run{
		Origin: l.peer.id, Seq: l.peer.received, Count: 1, Born: emitter.MomentOf(time.Now()), Via: &l.peer.id,
		Packed: batch.Append(make([]byte, 0, batch.Size(len(m.Body))), m.Body),
	})
}

// run runs a link from its handshake to its end.
func (l *link) run(rest []byte) {
	err := callout.ErrGoexit // this value stays if a connection of the program calls runtime.Goexit
	defer func() { l.end(err) }()
	err = l.read(rest)
}

// end cleans up when run ends. err is the reason why the link ended.
func (l *link) end(err error) {
	l.conn.Close() // ends the writer, too
	l.awaitWriter()
	defer close(l.ended)
	_, _, wasCut := l.unsent()
	l.hungUp = !wasCut && !errors.Is(err, os.ErrDeadlineExceeded)
	l.d.step(func(now time.Time) {
		delete(l.d.conns, l)
		l.d.formerConns.Add(l.ownConn)
		l.callOff()
		if l.d.links[l.id] != l { // the machine has closed the link
			if l.fellMute {
				l.d.doubtAlone(l)
			}
			return
		}
		l.d.forget(l)
		why := hyparview.ReasonNone
		if fault, ok := err.(*wire.FrameError); ok {
			why = hyparview.ReasonProtocol
			if fault == errFlood {
				l.d.refusals.Floods.Add(1)
			} else {
				l.d.refusals.Frames.Add(1)
			}
			l.d.afterwards(func() {
				l.d.log.About(l.addr).Warn("a peer broke the protocol; its link was closed", logging.Fields{"peer": l.addr, "error": err})
			})
		}
		l.d.machine.LinkDown(now, l.id, why, err, l.d.out())
		if !l.goodbye {
			l.d.doubtAlone(l)
		}
	})
}
