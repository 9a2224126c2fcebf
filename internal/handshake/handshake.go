// Package handshake is the first exchange on a connection: TLS or plaintext, HELLO in both
// directions, admission, and REFUSE. Nodes use it, and so does the command that greets a
// node without joining.
//
// The end that dialled speaks first. [Config] holds the settings of one end. [Options]
// decides from the options of a node whether its links are encrypted, and with which guard.
// [Greet] sets deadlines on the connection and returns after [Within] at the latest, unless
// a method of the connection ignores its deadline. The package starts no goroutine.
//
// The errors are listed in errors.go, one for each way in which a handshake fails. They
// hold no address; the caller adds it.
package handshake

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/wire"
	"github.com/smokesignal-go/smokesignal/trust"
)

// Within is how long a handshake may take.
const Within = 3 * time.Second

// Config holds the fields of the HELLO that one end sends, and its requirements for the
// other end. A Config may be used by many goroutines.
type Config struct {
	Network string
	Self    ident.Origin
	Addr    string       // the address at which others dial this node; sent in HELLO; may be empty
	Guard   *trust.Guard // encrypts the links; nil: they are plaintext

	// AnyNetwork accepts a node of another network.
	AnyNetwork bool

	// OnSelf is called for an accepted connection if its HELLO names this life of this
	// node. If links are encrypted, the id is proven by then. The handshake fails with the
	// error that it returns. It may be nil.
	OnSelf func(hello *wire.Hello, from string) error
}

// Link is a connection on which a handshake has taken place.
type Link struct {
	Conn  net.Conn // for frames; encrypted if links are encrypted
	Addr  string   // the address of the other end, as this end sees it
	Hello *wire.Hello
	Rest  []byte // the bytes that came after HELLO

	// Enc and Dec hold the state of the link. The owner of the link must use these.
	Enc wire.Encoder
	Dec wire.Decoder
}

// Greet does one handshake. dialled is the address that this end has dialled; it is empty
// for a connection that came in. The end of ctx ends the handshake. If it fails, the caller
// must close conn, and may use only the Hello of the Link, which is set if a HELLO came.
func Greet(ctx context.Context, c *Config, conn net.Conn, dialled string) (l *Link, err error) {
	raw := conn
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	l = &Link{Conn: conn, Addr: conn.RemoteAddr().String()}
	until := time.Now().Add(Within)
	conn.SetDeadline(until)
	var safe *trust.Conn
	if c.Guard != nil {
		if safe, err = c.Guard.Secure(ctx, conn, dialled); err != nil {
			return l, explainTLS(err)
		}
		defer func() {
			if err != nil {
				safe.Close() // Close waits for a write that has begun
			}
		}()
		l.Conn = safe
		safe.SetDeadline(until)
		if dialled != "" { // a node that is not admitted learns only that
			if err := c.Guard.CheckAllowed(safe); err != nil {
				l.refuse(wire.RefuseStranger, "")
				return l, fmt.Errorf("%w: %w", ErrNotAdmitted, err)
			}
		}
	}
	if dialled != "" {
		if err := l.say(c.hello(l.Addr, safe)); err != nil {
			return l, DialFault(err)
		}
	}
	if err := l.hear(); err != nil {
		if dialled == "" && errors.Is(err, ErrPlaintext) {
			l.refuse(wire.RefuseStranger, "plaintext") // the TLS handshake of the other end fails at this frame, which holds the reason
		}
		return l, err
	}
	asking, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	if err := c.admit(asking, safe, l.Hello); err != nil {
		l.refuse(wire.RefuseStranger, "")
		return l, err
	}
	// This check must not come earlier: if links are encrypted, the id is proven only now.
	if dialled == "" && c.OnSelf != nil && l.Hello.ID == c.Self.ID && l.Hello.Epoch == c.Self.Epoch {
		if err := c.OnSelf(l.Hello, l.Addr); err != nil {
			return l, err
		}
	}
	misfit := c.misfit(l.Hello)
	if dialled == "" {
		if err := l.say(c.hello(l.Addr, safe)); err != nil {
			return l, DialFault(err)
		}
	}
	if misfit != nil {
		l.refuse(misfit.code, misfit.Error())
		return l, misfit
	}
	return l, l.Conn.SetDeadline(time.Time{})
}

