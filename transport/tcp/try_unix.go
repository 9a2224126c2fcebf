//go:build unix

package tcp

import (
	"net"
	"os"
	"sync"
	"syscall"

	"github.com/smokesignal-go/smokesignal/transport"
)

var _ transport.TryWriter = (*Conn)(nil)

// trying is the state of TryWrite.
type trying struct {
	raw syscall.RawConn

	mu   sync.Mutex // guards all below: one TryWrite at a time
	buf  []byte
	n    int
	err  error
	call func(fd uintptr) (done bool) // t.write, made once, so that TryWrite allocates nothing
}

func (t *trying) init(c *net.TCPConn) {
	t.raw, _ = c.SyscallConn() // fails only without a connection
	t.call = t.write
}

// TryWrite implements [transport.TryWriter]: it writes what the kernel takes now. Conn
// has this method on Unix systems only.
func (c *Conn) TryWrite(b []byte) (int, error) {
	t := &c.trying
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf, t.n, t.err = b, 0, nil
	err := t.raw.Write(t.call)
	t.buf = nil
	if err == nil && t.err != nil {
		err = &net.OpError{Op: "write", Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: os.NewSyscallError("write", t.err)}
	}
	return t.n, err
}

// write writes once and always returns true: after false, net would wait and call again.
func (t *trying) write(fd uintptr) (done bool) {
	for {
		n, err := syscall.Write(int(fd), t.buf)
		switch err {
		case nil:
			t.n = n // if this is less than was asked, the kernel has no room for more
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
		default:
			t.err = err
		}
		return true
	}
}
