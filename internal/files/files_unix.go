//go:build unix

package files

import "syscall"

const (
	nonBlocking = syscall.O_NONBLOCK
	hasModes    = true
)

// descriptors returns how many descriptors the process may open.
func descriptors() (uint64, bool) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, false
	}
	return uint64(limit.Cur), true // signed on FreeBSD
}
