package transport_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/smokesignal-go/smokesignal/transport"
)

func TestKindsOfErrors(t *testing.T) {
	wrap := func(errno syscall.Errno) error {
		op := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno)}
		return fmt.Errorf("link to ann: %w", &transport.Error{Op: "dial", Addr: "10.0.0.1:1", Err: op})
	}
	is := map[string]func(error) bool{
		"refused": transport.IsRefused, "timeout": transport.IsTimeout, "temporary": transport.IsTemporary,
		"in use": transport.IsAddrInUse, "reset": transport.IsReset,
	}
	for _, test := range []struct {
		err  error
		want string // the one kind it is
	}{
		{wrap(syscall.ECONNREFUSED), "refused"},
		{wrap(syscall.ETIMEDOUT), "timeout"},
		{context.DeadlineExceeded, "timeout"},
		{&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, "timeout"},
		{wrap(syscall.EMFILE), "temporary"},
		{wrap(syscall.ENOBUFS), "temporary"},
		{wrap(syscall.EADDRINUSE), "in use"},
		{wrap(syscall.ECONNRESET), "reset"},
		{wrap(syscall.EPIPE), "reset"},
		{wrap(syscall.EHOSTUNREACH), ""},
		{context.Canceled, ""},
		{net.ErrClosed, ""},
		{errors.New("anything"), ""},
		{nil, ""},
	} {
		for kind, f := range is {
			if got := f(test.err); got != (kind == test.want) {
				t.Errorf("%v: is %s: %v", test.err, kind, got)
			}
		}
	}
}

func TestErrorText(t *testing.T) {
	for _, test := range []struct {
		err  transport.Error
		want string
	}{
		{
			transport.Error{Op: "listen", Addr: "127.0.0.1:80", Err: &net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("bind", syscall.EACCES)}},
			"listen 127.0.0.1:80: permission denied (the system keeps this port",
		},
		{transport.Error{Op: "dial", Addr: "10.0.0.1:1", Err: syscall.ECONNREFUSED}, "dial 10.0.0.1:1: connection refused"},
		{transport.Error{Op: "dial", Addr: "10.0.0.1:1", Err: context.Canceled}, "dial 10.0.0.1:1: context canceled"},
		{transport.Error{Op: "dial", Addr: "x"}, "dial x: unknown cause"},
	} {
		if got := test.err.Error(); !strings.HasPrefix(got, test.want) {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
	var late net.Error = &transport.Error{Op: "dial", Addr: "x", Err: context.DeadlineExceeded}
	if !late.Timeout() {
		t.Error("the error hides that it is a timeout")
	}
}
