//go:build !linux

package tcp

import "syscall"

// portAtConnect does nothing here: only Linux picks the port early.
func portAtConnect(_, _ string, _ syscall.RawConn) error { return nil }
