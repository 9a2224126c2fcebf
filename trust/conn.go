package trust

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/transport"
)

// Conn is a secure connection: TLS 1.3, whose other end has proven its id. [Guard.Secure]
// makes one. Any goroutine may call Read, Close and the deadlines; Write and TryWrite
// must not run at the same time as another Write or TryWrite.
//
// Deadlines work as for every [net.Conn], except that a Write that a deadline has ended
// leaves the connection unusable. If nothing moves for ten seconds while bytes wait to be
// written, the connection fails, also without a deadline.
type Conn struct {
	*tls.Conn
	wire        *wire
	dialled     bool
	peer        ident.ID
	certificate *x509.Certificate
	exported    []byte
	shown       int // index of the secret that the other end has proven; 0 before
}

var (
	_ transport.HalfCloser = (*Conn)(nil)
	_ transport.TryWriter  = (*Conn)(nil)
	_ transport.Lingerer   = (*Conn)(nil)
)

// Peer returns the id of the other end, which that end has proven.
func (c *Conn) Peer() ident.ID { return c.peer }

// Write writes b and returns when the connection has taken all of it. It waits while
// bytes move, up to the deadline. It must not run at the same time as another Write or
// TryWrite.
func (c *Conn) Write(b []byte) (int, error) {
	for rest := b; ; {
		if err := c.wire.await(); err != nil || len(rest) == 0 {
			return len(b) - len(rest), err
		}
		n, err := c.Conn.Write(rest[:min(len(rest), mostAtOnce)])
		rest = rest[n:]
		if err != nil {
			return len(b) - len(rest), err
		}
	}
}

// TryWrite implements [transport.TryWriter]. It takes all of b, but 1 MiB at most, or
// nothing while earlier bytes wait for the connection.
func (c *Conn) TryWrite(b []byte) (int, error) {
	switch busy, err := c.wire.isBusy(); {
	case err != nil:
		return 0, err
	case busy || c.wire.try == nil:
		return 0, nil
	}
	return c.Conn.Write(b[:min(len(b), mostAtOnce)])
}

// CloseWrite implements [transport.HalfCloser]. It returns when all that was written has
// left this end, after five seconds at most.
func (c *Conn) CloseWrite() error {
	c.wire.endBy(time.Now().Add(goodbyeWithin))
	if err := c.wire.await(); err != nil {
		return err
	}
	if err := c.Conn.CloseWrite(); err != nil {
		return err
	}
	c.wire.sayNoMore()
	return c.wire.await()
}

// Close ends the connection at once. Unlike that of [tls.Conn] it sends no notice to the
// other end, since that could block; CloseWrite sends one.
func (c *Conn) Close() error { return c.wire.Close() }

// SetDeadline sets the read deadline and the write deadline. The zero time means none.
func (c *Conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetWriteDeadline sets when Write fails at the latest, including a Write that waits now.
// The zero time means no deadline.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.wire.setLimit(t) }

// SetLinger implements [transport.Lingerer] by the connection below TLS. It does nothing if
// that connection is none.
func (c *Conn) SetLinger(seconds int) error {
	if below, ok := c.wire.Conn.(transport.Lingerer); ok {
		return below.SetLinger(seconds)
	}
	return nil
}

// wire is the connection below TLS. What TLS has encrypted has to go out as it is,
// all of it and in order, so that what the connection does not take at once has to
// wait here, and a goroutine writes it.
//
// After the handshake TLS never waits for the connection. It writes by itself, from
// within Read and holding the lock that Write needs: who asks for new keys (RFC 8446,
// section 4.6.3) gets an answer, who breaks the rules an alert. Were that to wait, a
// peer that asks and takes nothing could stop the reader, and then whoever wants to
// say goodbye. crypto/tls ends a connection after 16 such questions in a row
// (maxUselessRecords), but counts from the beginning with each byte of data: so there
// can be any number of them, and what bounds the answers is mostWaiting.
//
// Those who have time wait in await, and hold nothing. Its end is that of the
// goroutine, which gives up when nothing moves for stillMoving, or at the limit.
type wire struct {
	net.Conn
	try transport.TryWriter // nil: the connection can only wait

	mu       sync.Mutex // guards all below; not held while the connection waits
	greeting bool       // the handshake: only who makes it writes, and may wait
	waiting  []byte     // encrypted, and not written
	writing  bool       // the goroutine is there
	idle     sync.Cond  // it has ended
	err      error      // what it has ended with
	limit    time.Time  // no write goes on after that; zero: there is no such time
	leaving  bool       // the limit does not move any more
	over     bool       // the goodbye was said
	moved    time.Time  // when the goroutine last saw something move
}

const (
	// mostAtOnce is what TLS is given to encrypt in one go.
	mostAtOnce = 1 << 20
	// mostWaiting is what may wait: that, encrypted, and what TLS says by itself.
	mostWaiting = 2 * mostAtOnce
	// stillMoving is for how long nothing may move.
	stillMoving = 10 * time.Second
	// goodbyeWithin is for what waits, and the goodbye; that of crypto/tls.
	goodbyeWithin = 5 * time.Second
)

var errCrowded = errors.New("the other end takes nothing, and asks for more")

func newWire(raw net.Conn) *wire {
	w := &wire{Conn: raw, greeting: true}
	w.try, _ = raw.(transport.TryWriter)
	w.idle.L = &w.mu
	return w
}

// greeted ends the handshake.
func (w *wire) greeted() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.greeting = false
}

