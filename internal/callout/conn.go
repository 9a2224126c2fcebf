package callout

import (
	"errors"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/smokesignal-go/smokesignal/transport"
)

// Conn is a connection of a transport of the program. A panic in one of its methods
// is an error of the connection; Close never waits; and the node knows which method
// has not returned. The connections of the packages below transport need none of that.
type Conn struct {
	conn          net.Conn
	calls         *Calls
	local, remote addrText
	busy          [ownMethods]atomic.Int32
	closed        atomic.Bool
}

// ownMethod is one of the methods that may hang. Read, in which a link always is, comes
// last.
type ownMethod int

const (
	ownWrite ownMethod = iota
	ownTryWrite
	ownCloseWrite
	ownSetDeadline
	ownSetLinger
	ownRead
	ownMethods
)

func (m ownMethod) String() string {
	return [...]string{"Write", "TryWrite", "CloseWrite", "SetDeadline", "SetLinger", "Read"}[m]
}

// tryConn is an Conn whose connection has TryWrite.
type tryConn struct{ *Conn }

// ErrNoConn: a transport has returned neither a connection nor an error.
var ErrNoConn = errors.New("it returned no connection, and no error")

// Adopt makes a connection of a transport fit for the node. It calls code of the
// program, and may hang or panic.
func (o *Calls) Adopt(conn net.Conn) (net.Conn, error) {
	if conn == nil {
		return nil, ErrNoConn
	}
	if IsOurs(conn) {
		return conn, nil
	}
	own := &Conn{conn: conn, calls: o, local: textOf(conn.LocalAddr()), remote: textOf(conn.RemoteAddr())}
	if _, ok := conn.(transport.TryWriter); ok {
		return tryConn{own}, nil
	}
	return own, nil
}

// ConnOf returns the Conn of a connection from Adopt, nil if it has none.
func ConnOf(conn net.Conn) *Conn {
	switch conn := conn.(type) {
	case *Conn:
		return conn
	case tryConn:
		return conn.Conn
	}
	return nil
}

// isOurs reports whether a value is of a package of ours below transport, whose methods
// do not hang after Close.
func IsOurs(v any) bool {
	t := reflect.TypeOf(v)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return strings.HasPrefix(t.PkgPath(), belowTransport)
}

// belowTransport begins the paths of our transports.
var belowTransport = reflect.TypeFor[transport.Error]().PkgPath() + "/"

// addrText is an address as it was when the node asked for it.
type addrText struct{ network, text string }

func textOf(a net.Addr) addrText {
	if a == nil {
		return addrText{}
	}
	return addrText{a.Network(), a.String()}
}

// Network implements net.Addr.
func (a addrText) Network() string { return a.network }

// String implements net.Addr.
func (a addrText) String() string { return a.text }

// Running names a method that has not returned; "" if all have.
func (c *Conn) Running() string {
	for m := range ownMethods {
		if c.busy[m].Load() > 0 {
			return c.name(m.String())
		}
	}
	return ""
}

// FormerConns are connections of links that have ended: a method of one may hang even
// so. Those that rest make room.
type FormerConns []*Conn

// MostHanging is how many connections of a transport of the program may hang after they
// were closed. Then the node takes no further ones. A guess.
const MostHanging = 256

// mostFormer bounds those that rest. A guess: a method that begins as its link ends has
// begun before so many other links have ended.
const mostFormer = 64

// Add notes one; it may be nil.
func (f *FormerConns) Add(c *Conn) {
	if c == nil {
		return
	}
	if len(*f) >= mostFormer {
		at := slices.IndexFunc(*f, func(c *Conn) bool { return c.Running() == "" })
		if at >= 0 {
			*f = slices.Delete(*f, at, at+1)
		} else if len(*f) >= MostHanging {
			return
		}
	}
	*f = append(*f, c)
}

func (c *Conn) name(method string) string { return "Conn." + method + "(" + c.remote.text + ")" }

// leave ends a call of a method, and makes an error of its panic.
func (c *Conn) leave(m ownMethod, err *error) {
	c.busy[m].Add(-1)
	if value := recover(); value != nil {
		*err = c.calls.panicked(c.name(m.String()), value)
	}
}

// Read implements net.Conn.
func (c *Conn) Read(b []byte) (n int, err error) {
	c.busy[ownRead].Add(1)
	defer c.leave(ownRead, &err)
	n, err = c.conn.Read(b)
	return checkCount(n, b, err)
}

// Write implements net.Conn.
func (c *Conn) Write(b []byte) (n int, err error) {
	c.busy[ownWrite].Add(1)
	defer c.leave(ownWrite, &err)
	n, err = c.conn.Write(b)
	return checkCount(n, b, err)
}

// TryWrite is that of the connection.
func (c tryConn) TryWrite(b []byte) (n int, err error) {
	c.busy[ownTryWrite].Add(1)
	defer c.leave(ownTryWrite, &err)
	n, err = c.conn.(transport.TryWriter).TryWrite(b)
	return checkCount(n, b, err)
}

// checkCount keeps a count that can't be from being used as one.
func checkCount(n int, b []byte, err error) (int, error) {
	if n < 0 || n > len(b) {
		return 0, errors.Join(err, errBytes)
	}
	return n, err
}

var errBytes = errors.New("the transport says that it moved more bytes than there were")

// CloseWrite is that of the connection, if it has one.
func (c *Conn) CloseWrite() (err error) {
	half, ok := c.conn.(transport.HalfCloser)
	if !ok {
		return errors.ErrUnsupported
	}
	c.busy[ownCloseWrite].Add(1)
	defer c.leave(ownCloseWrite, &err)
	return half.CloseWrite()
}

// SetLinger is that of the connection, if it has one.
func (c *Conn) SetLinger(seconds int) (err error) {
	conn, ok := c.conn.(transport.Lingerer)
	if !ok {
		return errors.ErrUnsupported
	}
	c.busy[ownSetLinger].Add(1)
	defer c.leave(ownSetLinger, &err)
	return conn.SetLinger(seconds)
}

// Close has the connection closed, and does not wait for that.
func (c *Conn) Close() error {
	if !c.closed.Swap(true) {
		c.calls.Start(&Call{Kind: Close, What: c.name("Close")}, c.conn.Close)
	}
	return nil
}

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr implements net.Conn.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline implements net.Conn.
func (c *Conn) SetDeadline(t time.Time) error { return c.setDeadline(c.conn.SetDeadline, t) }

// SetReadDeadline implements net.Conn.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadline(c.conn.SetReadDeadline, t) }

// SetWriteDeadline implements net.Conn.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	return c.setDeadline(c.conn.SetWriteDeadline, t)
}

func (c *Conn) setDeadline(set func(time.Time) error, t time.Time) (err error) {
	c.busy[ownSetDeadline].Add(1)
	defer c.leave(ownSetDeadline, &err)
	return set(t)
}
