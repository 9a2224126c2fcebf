package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/smokesignal-go/smokesignal/discovery"
	"github.com/smokesignal-go/smokesignal/discovery/dns"
	"github.com/smokesignal-go/smokesignal/internal/callout"
	"github.com/smokesignal-go/smokesignal/internal/handshake"
	"github.com/smokesignal-go/smokesignal/transport"
	"github.com/smokesignal-go/smokesignal/transport/tcp"
)

const (
	// greetGrace is added to handshake.Within as the time limit of a handshake. So a
	// handshake usually ends by itself and returns its reason. A guess.
	greetGrace = 250 * time.Millisecond

	listenWithin = 30 * time.Second // time limit of Transport.Listen
)

// program is the transport and the resolver of one life. Both may be the program's own
// code. So each call of them has a time limit, recovers from panics, and is abandoned if
// it does not return. See package callout.
type program struct {
	*callout.Calls
	transport   transport.Transport
	resolver    discovery.Resolver
	ownResolver bool // the resolver is code of the program
	hasTLS      bool // handshakes run callbacks of the program

	listener  net.Listener // listen sets this field and the next one
	listening string
}

func newProgram(cfg *Config) *program {
	p := &program{Calls: cfg.Calls, transport: cfg.Transport, resolver: cfg.Resolver, ownResolver: cfg.Resolver != nil, hasTLS: cfg.HasTLS}
	if p.transport == nil {
		p.transport = tcp.Transport{LocalIP: handshake.DialFrom(cfg.Bind)}
	}
	if p.resolver == nil {
		p.resolver = dns.Resolver{}
	}
	return p
}

// boundListener is a listener, and its address as text.
type boundListener struct {
	net.Listener
	addr string
}

// listen starts to listen, within listenWithin. ctx is the context of the life.
func (p *program) listen(ctx context.Context, bind string) error {
	bounded, expire := context.WithCancelCause(ctx)
	timer := time.AfterFunc(listenWithin, func() {
		expire(fmt.Errorf("listen on %s: %w within %v", bind, handshake.ErrTimeout, listenWithin))
	})
	defer timer.Stop()
	c := &callout.Call{Kind: callout.Listen, What: "Transport.Listen(" + bind + ")"}
	l, err := callout.Ask(bounded, p.Calls, c, func(context.Context) (boundListener, error) {
		l, err := p.transport.Listen(ctx, bind)
		switch {
		case err != nil:
			return boundListener{}, plainError(err)
		case l == nil:
			return boundListener{}, callout.ErrNoConn
		}
		return boundListener{l, l.Addr().String()}, nil
	}, func(l boundListener) { l.Close() })
	if err != nil && context.Cause(bounded) != nil && ctx.Err() == nil {
		err = context.Cause(bounded)
	}
	p.listener, p.listening = l.Listener, l.addr
	return err
}

// startClosing closes the listener. If the listener is the program's own, startClosing
// returns the call that closes it, so that the caller can wait for that call. Otherwise
// it returns nil.
func (p *program) startClosing() *callout.Call {
	if callout.IsOurs(p.listener) {
		p.listener.Close()
		return nil
	}
	c := &callout.Call{Kind: callout.Close, What: "Listener.Close(" + p.listening + ")"}
	p.Start(c, p.listener.Close)
	return c
}

// closeListener closes the listener, and waits for a moment until that call returns.
func (p *program) closeListener() {
	if c := p.startClosing(); c != nil {
		select {
		case <-c.Finished():
		case <-time.After(callout.LateAfter):
		}
	}
}

// accept takes the next connection.
func (p *program) accept(ctx context.Context) (conn net.Conn, err error) {
	if callout.IsOurs(p.listener) {
		return p.listener.Accept()
	}
	c := &callout.Call{Kind: callout.Accept, What: "Listener.Accept(" + p.listening + ")"}
	if err := p.Do(ctx, c, func() (err error) {
		conn, err = p.listener.Accept()
		if err != nil {
			return plainError(err)
		}
		if conn == nil {
			return callout.ErrNoConn
		}
		return nil
	}); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return p.adopt(ctx, conn, "Conn.RemoteAddr of an accepted connection")
}