func (w *wire) isGreeting() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.greeting
}

// isBusy reports whether something waits.
func (w *wire) isBusy() (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.writing, w.err
}

// await waits until nothing waits any more.
func (w *wire) await() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.writing {
		w.idle.Wait()
	}
	return w.err
}

// Write is called by TLS, by one goroutine at a time.
func (w *wire) Write(b []byte) (int, error) {
	if w.isGreeting() {
		return w.Conn.Write(b)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.err != nil:
		return 0, w.err
	case w.over:
		return 0, net.ErrClosed
	}
	rest := b
	if !w.writing && w.try != nil {
		n, err := w.try.TryWrite(b)
		if err != nil {
			return n, err
		}
		rest = b[n:]
	}
	if len(w.waiting)+len(rest) > mostWaiting {
		return 0, errCrowded
	}
	w.waiting = append(w.waiting, rest...)
	if len(w.waiting) > 0 && !w.writing {
		w.writing = true
		// The connection owns it. It ends when nothing waits, when nothing moves, or
		// with the connection, and Close waits for it.
		go w.flush()
	}
	return len(b), nil
}

// flush writes what waits.
func (w *wire) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.waiting) > 0 && w.err == nil {
		b := w.waiting
		w.waiting = nil
		w.err = w.writeAll(b)
	}
	w.waiting, w.writing = nil, false
	w.err = cmp.Or(w.err, w.setDeadline())
	w.idle.Broadcast()
}

// writeAll writes, and goes on for as long as something moves. The caller holds mu,
// which is free meanwhile.
func (w *wire) writeAll(b []byte) error {
	for {
		w.moved = time.Now()
		if err := w.setDeadline(); err != nil {
			return err
		}
		w.mu.Unlock()
		n, err := w.Conn.Write(b)
		w.mu.Lock()
		b = b[n:]
		if err == nil || n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
	}
}

// setDeadline sets that of the connection: the limit, or when nothing has moved for
// too long. The caller holds mu.
func (w *wire) setDeadline() error {
	at := w.limit
	if still := w.moved.Add(stillMoving); w.writing && (at.IsZero() || still.Before(at)) {
		at = still
	}
	return w.Conn.SetWriteDeadline(at)
}

// setLimit sets the limit, the zero time for none, also of who writes now.
func (w *wire) setLimit(at time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.leaving {
		w.limit = at
	}
	return w.setDeadline()
}

// endBy sets the limit for good. That it can't be set only a connection says that has
// ended, and it says so again when it is written to.
func (w *wire) endBy(at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.leaving {
		return
	}
	w.leaving = true
	if w.limit.IsZero() || at.Before(w.limit) {
		w.limit = at
	}
	_ = w.setDeadline()
}

// sayNoMore has TLS fail to write: it would answer questions even after its goodbye.
func (w *wire) sayNoMore() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
}

// SetWriteDeadline does nothing: TLS calls it around its goodbye, first for what
// endBy does here, then for what sayNoMore does, which has to leave alone what waits.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// Close ends the connection and waits for the goroutine, which ends with it.
func (w *wire) Close() error {
	err := w.Conn.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.writing {
		w.idle.Wait()
	}
	return err
}
