package smoke

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/callout"
	"github.com/smokesignal-go/smokesignal/internal/handshake"
	"github.com/smokesignal-go/smokesignal/internal/logging"
)

// The calls that a life makes of transports and resolvers; see package callout.

const (
	// greetGrace is what a greeting has beyond handshake.Within, so that it ends by itself
	// and says what was wrong. A guess.
	greetGrace = 250 * time.Millisecond

	listenWithin = 30 * time.Second // Transport.Listen
)

// acceptOne takes the next connection.
func (d *driver) acceptOne() (conn net.Conn, err error) {
	if callout.IsOurs(d.listener) {
		return d.listener.Accept()
	}
	c := &callout.Call{Kind: callout.Accept, What: "Listener.Accept(" + d.listening + ")"}
	if err := d.outside.Do(d.ctx, c, func() (err error) {
		conn, err = d.listener.Accept()
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
	ctx, cancel := context.WithTimeout(d.ctx, time.Second)
	defer cancel()
	return d.adopt(ctx, conn, "Conn.RemoteAddr of an accepted connection")
}

// adopt makes an accepted connection fit for the node.
func (d *driver) adopt(ctx context.Context, conn net.Conn, what string) (net.Conn, error) {
	if callout.IsOurs(conn) {
		return conn, nil
	}
	return callout.Ask(ctx, d.outside, &callout.Call{Kind: callout.Accept, What: what}, func(context.Context) (net.Conn, error) {
		return d.outside.Adopt(conn)
	}, func(conn net.Conn) { conn.Close() })
}

// dialOne dials an address.
func (d *driver) dialOne(addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(d.ctx, d.dialTimeout())
	defer cancel()
	if callout.IsOurs(d.transport) {
		return d.dialOurs(ctx, addr)
	}
	var isThere atomic.Bool
	c := &callout.Call{Kind: callout.Dial, What: "Transport.Dial(" + addr + ")", Detail: func() string {
		if isThere.Load() {
			return "Conn.RemoteAddr of the connection to " + addr
		}
		return ""
	}}
	conn, err := callout.Ask(ctx, d.outside, c, func(ctx context.Context) (net.Conn, error) {
		conn, err := d.transport.Dial(ctx, addr)
		if err != nil {
			return nil, dialError(addr, plainError(err))
		}
		isThere.Store(true)
		return d.outside.Adopt(conn)
	}, func(conn net.Conn) { conn.Close() })
	if err != nil && !errors.As(err, new(*DialError)) {
		err = dialError(addr, err)
	}
	return conn, err
}

// dialOurs is dialOne for a transport of ours, which ends with its context.
func (d *driver) dialOurs(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := callout.Inline(ctx, d.outside, "Transport.Dial", func(ctx context.Context) (net.Conn, error) {
		return d.transport.Dial(ctx, addr)
	})
	if err != nil {
		return nil, dialError(addr, plainError(err))
	}
	return conn, nil
}

// greet does the handshake on a connection, with an end: its reads, writes and callbacks
// may hang. Errors are *[DialError].
func (d *driver) greet(ctx context.Context, conn net.Conn, dialled string) (*link, error) {
	own := callout.ConnOf(conn)
	greet := func(ctx context.Context) (*handshake.Link, error) {
		h, err := handshake.Greet(ctx, d.handshakes(), conn, dialled)
		if err != nil {
			err = &DialError{Addr: h.Addr, Err: err}
		}
		return h, err
	}
	var h *handshake.Link
	var err error
	if d.opts.TLS == nil && own == nil { // it sets deadlines, and asks Admit as any code of the program
		h, err = greet(ctx)
	} else {
		h, err = d.askGreeting(ctx, conn, own, greet)
	}
	switch {
	case err == nil:
		l := newLink(d, h.Conn, h.Addr)
		l.enc, l.dec, l.hello, l.early, l.ownConn = h.Enc, h.Dec, h.Hello, h.Rest, own
		return l, nil
	case errors.As(err, new(*DialError)):
		return nil, err
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("%w within %v", ErrTimeout, handshake.Within)
	}
	return nil, &DialError{Addr: conn.RemoteAddr().String(), Err: err}
}

// askGreeting is a handshake that runs code of the program: callbacks of TLS, or own,
// the connection of a transport of the program.
func (d *driver) askGreeting(ctx context.Context, conn net.Conn, own *callout.Conn, greet func(context.Context) (*handshake.Link, error)) (*handshake.Link, error) {
	ctx, cancel := context.WithTimeout(ctx, handshake.Within+greetGrace)
	defer cancel()
	c := &callout.Call{Kind: callout.Greet, What: "the greeting of " + conn.RemoteAddr().String()}
	if own != nil {
		c.Detail = own.Running
	}
	return callout.Ask(ctx, d.outside, c, greet, func(h *handshake.Link) { h.Conn.Close() })
}

// resolveOne asks the resolver.
func (d *driver) resolveOne(ctx context.Context, seed string) ([]string, error) {
	c := &callout.Call{Kind: callout.LookUp, What: "Resolver.Lookup(" + seed + ")", IsOurs: d.opts.Resolver == nil}
	return callout.Ask(ctx, d.outside, c, func(ctx context.Context) ([]string, error) {
		addrs, err := d.resolver.Lookup(ctx, seed)
		if err != nil {
			err = plainError(err)
		}
		return addrs, err
	}, nil)
}

// isHanging reports whether a new link is one too many, because connections of the
// transport do not end. The caller holds mu.
func (d *driver) isHanging(l *link) bool {
	if l.ownConn == nil || len(d.conns)-len(d.links) < callout.MostHanging {
		return false
	}
	d.afterwards(func() {
		d.log.Error("connections of the Transport do not end when they are closed; the node takes no further ones", logging.Fields{"connections": callout.MostHanging})
	})
	return true
}
