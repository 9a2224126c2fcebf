package tcp

import "syscall"

// ipBindAddressNoPort is IP_BIND_ADDRESS_NO_PORT, which package syscall does not
// name. Linux 4.2, see ip(7).
const ipBindAddressNoPort = 24

// portAtConnect makes the kernel choose the local port when it connects and not
// when it binds. It then knows the far end, and two connections to different
// peers may share a port: without it, a node that dials from its own address
// runs out of ports at 28 000 connections, those that just ended included.
//
// A kernel that does not know the option still dials, only with fewer ports, so
// its refusal is no error.
func portAtConnect(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, ipBindAddressNoPort, 1)
	})
}
