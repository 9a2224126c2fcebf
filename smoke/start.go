package smoke

import (
	"context"
	"errors"

	"github.com/smokesignal-go/smokesignal/internal/callout"
	"github.com/smokesignal-go/smokesignal/internal/engine"
	"github.com/smokesignal-go/smokesignal/internal/handshake"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/logging"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
)

// startup is a Start that is under way. Code of the program runs in it, so it holds no
// lock, and Stop can end it.
type startup struct {
	ctx     context.Context // if it ends, the startup and the life that it begins end too
	cancel  context.CancelFunc
	calls   *callout.Calls // of the life that the startup begins
	ended   chan struct{}  // closed when Start has begun a life, or has failed
	memory  engine.Memory  // of the last life
	stopped bool           // a Stop has ended it; guarded by Node.mu
}

// beginStart makes this goroutine the one that starts the node.
func (n *Node) beginStart() (*startup, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.present != nil, n.starting != nil:
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
	s := &startup{calls: callout.New(n.log, &n.counters.Calls), ended: make(chan struct{}), memory: n.memory}
	s.ctx, s.cancel = context.WithCancel(s.calls.Context(context.Background()))
	n.starting = s
	return s, nil
}

// engineConfig returns the configuration of the driver of a life.
func (n *Node) engineConfig(s *startup, l *life) engine.Config {
	o := n.opts
	encryptedBy := "Secret"
	if o.Secret == "" && o.Key != nil {
		encryptedBy = "Key"
	}
	return engine.Config{
		ID: n.id, Version: version(), Network: o.Network, Seeds: o.Seeds,
		Bind:      handshake.BindAddr(o.Address, o.Listen, o.Port),
		Advertise: o.advertised,
		StateFile: o.StateFile,
		Transport: o.Transport, Resolver: o.Resolver,
		Guard: n.guard, HasTLS: o.TLS != nil, EncryptedBy: encryptedBy, Signing: n.signing,
		Membership: hyparview.Config{
			MinPeers: o.MinPeers, MaxPeers: maxPeers(o), MaxGuests: o.MaxGuests,
			PingInterval: o.PingInterval, PingTimeout: o.PingTimeout,
		},
		Tree:   plumtree.Config{HistoryBytes: o.History.Bytes, HistoryAge: o.History.Age, Rewind: n.events.Rewind()},
		Memory: s.memory,
		Log:    n.log.Converting(publicError), Events: n.events, Counters: &n.counters.Counters, Refusals: &n.refusals, Calls: s.calls, Host: l,
	}
}

// endStart begins the life that Start has made, unless Start has failed or the node was
// stopped meanwhile.
func (n *Node) endStart(s *startup, l *life, err error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	defer close(s.ended)
	n.starting = nil
	if s.stopped {
		n.stopped = true
		if l.driver != nil {
			l.driver.Abort()
		}
		err = ErrStopped
	}
	if err != nil {
		s.cancel()
		return err
	}
	n.events.Reopen()
	n.present, n.stopped, n.lastAddr = l, false, l.driver.Listening()
	advertised := l.driver.Advertised() // may change when peers report the address that they see
	l.driver.Start()
	n.log.Info("listening", logging.Fields{"addr": n.lastAddr, "advertised": advertised, "seeds": n.opts.Seeds, "links": n.security()})
	if n.guard == nil && n.opts.InsecurePlaintext && !n.opts.handshakeOptions().IsLocal() {
		n.log.Warn("links are not encrypted: whoever reaches this port can join, read and invent events", logging.Fields{"addr": n.lastAddr})
	}
	n.warnOfEnvironment()
	return nil
}

// stop makes Start return ErrStopped, and waits for the functions of the program that Start
// runs.
func (s *startup) stop(ctx context.Context) error {
	left := &UndeliveredError{}
	if isCallback() { // Start may be waiting for this callback
		return nil
	}
	select {
	case <-s.ended:
	case <-ctx.Done():
	}
	s.calls.Await(ctx)
	if left.Running = s.calls.Names(); len(left.Running) > 0 {
		if left.Err = ctx.Err(); left.Err == nil {
			left.Err = ErrHangs
		}
		return left
	}
	return nil
}
