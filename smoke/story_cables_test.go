package smoke_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"

	"github.com/smokesignal-go/smokesignal/transport"
	"github.com/smokesignal-go/smokesignal/transport/tcp"
)

// cables is a loopback TCP network on which a test can kill nodes and cut connections.
// All methods may be called from any goroutine.
type cables struct {
	mu    sync.Mutex // guards the fields below, and those of the plugs
	plugs map[string]*plug
	ends  map[*end]struct{}
	apart func(from, to *plug) bool // reports whether from can't reach to; nil: each node reaches each
}

func newCables() *cables {
	return &cables{plugs: make(map[string]*plug), ends: make(map[*end]struct{})}
}

// plug is the transport of one node.
type plug struct {
	cables   *cables
	listener net.Listener // nil before Listen
	dead     bool
	dials    int
}

// end is one end of a connection.
type end struct {
	*tcp.Conn
	owner *plug
	far   *plug // the plug of the other end; nil at the end that accepted
}

func (c *cables) plug() *plug { return &plug{cables: c} }

// Listen implements transport.Transport.
func (p *plug) Listen(ctx context.Context, addr string) (net.Listener, error) {
	l, err := tcp.Transport{}.Listen(ctx, addr)
	if err != nil {
		return nil, err
	}
	p.cables.mu.Lock()
	defer p.cables.mu.Unlock()
	p.listener = l
	p.cables.plugs[l.Addr().String()] = p
	return &socket{l, p}, nil
}

// Dial implements transport.Transport.
func (p *plug) Dial(ctx context.Context, addr string) (net.Conn, error) {
	p.cables.mu.Lock()
	p.dials++
	far := p.cables.plugs[addr]
	pulled := p.dead || far != nil && p.cables.apart != nil && p.cables.apart(p, far)
	p.cables.mu.Unlock()
	if pulled {
		return nil, &transport.Error{Op: "dial", Addr: addr, Err: syscall.ECONNREFUSED}
	}
	conn, err := tcp.Transport{}.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	return p.connect(conn, far)
}

// connect adds the connection to those that can be cut.
func (p *plug) connect(conn net.Conn, far *plug) (net.Conn, error) {
	e := &end{conn.(*tcp.Conn), p, far}
	p.cables.mu.Lock()
	defer p.cables.mu.Unlock()
	if p.dead || far != nil && p.cables.apart != nil && p.cables.apart(p, far) {
		e.reset()
		return nil, &transport.Error{Op: "dial", Addr: conn.RemoteAddr().String(), Err: syscall.ECONNRESET}
	}
	p.cables.ends[e] = struct{}{}
	return e, nil
}

// Close also removes the end from the list.
func (e *end) Close() error {
	e.owner.cables.mu.Lock()
	delete(e.owner.cables.ends, e)
	e.owner.cables.mu.Unlock()
	return e.Conn.Close()
}

// reset ends the connection like a crash of the process: there is no goodbye, and bytes
// on the way are lost.
func (e *end) reset() {
	e.SetLinger(0) // fails only if the connection has already ended
	e.Conn.Close()
}

// socket is a listener whose connections can be cut.
type socket struct {
	net.Listener
	plug *plug
}

// Accept implements net.Listener.
func (s *socket) Accept() (net.Conn, error) {
	for {
		conn, err := s.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if conn, err := s.plug.connect(conn, nil); err == nil {
			return conn, nil
		}
	}
}

// kill removes nodes from the network at once, like SIGKILL.
func (c *cables) kill(plugs ...*plug) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, p := range plugs {
		p.dead = true
		errs = append(errs, p.listener.Close())
	}
	for e := range c.ends {
		if e.owner.dead {
			e.reset()
		}
	}
	return errors.Join(errs...)
}

// cut partitions the nodes: those that are apart can't dial each other, and their
// connections break. mend ends the partition.
func (c *cables) cut(apart func(from, to *plug) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.apart = apart
	for e := range c.ends {
		if e.far != nil && apart(e.owner, e.far) {
			e.reset()
		}
	}
}

func (c *cables) mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.apart = nil
}

// open returns both addresses of each open connection, as seen by its dialling end and by
// its accepting end.
func (c *cables) open() (dialled, accepted [][2]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := range c.ends {
		local, remote := e.LocalAddr().String(), e.RemoteAddr().String()
		if e.far != nil {
			dialled = append(dialled, [2]string{local, remote})
		} else {
			accepted = append(accepted, [2]string{remote, local})
		}
	}
	return dialled, accepted
}