// adopt prepares an accepted connection for use.
func (p *program) adopt(ctx context.Context, conn net.Conn, what string) (net.Conn, error) {
	if callout.IsOurs(conn) {
		return conn, nil
	}
	return callout.Ask(ctx, p.Calls, &callout.Call{Kind: callout.Accept, What: what}, func(context.Context) (net.Conn, error) {
		return p.Adopt(conn)
	}, func(conn net.Conn) { conn.Close() })
}

// dial dials an address. Errors are *[DialError].
func (p *program) dial(ctx context.Context, addr string) (net.Conn, error) {
	if callout.IsOurs(p.transport) {
		return p.dialOurs(ctx, addr)
	}
	var isThere atomic.Bool
	c := &callout.Call{Kind: callout.Dial, What: "Transport.Dial(" + addr + ")", Detail: func() string {
		if isThere.Load() {
			return "Conn.RemoteAddr of the connection to " + addr
		}
		return ""
	}}
	conn, err := callout.Ask(ctx, p.Calls, c, func(ctx context.Context) (net.Conn, error) {
		conn, err := p.transport.Dial(ctx, addr)
		if err != nil {
			return nil, dialError(addr, plainError(err))
		}
		isThere.Store(true)
		return p.Adopt(conn)
	}, func(conn net.Conn) { conn.Close() })
	if err != nil && !isDialError(err) {
		err = dialError(addr, err)
	}
	return conn, err
}

// dialOurs dials with a transport of this library, whose Dial returns when its context
// ends.
func (p *program) dialOurs(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := callout.Inline(ctx, p.Calls, "Transport.Dial", func(ctx context.Context) (net.Conn, error) {
		return p.transport.Dial(ctx, addr)
	})
	if err != nil {
		return nil, dialError(addr, plainError(err))
	}
	return conn, nil
}

// greet performs the handshake on a connection. It has a time limit, because reads,
// writes and callbacks may block forever. Errors are *[DialError].
func (p *program) greet(ctx context.Context, cfg *handshake.Config, conn net.Conn, dialled string) (*handshake.Link, error) {
	own := callout.ConnOf(conn)
	greet := func(ctx context.Context) (*handshake.Link, error) {
		h, err := handshake.Greet(ctx, cfg, conn, dialled)
		if err != nil {
			err = &DialError{Addr: h.Addr, Err: err}
		}
		return h, err
	}
	if !p.hasTLS && own == nil { // this handshake sets deadlines, and calls Admit like any other code of the program
		return greet(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, handshake.Within+greetGrace)
	defer cancel()
	c := &callout.Call{Kind: callout.Greet, What: "the greeting of " + conn.RemoteAddr().String()}
	if own != nil {
		c.Detail = own.Running
	}
	h, err := callout.Ask(ctx, p.Calls, c, greet, func(h *handshake.Link) { h.Conn.Close() })
	switch {
	case err == nil, isDialError(err):
		return h, err
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("%w within %v", handshake.ErrTimeout, handshake.Within)
	}
	return nil, &DialError{Addr: conn.RemoteAddr().String(), Err: err}
}

// lookUp calls the resolver.
func (p *program) lookUp(ctx context.Context, seed string) ([]string, error) {
	c := &callout.Call{Kind: callout.LookUp, What: "Resolver.Lookup(" + seed + ")", IsOurs: !p.ownResolver}
	return callout.Ask(ctx, p.Calls, c, func(ctx context.Context) ([]string, error) {
		addrs, err := p.resolver.Lookup(ctx, seed)
		if err != nil {
			err = plainError(err)
		}
		return addrs, err
	}, nil)
}

func isDialError(err error) bool { return errors.As(err, new(*DialError)) }
