package tcp

import "syscall"

// ipBindAddressNoPort is IP_BIND_ADDRESS_NO_PORT, which package syscall does not
// name. Linux 4.2, see ip(7).
const ipBindAddressNoPort = 24

// portAtConnect makes the kernel choose the local port in connect instead of in bind. In
// connect the kernel knows the address of the peer, so connections to different peers may
// share a port. Without the option, a node that dials from a LocalIP runs out of ports at
// 28 000 connections. Connections that have just ended count too.
//
// A kernel that does not know the option still dials, but with fewer ports. So
// portAtConnect ignores the error.
func portAtConnect(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, ipBindAddressNoPort, 1)
	})
}
