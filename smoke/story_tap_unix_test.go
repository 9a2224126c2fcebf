//go:build unix

package smoke_test

// TryWrite exists on the systems on which *tcp.Conn has it.
func (c *tappedConn) TryWrite(b []byte) (int, error) {
	c.tap.note(b)
	return c.Conn.TryWrite(b)
}
