package smokenet

import (
	"context"
	"net"
	"sync"

	"github.com/smokesignal-go/smokesignal/transport/tcp"
)

// stallable is TCP whose connections can stop reading, like a program that hangs while its
// machine still acknowledges what fits into the buffers.
type stallable struct {
	tcp.Transport
	mu       sync.Mutex    // guards all below
	stalled  chan struct{} // closed by release; nil: not stalled
	released bool
}

func (s *stallable) Listen(ctx context.Context, addr string) (net.Listener, error) {
	l, err := s.Transport.Listen(ctx, addr)
	if err != nil {
		return nil, err
	}
	return stallListener{l, s}, nil
}

func (s *stallable) Dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := s.Transport.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	return newStallConn(conn, s), nil
}

// stop makes every read wait until release is called.
func (s *stallable) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stalled == nil && !s.released {
		s.stalled = make(chan struct{})
	}
}

func (s *stallable) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stalled != nil && !s.released {
		close(s.stalled)
	}
	s.released = true
}

func (s *stallable) isStalled() bool { return s.gate() != nil }

// gate returns the channel that a read must wait for, or nil.
func (s *stallable) gate() chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stalled
}

type stallListener struct {
	net.Listener
	s *stallable
}

func (l stallListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newStallConn(conn, l.s), nil
}

type stallConn struct {
	*tcp.Conn // for its other methods
	s         *stallable
	once      sync.Once
	closed    chan struct{}
}

func newStallConn(conn net.Conn, s *stallable) *stallConn {
	return &stallConn{Conn: conn.(*tcp.Conn), s: s, closed: make(chan struct{})}
}

// Read implements net.Conn. While the transport is stalled, it waits.
func (c *stallConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if gate := c.s.gate(); gate != nil {
		select {
		case <-gate:
		case <-c.closed:
			return 0, net.ErrClosed
		}
	}
	return n, err
}

func (c *stallConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// Stall makes the last node stop reading.
func (o *overlay) Stall() error {
	o.stall.stop()
	return nil
}

// Out reports whether the stalled node is no other node's neighbour.
func (o *overlay) Out() bool {
	last := len(o.nodes) - 1
	id := o.nodes[last].ID()
	for _, node := range o.nodes[:last] {
		for peer := range node.Peers().All() {
			if peer.ID() == id {
				return false
			}
		}
	}
	return true
}
