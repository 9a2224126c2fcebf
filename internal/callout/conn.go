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

// Conn is a connection of a transport of the program. If one of its methods panics, the
// method returns an error. Close never waits. Running names a method that has not returned.
// The connections of the packages below transport need no Conn.
type Conn struct {
	conn          net.Conn
	calls         *Calls
	local, remote addrText
	busy          [ownMethods]atomic.Int32
	closed        atomic.Bool
}

// ownMethod is one of the methods that may hang. Read comes last, because each link always
// waits in Read.
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

// tryConn is a Conn whose connection has TryWrite.
type tryConn struct{ *Conn }

// ErrNoConn: a transport has returned neither a connection nor an error.
var ErrNoConn = errors.New("it returned no connection, and no error")

// Adopt wraps a connection of a transport in a Conn, if it needs one. It calls code of the
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

// ConnOf returns the Conn of a connection from Adopt, or nil if it has none.
func ConnOf(conn net.Conn) *Conn {
	switch conn := conn.(type) {
	case *Conn:
		return conn
	case tryConn:
		return conn.Conn
	}
	return nil
}

// IsOurs reports whether the type of v is from a package below transport of this library.
// The methods of such types do not hang after Close.
func IsOurs(v any) bool {
	t := reflect.TypeOf(v)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return strings.HasPrefix(t.PkgPath(), belowTransport)
}

// belowTransport is the start of the import paths of this library's transports.
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

// FormerConns holds connections of links that have ended, because one of their methods may
// still hang. If there are too many, connections without a running method are dropped.
type FormerConns []*Conn

// MostHanging is how many connections of a transport of the program may hang after they
// were closed. Then the node takes no further ones. A guess.
const MostHanging = 256

// mostFormer bounds the former connections without a running method. A guess: a method that
// begins while its link ends has begun before this many other links have ended.
const mostFormer = 64

// Add adds a connection; c may be nil.
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

// leave records that a method returns. If the method panicked, leave sets its error.
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

// TryWrite calls TryWrite of the connection.
func (c tryConn) TryWrite(b []byte) (n int, err error) {
	c.busy[ownTryWrite].Add(1)
	defer c.leave(ownTryWrite, &err)
	n, err = c.conn.(transport.TryWriter).TryWrite(b)
	return checkCount(n, b, err)
}

// checkCount returns an error if n is no possible count for b.
func checkCount(n int, b []byte, err error) (int, error) {
	if n < 0 || n > len(b) {
		return 0, errors.Join(err, errBytes)
	}
	return n, err
}

var errBytes = errors.New("the transport says that it moved more bytes than there were")

// CloseWrite calls CloseWrite of the connection, if it has that method.
func (c *Conn) CloseWrite() (err error) {
	half, ok := c.conn.(transport.HalfCloser)
	if !ok {
		return errors.ErrUnsupported
	}
	c.busy[ownCloseWrite].Add(1)
	defer c.leave(ownCloseWrite, &err)
	return half.CloseWrite()
}

// SetLinger calls SetLinger of the connection, if it has that method.
func (c *Conn) SetLinger(seconds int) (err error) {
	conn, ok := c.conn.(transport.Lingerer)
	if !ok {
		return errors.ErrUnsupported
	}
	c.busy[ownSetLinger].Add(1)
	defer c.leave(ownSetLinger, &err)
	return conn.SetLinger(seconds)
}

// Close starts to close the connection, and does not wait for the end.
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
