package transport

import "syscall"

// Errors of Windows sockets have their own numbers, and package syscall names only a few of
// these. The names that syscall has on all systems stand for numbers that Windows never
// returns. They are listed here for transports that use them.
var (
	refused       = []syscall.Errno{syscall.ECONNREFUSED, 10061}
	addrInUse     = []syscall.Errno{syscall.EADDRINUSE, 10048}
	addrNotAvail  = []syscall.Errno{syscall.EADDRNOTAVAIL, 10049}
	accessDenied  = []syscall.Errno{syscall.EACCES, 10013}
	noDescriptors = []syscall.Errno{syscall.EMFILE, syscall.ENFILE, 10024}
	noBuffers     = []syscall.Errno{syscall.ENOBUFS, syscall.ENOMEM, 10055}
	aborted       = []syscall.Errno{syscall.ECONNABORTED, syscall.WSAECONNABORTED}
	reset         = []syscall.Errno{syscall.ECONNRESET, syscall.EPIPE, syscall.WSAECONNRESET, syscall.WSAECONNABORTED}
)
