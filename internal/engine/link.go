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
	"github.com/smokesignal-go/smokesignal/internal/logging"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/internal/untaken"
	"github.com/smokesignal-go/smokesignal/internal/wire"
	"github.com/smokesignal-go/smokesignal/peerlist"
	"github.com/smokesignal-go/smokesignal/transport"
)

const (
	readSmall = 4 << 10  // an idle link holds no more memory than that
	readLarge = 64 << 10 // one read of a busy link

	readerRest = 500 * time.Microsecond // less is no rest, but the time that a read takes

	lingerAfter = time.Second // wait for the peer's end after our own
)

// link is one connection after its greeting. It has a reader, which is the
// goroutine that made the connection, and what waits to be written.
type link struct {
	d       *Driver
	id      ident.Link
	conn    net.Conn
	ownConn *callout.Conn // what is below conn, if it is of a transport of the program
	dec     wire.Decoder  // the reader's, as is the next
	rate    *rate.Limiter // of frames that are no events; see frame.Cost
	answers *rate.Limiter // of frames that answer ours
	verify  verifier
	peer    *Neighbour    // while it is a neighbour; guarded by driver.mu
	addr    string        // how we see the other end
	hello   *wire.Hello   // of the handshake, as is the next; until the link is up
	early   []byte        // what came behind it
	ended   chan struct{} // closed when the reader has ended, after the writer

	goodbye   bool          // the peer has sent a DISCONNECT; guarded by driver.mu, as is the next
	leaves    bool          // it says that the peer stops; as the next, not written after ended is closed
	others    []ident.ID    // the nodes that it names
	fellMute  bool          // it was given up because nothing came; guarded by driver.mu
	hungUp    bool          // the peer has ended it; written before ended is closed
	doubt     untaken.Doubt // the events of this node that it may not have had
	ready     atomic.Bool   // events wait in the history; written under driver.mu
	full      bool          // many do; guarded by driver.mu, as is the next
	fullSince time.Time
	isSlow    bool // it has been full for longer than patience; emitters do not wait for it

	mu sync.Mutex // guards the outbox; taken inside driver.mu, never the other way round
	outbox
}

func newLink(d *Driver, conn net.Conn, addr string) *link {
	return &link{
		d: d, conn: conn, addr: addr, ended: make(chan struct{}),
		rate:    rate.NewLimiter(controlPerSecond*frame.FrameParts, controlAtOnce*frame.FrameParts),
		answers: rate.NewLimiter(answersPerSecond, answersAtOnce),
	}
}

// finish ends the link after what is in its outbox, and flushWithin at the latest; a
// silent one at once. The caller holds driver.mu.
func (l *link) finish(why peerlist.Reason) {
	l.mu.Lock()
	l.closing = true
	l.ending = time.AfterFunc(flushWithin, l.cutOff)
	l.mu.Unlock()
	if why == peerlist.ReasonSilent {
		l.fellMute = true
		l.reset()
	}
	l.d.woken = append(l.d.woken, l)
}

// closeSoon ends the connection without waiting for that, as callers must that hold a
// lock.
func (l *link) closeSoon() { l.d.spawn(func() { l.conn.Close() }) }

// reset ends the connection at once. Where nothing comes back, TCP repeats one
// packet, ever more rarely, and an orderly end waits behind it; but the peer may
// hear us still, and should know. A reset waits for nothing. The caller holds driver.mu.
func (l *link) reset() {
	l.d.spawn(func() {
		if conn, ok := l.conn.(transport.Lingerer); ok {
			conn.SetLinger(0) // if that fails, the end comes later
		}
		l.conn.Close()
	})
}

// cutOff ends a link that has not finished. Its writer may wait for a peer that takes
// nothing, or takes a byte now and then to no end; closing ends that. The runtime owns
// the goroutine, which does not wait.
func (l *link) cutOff() {
	l.mu.Lock()
	l.isCut = true
	l.mu.Unlock()
	l.conn.Close()
}

