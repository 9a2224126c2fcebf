package trust

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/ident"
)

// Conn is a secure connection.
type Conn struct {
	*tls.Conn
	wire        *wire
	dialled     bool
	peer        ident.ID
	certificate *x509.Certificate
	exported    []byte
}

// Peer is the id of the other end, which it has proven.
func (c *Conn) Peer() ident.ID { return c.peer }

// Write writes, and waits for as long as the other end takes nothing. It must not be
// called by two goroutines at once, nor beside TryWrite.
func (c *Conn) Write(b []byte) (int, error) {
	c.wire.wait(true)
	defer c.wire.wait(false)
	return c.Conn.Write(b)
}

// TryWrite writes all of b, or, where the connection takes nothing now, nothing. See
// package transport.
func (c *Conn) TryWrite(b []byte) (int, error) {
	switch busy, err := c.wire.isBusy(); {
	case err != nil:
		return 0, err
	case busy || c.wire.try == nil:
		return 0, nil
	}
	return c.Conn.Write(b)
}

// CloseWrite says that nothing more comes from here, after all that was written. It
// waits until that is out, five seconds at most.
func (c *Conn) CloseWrite() error {
	c.wire.wait(true)
	defer c.wire.wait(false)
	return c.Conn.CloseWrite()
}

// Close ends the connection at once. It does not tell the other end first, as
// tls.Conn does, which may have to wait for that; CloseWrite does.
func (c *Conn) Close() error { return c.wire.Close() }

// SetLinger is that of the connection below, where it has one.
func (c *Conn) SetLinger(seconds int) error {
	if below, ok := c.wire.Conn.(interface{ SetLinger(seconds int) error }); ok {
		return below.SetLinger(seconds)
	}
	return nil
}

// wire is the connection below TLS. What TLS has encrypted has to go out as it is,
// all of it and in order, so that what the connection does not take at once has to
// wait here, and a goroutine writes it. Nobody who has no time has to wait for that:
// neither TryWrite nor who reads, and answers what TLS asks by itself.
type wire struct {
	net.Conn
	try interface{ TryWrite([]byte) (int, error) } // nil: the connection can only wait

	mu      sync.Mutex // guards all below
	mayWait bool       // Write and the handshake may; nobody else
	waiting []byte     // encrypted, and not written
	writing bool       // the goroutine is there
	idle    sync.Cond  // it has ended
	err     error      // what it has ended with
}

// mostWaiting is what may wait: one outbox of a link, or the largest event, and what
// TLS has to say by itself.
const mostWaiting = 2 << 20

var errCrowded = errors.New("the other end takes nothing, and asks for more")

func newWire(raw net.Conn) *wire {
	w := &wire{Conn: raw, mayWait: true}
	w.try, _ = raw.(interface{ TryWrite([]byte) (int, error) })
	w.idle.L = &w.mu
	return w
}

func (w *wire) wait(may bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mayWait = may
}

// isBusy reports whether something waits.
func (w *wire) isBusy() (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.writing, w.err
}

// Write is called by TLS, by one goroutine at a time.
func (w *wire) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mayWait {
		for w.writing {
			w.idle.Wait()
		}
		if w.err != nil {
			return 0, w.err
		}
		w.mu.Unlock()
		n, err := w.writeAll(b)
		w.mu.Lock()
		return n, err
	}
	if w.err != nil {
		return 0, w.err
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
		// The connection owns it. It ends when nothing waits, or with the
		// connection, and Close waits for it.
		go w.flush()
	}
	return len(b), nil
}

// stillMoving is for how long nothing may move.
const stillMoving = 10 * time.Second

// writeAll writes, and goes on after a deadline for as long as something moves: TLS
// would not go on after one.
func (w *wire) writeAll(b []byte) (done int, err error) {
	for {
		n, err := w.Conn.Write(b[done:])
		done += n
		if err == nil || n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return done, err
		}
		if err := w.Conn.SetWriteDeadline(time.Now().Add(stillMoving)); err != nil {
			return done, err
		}
	}
}

// flush writes what waits.
func (w *wire) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.waiting) > 0 && w.err == nil {
		b := w.waiting
		w.waiting = nil
		w.mu.Unlock()
		_, err := w.writeAll(b)
		w.mu.Lock()
		w.err = err
	}
	w.waiting, w.writing = nil, false
	w.idle.Broadcast()
}

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
