//go:build unix

package smoke_test

// TryWrite implements transport.TryWriter. It exists on the systems on which *tcp.Conn has
// this method.
func (c *tappedConn) TryWrite(b []byte) (int, error) {
	c.tap.note(b)
	return c.Conn.TryWrite(b)
}
