package tcp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/transport"
	"github.com/smokesignal-go/smokesignal/transport/tcp"
)

// On Linux a process may use any address of 127.0.0.0/8, so one machine can simulate
// several.
func TestDialComesFromAnotherLoopbackAddress(t *testing.T) {
	l, err := tcp.Transport{}.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	c, err := tcp.Transport{LocalIP: "127.0.0.7"}.Dial(t.Context(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if ip := c.LocalAddr().(*net.TCPAddr).IP.String(); ip != "127.0.0.7" {
		t.Errorf("comes from %s", ip)
	}
}

func TestSmallFramesLeaveAtOnceAndKeepAliveIsOn(t *testing.T) {
	l, err := tcp.Transport{}.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	a, err := tcp.Transport{}.Dial(t.Context(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	for name, c := range map[string]net.Conn{"dialled": a, "accepted": b} {
		raw, err := c.(syscall.Conn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		err = raw.Control(func(fd uintptr) {
			for _, option := range []struct {
				name        string
				level, what int
			}{
				{"TCP_NODELAY", syscall.IPPROTO_TCP, syscall.TCP_NODELAY},
				{"SO_KEEPALIVE", syscall.SOL_SOCKET, syscall.SO_KEEPALIVE},
			} {
				if on, err := syscall.GetsockoptInt(int(fd), option.level, option.what); err != nil || on == 0 {
					t.Errorf("%s end: %s is %d, %v", name, option.name, on, err)
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A host whose queue of connections is full does not answer, like a host that is down.
func TestDialGivesUpWhenNobodyAnswers(t *testing.T) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(fd) }()
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)

	// No connection is accepted, so after a few the queue stays full and a dial waits.
	// The test passes with any time limit in the context.
	for range 100 {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		c, err := tcp.Transport{}.Dial(ctx, addr)
		cancel()
		if err == nil {
			defer func() { _ = c.Close() }()
			continue
		}
		if !transport.IsTimeout(err) || transport.IsRefused(err) {
			t.Fatalf("timeout %v, refused %v: %v", transport.IsTimeout(err), transport.IsRefused(err), err)
		}

		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, cancel)
		_, err = tcp.Transport{}.Dial(ctx, addr)
		if !errors.Is(err, context.Canceled) || transport.IsTimeout(err) {
			t.Fatalf("a dial that was called off: %v", err)
		}
		return
	}
	t.Fatal("a listener with no queue took 100 connections")
}

func TestAcceptOutOfDescriptorsIsTemporary(t *testing.T) {
	l, err := tcp.Transport{}.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	c, err := tcp.Transport{}.Dial(t.Context(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()

	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	none := before
	none.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	_, acceptErr := l.Accept()
	_, dialErr := tcp.Transport{}.Dial(t.Context(), l.Addr().String())
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	if !transport.IsTemporary(acceptErr) {
		t.Errorf("accept without descriptors: %v", acceptErr)
	}
	if !transport.IsTemporary(dialErr) || transport.IsRefused(dialErr) {
		t.Errorf("dial without descriptors: %v", dialErr)
	}

	// The listener still accepts.
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = accepted.Close()
}
