package smoke

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/callout"
	"github.com/smokesignal-go/smokesignal/internal/logging"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
)

// startup is a Start that is under way. Code of the program runs in it, so it holds no
// lock, and Stop can end it.
type startup struct {
	ctx     context.Context // that of the life to be; its end ends the startup
	cancel  context.CancelFunc
	outside *callout.Calls
	ended   chan struct{}    // closed when Start has begun a life, or has failed
	heard   []plumtree.Range // in the last life
	anchors []string         // likewise
	stopped bool             // a Stop has ended it; guarded by Node.mu
}

// beginStart makes this goroutine the one that starts the node.
func (n *Node) beginStart() (*startup, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.driver != nil, n.starting != nil:
		return nil, ErrStarted
	case n.isEnding():
		return nil, ErrStopping
	}
	if err := n.given.Validate(); err != nil {
		return nil, err
	}
	if err := errors.Join(n.refused...); err != nil {
		n.refused = nil // reported once: the program cannot repair a refused registration
		return nil, err
	}
	s := &startup{outside: callout.New(n.log, &n.counters.calls), ended: make(chan struct{}), heard: n.heard, anchors: n.anchors}
	s.ctx, s.cancel = context.WithCancel(s.outside.Context(context.Background()))
	n.starting = s
	return s, nil
}

// endStart begins the life that Start has made, unless that has failed or the node was
// stopped meanwhile.
func (n *Node) endStart(s *startup, d *driver, err error) (*driver, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	defer close(s.ended)
	n.starting = nil
	if s.stopped {
		n.stopped = true
		if d != nil {
			d.startClosing()
		}
		err = ErrStopped
	}
	if err != nil {
		s.cancel()
		return nil, err
	}
	n.events.Reopen()
	n.driver, n.stopped, n.lastAddr = d, false, d.listening
	advertised := d.advertised // peers may soon know better
	d.step(func(now time.Time) { d.machine.Start(now, d) })
	d.spawn(d.accept)
	if n.opts.StateFile != "" {
		d.spawn(d.keepState)
	}
	n.log.Info("listening", logging.Fields{"addr": n.lastAddr, "advertised": advertised, "seeds": n.opts.Seeds, "links": n.security()})
	if n.guard == nil && n.opts.InsecurePlaintext && !n.opts.handshakeOptions().IsLocal() {
		n.log.Warn("links are not encrypted: whoever reaches this port can join, read and invent events", logging.Fields{"addr": n.lastAddr})
	}
	n.warnOfEnvironment()
	return d, nil
}

// stop has Start return ErrStopped, and waits for what it runs.
func (s *startup) stop(ctx context.Context) error {
	left := &UndeliveredError{}
	if isCallback() { // perhaps the one that Start waits for
		return nil
	}
	select {
	case <-s.ended:
	case <-ctx.Done():
	}
	s.outside.Await(ctx)
	if left.Running = s.outside.Names(); len(left.Running) > 0 {
		if left.Err = ctx.Err(); left.Err == nil {
			left.Err = ErrHangs
		}
		return left
	}
	return nil
}

// boundListener is a listener, and its address as text.
type boundListener struct {
	net.Listener
	addr string
}

// listen has the transport listen, within listenWithin.
func (d *driver) listen(bind string) (net.Listener, string, error) {
	ctx, expire := context.WithCancelCause(d.ctx)
	timer := time.AfterFunc(listenWithin, func() { expire(fmt.Errorf("listen on %s: %w within %v", bind, ErrTimeout, listenWithin)) })
	defer timer.Stop()
	c := &callout.Call{Kind: callout.Listen, What: "Transport.Listen(" + bind + ")"}
	l, err := callout.Ask(ctx, d.outside, c, func(context.Context) (boundListener, error) {
		l, err := d.transport.Listen(d.ctx, bind)
		switch {
		case err != nil:
			return boundListener{}, plainError(err)
		case l == nil:
			return boundListener{}, callout.ErrNoConn
		}
		return boundListener{l, l.Addr().String()}, nil
	}, func(l boundListener) { l.Close() })
	if err != nil && context.Cause(ctx) != nil && d.ctx.Err() == nil {
		err = context.Cause(ctx)
	}
	return l.Listener, l.addr, err
}

// startClosing closes the listener. If that is one of the program, the returned call
// does; it is nil if there is nothing to wait for.
func (d *driver) startClosing() *callout.Call {
	if callout.IsOurs(d.listener) {
		d.listener.Close()
		return nil
	}
	c := &callout.Call{Kind: callout.Close, What: "Listener.Close(" + d.listening + ")"}
	d.outside.Start(c, d.listener.Close)
	return c
}

// closeListener waits for startClosing, for a moment only.
func (d *driver) closeListener() {
	if c := d.startClosing(); c != nil {
		select {
		case <-c.Finished():
		case <-time.After(callout.LateAfter):
		}
	}
}

// plainError calls the methods of an error of the program that this package calls
// later, where a panic in one of them is that of the call which returned the error.
func plainError(err error) error {
	_ = err.Error()
	_ = dialError("", err)
	_ = errors.Is(err, ErrRefused)
	return err
}