// hello returns the HELLO of this end.
func (c *Config) hello(seen string, safe *trust.Conn) *wire.Hello {
	hello := &wire.Hello{
		Major: wire.Major, Minor: wire.Minor,
		Network: c.Network, ID: c.Self.ID, Epoch: c.Self.Epoch, Addr: c.Addr, Seen: ident.TellAddr(seen),
	}
	if safe != nil {
		hello.Proof = string(c.Guard.Proof(safe))
	}
	return hello
}

// admit returns nil if the other end is admitted, or else the reason.
func (c *Config) admit(ctx context.Context, safe *trust.Conn, h *wire.Hello) error {
	if safe == nil {
		return nil
	}
	if h.Major != wire.Major {
		return nil // of a HELLO of another version, only the version was read; misfit reports it
	}
	if err := c.Guard.Admit(ctx, safe, h.ID, []byte(h.Proof), h.Network, h.Addr); err != nil {
		return fmt.Errorf("%w: %w", ErrNotAdmitted, err)
	}
	return nil
}

// misfit returns the reason why the other end can't be a peer, or nil.
func (c *Config) misfit(h *wire.Hello) *MisfitError {
	switch {
	case h.Major != wire.Major:
		return &MisfitError{ErrOtherVersion, fmt.Sprint(wire.Major), fmt.Sprint(h.Major),
			fmt.Sprintf("it speaks protocol %d, this node %d; update the older one", h.Major, wire.Major), wire.RefuseVersion}
	case h.Network != c.Network && !c.AnyNetwork:
		return &MisfitError{ErrOtherNetwork, c.Network, h.Network,
			fmt.Sprintf("it belongs to %q, this node to %q; set Options.Network alike to link them", h.Network, c.Network), wire.RefuseNetwork}
	}
	return nil
}

// say writes one frame.
func (l *Link) say(m any) error {
	frame, err := l.Enc.Append(nil, m)
	if err != nil {
		return err
	}
	_, err = l.Conn.Write(frame)
	return err
}

// refuse sends a REFUSE. If the other end has hung up, it does not arrive.
func (l *Link) refuse(code wire.RefuseCode, text string) {
	l.say(&wire.Refuse{Code: code, Text: text})
}

// helloRead is the size of the buffer for a HELLO. Bytes after the HELLO are read with it,
// as far as they fit.
const helloRead = 4 << 10

// hear reads the first frame. The bytes after it are kept for the link.
func (l *Link) hear() error {
	buf := make([]byte, 0, helloRead)
	for {
		m, n, err := l.Dec.Next(buf)
		if err != nil {
			switch {
			case isTLS(buf):
				return ErrSpeaksTLS
			case errors.Is(err, wire.ErrNotSmokesignal):
				return fmt.Errorf("%w: %w", ErrNotSmokesignal, err)
			}
			return err
		}
		if n > 0 {
			switch m := m.(type) {
			case *wire.Hello:
				l.Hello, l.Rest = m, slices.Clone(buf[n:])
				return nil
			case *wire.Refuse:
				return refusedBy(m)
			}
			return fmt.Errorf("%w: %T before HELLO", ErrNotSmokesignal, m)
		}
		if len(buf) == cap(buf) {
			return fmt.Errorf("%w: no HELLO in %d bytes", ErrNotSmokesignal, len(buf))
		}
		n, err = l.Conn.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if n == 0 && err != nil {
			return explainRead(err)
		}
	}
}

// refusedBy returns a REFUSE in place of a HELLO as an error.
func refusedBy(m *wire.Refuse) error {
	if m.Code == wire.RefuseStranger {
		return ErrTurnedAway
	}
	return fmt.Errorf("%w: %v %.100q", ErrRefused, m.Code, m.Text)
}

// isTLS reports whether bytes are the start of a TLS handshake or alert: RFC 8446,
// section 5.1.
func isTLS(b []byte) bool {
	return len(b) >= 2 && (b[0] == 0x15 || b[0] == 0x16) && b[1] == 0x03
}