// callOff has cutOff not happen.
func (l *link) callOff() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ending != nil {
		l.ending.Stop()
	}
}

// hangUp ends our direction and leaves the other one a moment, because closing
// at once could destroy what is on its way to the peer. The reader closes.
func (l *link) hangUp() {
	if half, ok := l.conn.(transport.HalfCloser); ok && half.CloseWrite() == nil {
		l.callOff()
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
	l.d.counters.BytesIn.Add(uint64(filled))
	rested := time.Now() // since then something was there whenever it came back
	for {
		used, danger, err := l.d.take(l, buf[:filled], rested)
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

// take hands the whole frames in buf to the machine and says how much that was,
// and whether the next ones had better wait. rested is when the link's reader last
// had to wait for something to come.
func (d *Driver) take(l *link, buf []byte, rested time.Time) (used int, danger bool, err error) {
	d.mu.Lock()
	defer d.unlock((*link).writeNow)
	if !l.isHeard() && d.machine != nil {
		return len(buf), false, nil
	}
	now := time.Now()
	l.doubt.Heard(&d.own, now)
	control, answers := 0, 0 // see frame.Cost
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
			control += frame.FrameParts
		case *plumtree.Gossip:
			if d.machine.WantsVerdict(l.id, m) {
				// For a run of 4096 events it may take 0.2 s. It runs without the lock, so
				// that no other link waits.
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
			case *peerlist.Disconnect:
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
		// To verify an event takes longer than to bring it: what waits does so in
		// front of the readers, where no neighbour sees it as its lag.
		d.machine.Press(now, 0, d.out())
	}
	d.settle(now)
	if control > 0 && !l.rate.AllowN(now, control) || answers > 0 && !l.answers.AllowN(now, answers) {
		return used, false, errFlood
	}
	return used, d.danger, nil
}

// isHeard reports whether frames of the link are handled. The reader of a link that this
// node has ended reads on, for at most lingerAfter, so that data on its way to the peer is
// not destroyed; its frames are dropped. There are two exceptions. If another link to the
// same neighbour has replaced this one, frames that the peer sent before still count. If
// this node stops, it takes the last events of its neighbours. The caller holds driver.mu.
func (l *link) isHeard() bool {
	return l.d.links[l.id] == l || l.peer != nil && (l.d.hasLeft || !l.peer.isGone())
}

// takeDirect queues an event that is for this node only.
func (d *Driver) takeDirect(l *link, m *wire.Direct) {
	if l.peer == nil || l.peer.isGone() && !d.hasLeft { // in this very step, perhaps
		return
	}
	l.peer.received++
	l.peer.events.Push(emitter.Run{
		Origin: l.peer.id, Seq: l.peer.received, Count: 1, Born: emitter.MomentOf(time.Now()), Via: &l.peer.id,
		Packed: batch.Append(make([]byte, 0, batch.Size(len(m.Body))), m.Body),
	})
}

// run is a link from its greeting to its end.
func (l *link) run(rest []byte) {
	err := callout.ErrGoexit // which a connection of the program may do
	defer func() { l.end(err) }()
	err = l.read(rest)
}

// end is the end of run; err is why.
func (l *link) end(err error) {
	l.conn.Close() // the writer sees that
	l.awaitWriter()
	defer close(l.ended)
	_, _, wasCut := l.unsent()
	l.hungUp = !wasCut && !errors.Is(err, os.ErrDeadlineExceeded)
	l.d.step(func(now time.Time) {
		delete(l.d.conns, l)
		l.d.formerConns.Add(l.ownConn)
		l.callOff()
		if l.d.links[l.id] != l { // the machine has closed it
			if l.fellMute {
				l.d.doubtAlone(l)
			}
			return
		}
		l.d.forget(l)
		why := peerlist.ReasonNone
		var fault *wire.FrameError
		if errors.As(err, &fault) {
			why = peerlist.ReasonProtocol
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
