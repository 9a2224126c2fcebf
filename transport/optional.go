package transport

// HalfCloser is a connection that can end its own direction alone, as *net.TCPConn
// and *tls.Conn can. It is optional. A node that stops uses it to let the peer read
// all that was written; without it the node closes the whole connection.
type HalfCloser interface {
	// CloseWrite ends the direction from this end to the peer. The peer reads io.EOF
	// after the bytes that were written, and may still write. A later Write at this
	// end fails.
	CloseWrite() error
}

// TryWriter is a connection that can write without waiting. It is optional. With it
// the reader of one link can forward events on another link itself; without it each
// write needs a switch to another goroutine.
type TryWriter interface {
	// TryWrite writes as many bytes of b as the connection takes at once, from the
	// first one on, and returns their number. If the connection takes nothing now,
	// TryWrite returns 0 and nil. It keeps the order with Write, returns the errors
	// that Write returns, and also fails if the write deadline has passed. It does
	// not keep b.
	TryWrite(b []byte) (n int, err error)
}

// Lingerer is a connection whose Close can discard what the peer has not taken, as
// that of *net.TCPConn can. It is optional. A node uses it to reset a link to a peer
// that has fallen silent, where an orderly end would wait for the peer.
type Lingerer interface {
	// SetLinger sets what Close does with bytes that the peer has not acknowledged.
	// Zero: Close discards them and resets the connection. Positive: Close sends
	// them in the background, for that many seconds at most. Negative: without that
	// limit, which is the default.
	SetLinger(seconds int) error
}
