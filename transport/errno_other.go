//go:build !windows

package transport

import "syscall"

var (
	refused       = []syscall.Errno{syscall.ECONNREFUSED}
	addrInUse     = []syscall.Errno{syscall.EADDRINUSE}
	addrNotAvail  = []syscall.Errno{syscall.EADDRNOTAVAIL}
	accessDenied  = []syscall.Errno{syscall.EACCES, syscall.EPERM}
	noDescriptors = []syscall.Errno{syscall.EMFILE, syscall.ENFILE}
	noBuffers     = []syscall.Errno{syscall.ENOBUFS, syscall.ENOMEM}
	aborted       = []syscall.Errno{syscall.ECONNABORTED}
	reset         = []syscall.Errno{syscall.ECONNRESET, syscall.EPIPE}
)
