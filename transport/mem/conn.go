package mem

import (
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/smokesignal-go/smokesignal/transport"
)

// Window is the number of bytes, 256 KiB, that one direction of a connection holds.
const Window = 256 << 10

// link is a connection with its two ends.
type link struct {
	network *Network
	name    pair

	// mu guards everything below, the ends included. It is taken after
	// network.mu, never before it.
	mu   sync.Mutex
	cut  bool
	ends [2]conn // [0] dialled, [1] accepts
}

var (
	_ transport.HalfCloser = (*conn)(nil)
	_ transport.TryWriter  = (*conn)(nil)
)

// conn is one end of a link. It holds the bytes that were sent to this end.
type conn struct {
	link          *link
	peer          *conn
	local, remote netip.AddrPort

	// Guarded by link.mu.
	changed    sync.Cond // wakes the calls that wait at this end
	buf        []byte    // buf[off:] was sent to this end and not read here
	off        int
	ready      int       // how many bytes of buf[off:] have arrived
	flight     []arrival // bytes and ends of streams on their way to this end, oldest first
	eof        bool      // the peer sends nothing more
	peerGone   bool      // the peer has closed, so it does not read either
	resetOnWay bool      // a reset waits for the cut to heal
	err        error     // why the connection failed, if it has
	closed     bool      // Close was called at this end
	doneSend   bool      // Close or CloseWrite was called at this end
	sending    bool      // a Write is under way
	readLimit  deadline
	writeLimit deadline
}

// arrival holds the bytes or the end of stream that reach an end at one moment.
type arrival struct {
	at        time.Time
	n         int  // how many bytes arrive
	eof, gone bool // the end of the stream; the peer's Close
}

func newLink(n *Network, name pair) *link {
	l := &link{network: n, name: name}
	for i := range l.ends {
		c := &l.ends[i]
		c.link, c.peer = l, &l.ends[1-i]
		c.local, c.remote = name.from, name.to
		if i == 1 {
			c.local, c.remote = name.to, name.from
		}
		c.changed.L = &l.mu
	}
	return l
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	l := c.link
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, c.fail("read", net.ErrClosed)
		case c.err != nil:
			return 0, c.fail("read", c.err)
		case c.readLimit.passed:
			return 0, c.fail("read", os.ErrDeadlineExceeded)
		case c.ready > 0 || len(p) == 0:
			return c.take(p), nil
		case c.eof:
			return 0, io.EOF
		}
		c.changed.Wait()
	}
}

// take copies bytes that have arrived to p. The caller holds link.mu.
func (c *conn) take(p []byte) int {
	n := copy(p, c.buf[c.off:c.off+c.ready])
	c.off += n
	c.ready -= n
	if c.off == len(c.buf) {
		c.buf, c.off = c.buf[:0], 0
	}
	if n > 0 {
		c.peer.changed.Broadcast()
	}
	return n
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	l := c.link
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if err := c.cannotWrite(); err != nil {
			return 0, c.fail("write", err)
		}
		if !c.sending {
			break
		}
		c.changed.Wait()
	}
	c.sending = true
	defer func() {
		c.sending = false
		c.changed.Broadcast()
	}()
	sent := 0
	for {
		if err := c.cannotWrite(); err != nil {
			return sent, c.fail("write", err)
		}
		sent += c.put(p[sent:])
		if sent == len(p) {
			return sent, nil
		}
		c.changed.Wait()
	}
}

// TryWrite implements transport.TryWriter.
func (c *conn) TryWrite(p []byte) (int, error) {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if err := c.cannotWrite(); err != nil {
		return 0, c.fail("write", err)
	}
	if c.sending {
		return 0, nil
	}
	return c.put(p), nil
}

// cannotWrite returns why a write fails now, or nil. The caller holds link.mu.
func (c *conn) cannotWrite() error {
	switch {
	case c.closed:
		return net.ErrClosed
	case c.err != nil:
		return c.err
	case c.doneSend || c.peerGone:
		return syscall.EPIPE
	case c.writeLimit.passed:
		return os.ErrDeadlineExceeded
	}
	return nil
}

