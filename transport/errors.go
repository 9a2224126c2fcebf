package transport

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"syscall"
)

// Error says which listening or dialling failed, and why.
type Error struct {
	Op   string // "listen" or "dial"
	Addr string // the address as it was asked for
	Err  error  // the cause, as the transport got it
}

// Error names the operation, the address, the cause, and, where there is an
// obvious one, the way out.
func (e *Error) Error() string {
	text := e.Op + " " + e.Addr + ": " + cause(e.Err)
	if way := advice(e.Op, e.Err); way != "" {
		text += " (" + way + ")"
	}
	return text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Timeout reports whether nobody answered; see [IsTimeout].
func (e *Error) Timeout() bool { return IsTimeout(e.Err) }

// Temporary reports whether the same call may work later; see [IsTemporary].
func (e *Error) Temporary() bool { return IsTemporary(e.Err) }

// cause gives the innermost text. Package net says operation and address too,
// and each must stand in a message only once.
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

// IsRefused reports whether a living host answered that nobody listens at the
// address. The host is up, the program is not, or not yet.
func IsRefused(err error) bool { return isAny(err, refused) }

// IsTimeout reports whether time ran out without an answer: the system gave up,
// or a deadline passed, on the connection or in the context. The host may be
// down, or cut off, or only slow. A context that was canceled is no timeout.
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

// IsTemporary reports whether this machine has run out of something that it may
// have again later: file descriptors, memory for sockets, or a connection that
// went away between its arrival and Accept. A listener that fails so still
// listens: wait a little, then Accept again.
func IsTemporary(err error) bool {
	return isAny(err, noDescriptors) || isAny(err, noBuffers) || isAny(err, aborted)
}

// IsAddrInUse reports whether somebody else listens at the address.
func IsAddrInUse(err error) bool { return isAny(err, addrInUse) }

// IsReset reports whether the peer is gone without having said goodbye: its
// process died, or it closed while we were still writing.
func IsReset(err error) bool { return isAny(err, reset) }

// isAny reports whether err is one of the numbers. A system may have several
// for one meaning; see errno_*.go.
func isAny(err error, numbers []syscall.Errno) bool {
	errno, ok := errors.AsType[syscall.Errno](err)
	return ok && slices.Contains(numbers, errno)
}
