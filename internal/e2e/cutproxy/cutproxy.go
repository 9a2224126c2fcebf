// Package cutproxy is a relay between TCP connections that can fall silent. It replaces a
// pulled cable on machines where [netlab] can't make one.
//
// A program that can be cut off dials through a [Dialer], which names its side. It listens
// as usual, and [Proxy.Place] assigns its address to a side. While two sides are cut, the
// proxy reads nothing from either and forwards nothing, not even the end of a connection. A
// dial hangs. When the cut heals, the held bytes continue.
//
// It differs from a real network in one respect. The bytes wait in the proxy's and the
// kernel's buffers and are not retransmitted, so recovery is faster than with TCP's
// retransmission.
//
// [netlab]: https://pkg.go.dev/github.com/smokesignal-go/smokesignal/internal/e2e/netlab
package cutproxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

const (
	// maxRequest bounds the line with which a dial begins, in bytes.
	maxRequest = 512
	// chunk is the largest number of bytes that are relayed at once.
	chunk = 32 << 10
	// patience is the time limit for the proxy to reach an address.
	patience = 5 * time.Second
)

// Proxy relays connections. All its methods may be called from any goroutine.
type Proxy struct {
	listener net.Listener
	running  sync.WaitGroup // the accept loop and the goroutines that it started
	stop     context.CancelFunc
	stopped  context.Context

	mu      sync.Mutex
	sides   map[string]string  // address → side
	cuts    map[[2]string]bool // from, to
	changed chan struct{}      // closed and replaced when cuts change
}

// Listen starts a proxy on an address such as 127.0.0.1:0. The caller must call Close.
func Listen(addr string) (*Proxy, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("start a cut proxy: %w", err)
	}
	p := &Proxy{
		listener: listener,
		sides:    make(map[string]string),
		cuts:     make(map[[2]string]bool),
		changed:  make(chan struct{}),
	}
	p.stopped, p.stop = context.WithCancel(context.Background())
	// Owner: the proxy. Close ends the accept loop and waits for it.
	p.running.Go(p.accept)
	return p, nil
}

// Addr returns the proxy's address, for [Dialer].
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Place assigns addr (host:port) to a side. An address without a side can't be cut off.
func (p *Proxy) Place(addr, side string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sides[addr] = side
}

// Cut stops all traffic between two sides from now on.
func (p *Proxy) Cut(a, b string) {
	p.change(func() { p.cuts[[2]string{a, b}], p.cuts[[2]string{b, a}] = true, true })
}

// Heal ends all the cuts.
func (p *Proxy) Heal() {
	p.change(func() { clear(p.cuts) })
}

func (p *Proxy) change(apply func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	apply()
	close(p.changed)
	p.changed = make(chan struct{})
}

// Close ends the proxy and every connection through it, and waits for its
// goroutines. It may be called twice.
func (p *Proxy) Close() error {
	p.stop()
	err := p.listener.Close()
	p.running.Wait()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close a cut proxy: %w", err)
	}
	return nil
}

// way is a direction between a side and an address.
type way struct {
	side, addr string
	back       bool
}

// open waits until nothing cuts the way, or ctx ends. It looks up the side of the address
// each time, because Place may be called after the first dial.
func (p *Proxy) open(ctx context.Context, w way) error {
	for {
		p.mu.Lock()
		pair := [2]string{w.side, p.sides[w.addr]}
		if w.back {
			pair[0], pair[1] = pair[1], pair[0]
		}
		cut, changed := p.cuts[pair], p.changed
		p.mu.Unlock()
		if !cut {
			return ctx.Err()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// accept accepts connections until the listener is closed.
func (p *Proxy) accept() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		// One goroutine a connection; Close ends its connections and waits.
		p.running.Go(func() { p.serve(near) })
	}
}

// serve executes one dial and relays until both directions have ended.
func (p *Proxy) serve(near net.Conn) {
	ctx, cancel := context.WithCancel(p.stopped)
	defer cancel()
	defer near.Close()
	unhook := context.AfterFunc(ctx, func() { near.Close() })
	defer unhook()

	reader := bufio.NewReaderSize(near, maxRequest)
	side, addr, err := readRequest(reader)
	if err != nil {
		return // the other end is not a Dialer, or has given up
	}
	there, back := way{side, addr, false}, way{side, addr, true}
	if p.open(ctx, there) != nil {
		return
	}
	dialer := net.Dialer{Timeout: patience}
	far, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		fmt.Fprintf(near, "no\n") // the dialer may be gone
		return
	}
	defer far.Close()
	defer context.AfterFunc(ctx, func() { far.Close() })()
	if p.open(ctx, back) != nil {
		return
	}
	if _, err := fmt.Fprintf(near, "ok\n"); err != nil {
		return
	}

	var both sync.WaitGroup // ends when either direction fails or both have ended
	both.Go(func() { p.relay(ctx, cancel, far, reader, there) })
	both.Go(func() { p.relay(ctx, cancel, near, far, back) })
	both.Wait()
}

// relay copies one direction, waits at a cut, and forwards the end of the stream. An error
// breaks the whole connection, as it would without the proxy.
func (p *Proxy) relay(ctx context.Context, breakOff func(), dst net.Conn, src io.Reader, w way) {
	buffer := make([]byte, chunk)
	for {
		n, err := src.Read(buffer)
		if p.open(ctx, w) != nil {
			return
		}
		if n > 0 {
			if _, err := dst.Write(buffer[:n]); err != nil {
				breakOff()
				return
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			if half, ok := dst.(*net.TCPConn); ok && half.CloseWrite() == nil {
				return
			}
			breakOff()
			return
		case err != nil:
			breakOff()
			return
		}
	}
}

// readRequest reads the line "<side> <address>\n".
func readRequest(reader *bufio.Reader) (side, addr string, err error) {
	line, err := reader.ReadSlice('\n')
	if err != nil {
		return "", "", fmt.Errorf("read a request: %w", err)
	}
	side, addr, ok := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
	if !ok {
		return "", "", fmt.Errorf("read a request: %q is not a side and an address", line)
	}
	return side, addr, nil
}