// put sends as much of p as fits in the window. The caller holds link.mu.
func (c *conn) put(p []byte) int {
	to := c.peer
	if room := Window - (len(to.buf) - to.off); len(p) > room {
		p = p[:room]
	}
	if len(p) == 0 {
		return 0
	}
	if to.closed {
		// The peer has closed, and the notice of that has not arrived at this end yet.
		// The bytes count as sent, and are not stored, because they can't be read.
		return len(p)
	}
	if to.off > 0 && len(to.buf)+len(p) > cap(to.buf) {
		to.buf = to.buf[:copy(to.buf, to.buf[to.off:])]
		to.off = 0
	}
	to.buf = append(to.buf, p...)
	to.fly(arrival{n: len(p)})
	return len(p)
}

// fly starts the travel of a to this end. The caller holds link.mu.
func (c *conn) fly(a arrival) {
	delay := c.link.network.delay()
	a.at = time.Now().Add(delay)
	c.flight = append(c.flight, a)
	if delay == 0 {
		c.land()
		return
	}
	// After a Close, the timer lives on for at most the delay, and then does
	// nothing. If the delay has become shorter, a is due before an earlier
	// arrival, and lands together with that one.
	time.AfterFunc(delay, func() {
		c.link.mu.Lock()
		defer c.link.mu.Unlock()
		c.land()
	})
}

// land takes everything that has arrived by now. The caller holds link.mu.
func (c *conn) land() {
	if c.link.cut {
		return
	}
	if c.resetOnWay {
		c.reset()
	}
	now, landed := time.Now(), 0
	for _, a := range c.flight {
		if a.at.After(now) {
			break
		}
		c.ready += a.n
		c.eof = c.eof || a.eof
		c.peerGone = c.peerGone || a.gone
		landed++
	}
	if landed > 0 {
		c.flight = append(c.flight[:0], c.flight[landed:]...)
		c.changed.Broadcast()
	}
}

// Close implements net.Conn. Bytes that were written before still arrive.
func (c *conn) Close() error {
	l := c.link
	l.mu.Lock()
	if c.closed {
		l.mu.Unlock()
		return c.fail("close", net.ErrClosed)
	}
	c.closed, c.doneSend = true, true
	c.drop()
	c.readLimit.clear()
	c.writeLimit.clear()
	c.changed.Broadcast()
	c.peer.fly(arrival{eof: true, gone: true})
	c.peer.changed.Broadcast() // a Write of the peer no longer waits for the window
	both := c.peer.closed
	l.mu.Unlock()
	if both {
		l.network.forget(l)
	}
	return nil
}

// CloseWrite implements transport.HalfCloser.
func (c *conn) CloseWrite() error {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.closed {
		return c.fail("close", net.ErrClosed)
	}
	if !c.doneSend {
		c.doneSend = true
		c.changed.Broadcast()
		c.peer.fly(arrival{eof: true})
	}
	return nil
}

// drop frees the bytes that came to this end. The caller holds link.mu.
func (c *conn) drop() {
	c.buf, c.off, c.ready = nil, 0, 0
	for i := range c.flight {
		c.flight[i].n = 0
	}
}

// reset fails this end. The caller holds link.mu.
func (c *conn) reset() {
	if c.err != nil {
		return
	}
	c.err = syscall.ECONNRESET
	c.resetOnWay = false
	c.drop()
	c.changed.Broadcast()
}

// abandon marks an end that the program can't close, because no Dial or Accept will return
// it. The caller does not hold link.mu.
func (c *conn) abandon() {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	c.closed, c.doneSend = true, true
}

// kill makes the link fail, because the process at ip has died. The caller holds
// network.mu.
func (l *link) kill(ip netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.ends {
		c := &l.ends[i]
		if l.cut && c.local.Addr() != ip {
			c.resetOnWay = true
			continue
		}
		c.reset()
	}
}

// setCut stops the bytes on a link, or lets them pass. The caller holds network.mu.
func (l *link) setCut(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	for i := range l.ends {
		l.ends[i].land()
	}
}

func (c *conn) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(c.local) }
func (c *conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	return c.setDeadlines(t, &c.readLimit, &c.writeLimit)
}

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error { return c.setDeadlines(t, &c.readLimit) }

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(t, &c.writeLimit) }

func (c *conn) setDeadlines(t time.Time, limits ...*deadline) error {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.closed {
		return c.fail("set", net.ErrClosed)
	}
	for _, d := range limits {
		d.set(t, &c.changed)
	}
	c.changed.Broadcast()
	return nil
}

func (c *conn) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: netName, Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}
