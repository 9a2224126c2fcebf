//go:build unix

package smoke_test

// TryWrite is there where that of a *tcp.Conn is.
func (c *tappedConn) TryWrite(b []byte) (int, error) {
	c.tap.note(b)
	return c.Conn.TryWrite(b)
}
