//go:build !unix

package tcp

import "net"

// trying is empty where connections can't be written to without waiting.
type trying struct{}

func (*trying) init(*net.TCPConn) {}
