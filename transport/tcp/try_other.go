//go:build !unix

package tcp

import "net"

// trying is empty on systems without TryWrite.
type trying struct{}

func (*trying) init(*net.TCPConn) {}
