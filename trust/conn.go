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

// Close ends the connection at once. Unlike the Close of [tls.Conn], it sends no notice to
// the other end, because sending could block. CloseWrite sends one.
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

// SetLinger implements [transport.Lingerer] by the connection below TLS. It does
// nothing if that connection has no SetLinger.
func (c *Conn) SetLinger(seconds int) error {
	if below, ok := c.wire.Conn.(transport.Lingerer); ok {
		return below.SetLinger(seconds)
	}
	return nil
}

// wire is the connection below TLS. Records that TLS has encrypted must be written
// completely and in order. If the connection does not take a record at once, the rest
// waits here and a goroutine writes it.
//
// After the handshake, TLS never blocks on the connection. TLS also writes on its own
// from within Read, while it holds the lock that Write needs: an answer to a key update
// (RFC 8446, section 4.6.3), or an alert. If these writes blocked, a peer that asks for
// key updates and reads nothing could block the reader, and then CloseWrite. crypto/tls
// ends a connection after 16 key updates in a row (maxUselessRecords). It restarts that
// count with each byte of data, so the number of key updates is not bounded, and
// mostWaiting bounds the answers.
//
// Callers that may block do so in await, without a lock. await returns when the
// goroutine ends. The goroutine gives up if no byte moves for stillMoving, or at the
// limit.
type wire struct {
	net.Conn
	try transport.TryWriter // nil: the connection has no TryWrite, and its Write blocks

	mu       sync.Mutex // guards all fields below; not held while the connection blocks
	greeting bool       // during the handshake, only its goroutine writes, and may block
	waiting  []byte     // encrypted, and not written yet
	writing  bool       // the goroutine is running
	idle     sync.Cond  // signalled when the goroutine ends
	err      error      // the error that ended the goroutine
	limit    time.Time  // the write deadline; zero: none
	leaving  bool       // endBy has set the limit, and setLimit no longer changes it
	over     bool       // the close notice was sent
	moved    time.Time  // when the goroutine last wrote a byte
}

const (
	// mostAtOnce is the largest piece, in bytes, that TLS encrypts at a time.
	mostAtOnce = 1 << 20
	// mostWaiting bounds waiting, in bytes: one encrypted piece, and the records that TLS
	// writes on its own.
	mostWaiting = 2 * mostAtOnce
	// stillMoving is how long a write may make no progress.
	stillMoving = 10 * time.Second
	// goodbyeWithin bounds the time for waiting bytes and the close notice, as in
	// crypto/tls.
	goodbyeWithin = 5 * time.Second
)

var errCrowded = errors.New("the other end reads nothing, and asks for further key updates")

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

// isBusy reports whether bytes wait to be written.
func (w *wire) isBusy() (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.writing, w.err
}

// await blocks until no bytes wait to be written.
func (w *wire) await() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.writing {
		w.idle.Wait()
	}
	return w.err
}

// Write is called by TLS, from one goroutine at a time.
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
		// The connection owns the goroutine. It ends if no bytes wait, if no byte
		// moves, or with the connection. Close waits for it.
		go w.flush()
	}
	return len(b), nil
}

// flush writes the waiting bytes.
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

// writeAll writes b, and continues as long as bytes move. The caller holds mu; writeAll
// releases it during each write.
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

// setDeadline sets the write deadline of the connection: the limit, or, if that is earlier,
// the time at which a running write has made no progress for stillMoving. The caller holds
// mu.
func (w *wire) setDeadline() error {
	at := w.limit
	if still := w.moved.Add(stillMoving); w.writing && (at.IsZero() || still.Before(at)) {
		at = still
	}
	return w.Conn.SetWriteDeadline(at)
}

// setLimit sets the limit, also for a write that is running. The zero time means none.
func (w *wire) setLimit(at time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.leaving {
		w.limit = at
	}
	return w.setDeadline()
}

// endBy sets the final limit. If setting the deadline fails, the connection has ended,
// and the next write returns that error.
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

// sayNoMore makes further writes of TLS fail. Otherwise TLS would answer key updates even
// after its close notice.
func (w *wire) sayNoMore() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
}

// SetWriteDeadline does nothing. TLS calls it before its close notice, to bound the time of
// the notice, and after it, to make later writes fail. Here endBy does the first, and
// sayNoMore does the second without affecting waiting bytes.
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
