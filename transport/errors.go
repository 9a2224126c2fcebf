package transport

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"syscall"
)

// Error is the type of all errors of Listen and Dial. It names the operation, the address
// and the cause.
type Error struct {
	Op   string // "listen" or "dial"
	Addr string // the address as it was asked for
	Err  error  // the cause, as the transport got it
}

// Error implements error. The text has the operation, the address and the cause, and
// advice if the cause has an obvious remedy.
func (e *Error) Error() string {
	text := e.Op + " " + e.Addr + ": " + cause(e.Err)
	if way := advice(e.Op, e.Err); way != "" {
		text += " (" + way + ")"
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Timeout reports whether no answer came in time; see [IsTimeout].
func (e *Error) Timeout() bool { return IsTimeout(e.Err) }

// Temporary reports whether the same call may succeed later; see [IsTemporary].
func (e *Error) Temporary() bool { return IsTemporary(e.Err) }

// cause returns the innermost text. The errors of package net repeat the operation
// and the address, and a message should have each of them once.
func cause(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Err != nil {
		err = op.Err
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok && call.Err != nil {
		err = call.Err
	}
	if err == nil {
		return "unknown cause"
	}
	return err.Error()
}

func advice(op string, err error) string {
	switch {
	case IsAddrInUse(err):
		return "another program listens there: choose another port, or port 0 for a free one"
	case isAny(err, addrNotAvail):
		return "this machine has no such address, or no free port on it"
	case op == "listen" && isAny(err, accessDenied):
		return "the system keeps this port for privileged programs: choose one from 1024 up"
	case isAny(err, noDescriptors):
		return "the process has used up its file descriptors: raise its limit"
	}
	return ""
}

// IsRefused reports whether a running host answered that no program listens at the
// address: the program is down, or has not started yet.
func IsRefused(err error) bool { return isAny(err, refused) }

// IsTimeout reports whether no answer came in time: the system's own limit, a
// deadline of the connection or the deadline of a context has passed. The host may be
// down, unreachable or slow. A context that was canceled is not a timeout.
func IsTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	late, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && late.Timeout()
}

// IsTemporary reports whether the same call may succeed later: this machine has no
// free file descriptor or no memory for sockets now, or a connection ended before
// Accept could return it. After such an error a listener still listens. The caller
// waits a moment and calls Accept again.
func IsTemporary(err error) bool {
	return isAny(err, noDescriptors) || isAny(err, noBuffers) || isAny(err, aborted)
}

// IsAddrInUse reports whether another program listens at the address.
func IsAddrInUse(err error) bool { return isAny(err, addrInUse) }

// IsReset reports whether the peer ended the connection without an orderly close: its
// process died, or it closed the connection while this end was still writing.
func IsReset(err error) bool { return isAny(err, reset) }

// isAny reports whether err is one of the given error numbers. A system may have several
// numbers with one meaning; see errno_*.go.
func isAny(err error, numbers []syscall.Errno) bool {
	errno, ok := errors.AsType[syscall.Errno](err)
	return ok && slices.Contains(numbers, errno)
}
