package smoke

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/jpillora/backoff"

	"github.com/smokesignal-go/smokesignal/discovery"
	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/logging"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/wire"
	"github.com/smokesignal-go/smokesignal/peerlist"
	"github.com/smokesignal-go/smokesignal/transport"
	"github.com/smokesignal-go/smokesignal/trust"
)

const (
	lookWithin = 5 * time.Second // one look-up of a seed
	// quietFor is how long a node may be without neighbours before its log says
	// that nobody answers: in a network that starts, that passes by itself.
	quietFor = 3 * time.Second
)

// accept takes connections until the listener is closed.
func (d *driver) accept() {
	pause := backoff.Backoff{Min: 5 * time.Millisecond, Max: time.Second}
	var door doorman
	for {
		conn, err := d.acceptOne()
		switch {
		case err == nil:
			pause.Reset()
		case errors.Is(err, net.ErrClosed):
			return
		default: // out of descriptors, as a rule
			d.log.Error("can't accept connections for now", logging.Fields{"addr": d.listening, "error": err})
			select {
			case <-time.After(pause.Duration()):
			case <-d.ctx.Done():
				return
			}
			continue
		}
		if from := conn.RemoteAddr().String(); !door.lets(time.Now(), from) {
			d.node.refusals.rateLimited.Add(1)
			d.log.Warn("an address opens too many connections; this one was closed", logging.Fields{"from": from})
			conn.Close()
			continue
		}
		ctx, cancel := context.WithCancel(d.ctx)
		if !d.admit(conn, cancel) {
			cancel()
			conn.Close()
			return
		}
		d.spawn(func() {
			l, rest, hello, err := d.greetWithin(ctx, conn, "")
			cancel()
			d.admitted(conn)
			if err != nil {
				conn.Close()
				if d.ctx.Err() == nil {
					d.node.refusals.count(err)
					d.refuseConn(conn, err)
				}
				return
			}
			d.up(l, rest, hello, nil)
		})
	}
}

// newcomer is a connection that was accepted and has not said HELLO yet.
type newcomer struct {
	conn   net.Conn
	since  time.Time
	cancel context.CancelFunc // ends the greeting, and with that the connection
}

// admit takes a connection among the newcomers, and reports false if the life is
// over. When there are too many, the oldest one that had its chance makes room:
// who means well is done in a few round trips, who says nothing is not.
func (d *driver) admit(conn net.Conn, cancel context.CancelFunc) bool {
	for {
		d.mu.Lock()
		if !d.isOpen() {
			d.mu.Unlock()
			return false
		}
		now := time.Now()
		if len(d.newcomers) < maxGreeting {
			d.newcomers = append(d.newcomers, newcomer{conn, now, cancel})
			d.mu.Unlock()
			return true
		}
		oldest := d.newcomers[0]
		left := graceGreeting - now.Sub(oldest.since)
		if left <= 0 {
			d.newcomers = d.newcomers[1:]
		}
		d.mu.Unlock()
		if left <= 0 {
			d.node.refusals.backlog.Add(1)
			d.log.Warn("too many connections that say nothing; the oldest was closed", logging.Fields{"from": oldest.conn.RemoteAddr().String()})
			oldest.cancel()
			continue
		}
		select {
		case <-time.After(min(left, graceGreeting/8)): // one may have left by itself
		case <-d.ctx.Done():
			return false
		}
	}
}

// admitted takes a connection out of the newcomers.
func (d *driver) admitted(conn net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.newcomers = slices.DeleteFunc(d.newcomers, func(n newcomer) bool { return n.conn == conn })
}

// dial carries a wish out. Every wish is answered once.
func (d *driver) dial(wish overlay.Dial) {
	conn, err := d.dialOne(wish.Addr)
	if err == nil {
		var l *link
		var rest []byte
		var hello *wire.Hello
		met := d.meetings.begin()
		l, rest, hello, err = d.greetWithin(d.ctx, conn, wish.Addr)
		if err == nil {
			err = d.checkLife(hello, l.addr, met)
		}
		d.meetings.end()
		if err == nil {
			d.up(l, rest, hello, &wish)
			return
		}
		conn.Close()
	}
	d.node.counters.dialsFailed.Add(1)
	d.complain(wish, err)
	d.step(func(now time.Time) {
		d.machine.DialFailed(now, wish, err, d)
		d.dialled(wish.Addr)
	})
}

// complain logs what a person should know of a dial that failed: what listens
// there is no peer for us, or it leaves the node without anybody.
func (d *driver) complain(wish overlay.Dial, err error) {
	log := d.log.About(wish.Addr)
	f := logging.Fields{"addr": wish.Addr, "error": err}
	switch {
	case d.ctx.Err() != nil:
	case d.complainOfMismatch(wish.Addr, err):
	case errors.Is(err, ErrNotSmokesignal):
		d.warnWithin(d.misfits.noNode, wish.Addr, "what listens at this address is no node of this network", f)
	case d.node.peers.Len() == 0 && time.Since(d.born) > quietFor:
		d.log.About("nobody answers").Warn("nobody answers at this address, and there are no neighbours; still looking", f)
	default:
		log.Debug("dial failed", f)
	}
}

// dialTimeout bounds one dial. Its upper bound is a guess: a dial that is lost holds a
// place among those under way.
func (d *driver) dialTimeout() time.Duration {
	return min(max(d.opts.PingTimeout/2, 100*time.Millisecond), 10*time.Second)
}

// dialError sorts the ways in which a dial fails.
func dialError(addr string, err error) error {
	switch {
	case transport.IsRefused(err):
		return &DialError{Addr: addr, Err: fmt.Errorf("%w: %w", ErrRefused, errNothingListens)}
	case transport.IsTimeout(err), errors.Is(err, context.DeadlineExceeded):
		return &DialError{Addr: addr, Err: ErrTimeout}
	case hasHungUp(err):
		return &DialError{Addr: addr, Err: fmt.Errorf("%w: it hung up (%w)", ErrRefused, err)}
	}
	return &DialError{Addr: addr, Err: err}
}

// up gives a link to the machine and reads it to its end.
func (d *driver) up(l *link, rest []byte, hello *wire.Hello, wish *overlay.Dial) {
	open := false
	at := d.ownAddr(hello.Seen)
	d.step(func(now time.Time) {
		if wish != nil {
			d.dialled(wish.Addr)
		}
		if open = d.isOpen(); !open {
			return
		}
		if d.isHanging(l) {
			if open = false; wish != nil {
				d.machine.DialFailed(now, *wish, &DialError{Addr: wish.Addr, Err: ErrHangs}, d)
			}
			return
		}
		d.lastLink++
		l.id = d.lastLink
		d.links[l.id] = l
		d.conns[l] = struct{}{}
		l.verify = d.node.newVerifier()
		c := peerlist.Conn{
			Link:  l.id,
			Peer:  ident.Origin{ID: hello.ID, Epoch: hello.Epoch},
			Addr:  complete(hello.Addr, l.addr),
			Local: isLocal(l.addr),
			Zone:  ident.ZoneOf(l.addr),
		}
		if !c.Local && ident.IsLoopback(c.Addr) {
			c.Addr = "" // it means the peer's own machine
		}
		if wish != nil {
			c.Dialled = wish.Addr
		} else {
			c.From = l.addr
		}
		d.seenAs(now, sighting{hello.ID, at})
		d.machine.LinkUp(now, c, wish, d)
	})
	if !open {
		l.conn.Close()
		return
	}
	l.run(rest)
}

// greet makes a connection secure, where links are, and exchanges HELLOs. The end
// that dialled speaks first. dialled is the address that it dialled, or empty. The end
// of ctx ends the greeting.
func (d *driver) greet(ctx context.Context, conn net.Conn, dialled string) (l *link, rest []byte, hello *wire.Hello, err error) {
	raw := conn
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	addr := conn.RemoteAddr().String()
	until := time.Now().Add(greetWithin)
	conn.SetDeadline(until)
	var safe *trust.Conn
	if d.guard != nil {
		if safe, err = d.guard.Secure(ctx, conn, dialled); err != nil {
			return nil, nil, nil, &DialError{Addr: addr, Err: explainHandshake(err)}
		}
		defer func() {
			if err != nil {
				safe.Close() // which waits for what it has begun to write
			}
		}()
		conn = safe
		conn.SetDeadline(until)
		if dialled != "" { // who is not on the list learns only that
			if err := d.guard.CheckAllowed(safe); err != nil {
				newLink(d, conn, addr).say(&wire.Refuse{Code: wire.RefuseStranger}) // in vain, if it has hung up
				return nil, nil, nil, &DialError{Addr: addr, Err: fmt.Errorf("%w: %w", ErrNotAdmitted, err)}
			}
		}
	}
	l = newLink(d, conn, addr)
	if dialled != "" {
		if err := l.say(d.ourHello(addr, safe)); err != nil {
			return nil, nil, nil, dialError(addr, err)
		}
	}
	hello, rest, err = l.hearHello()
	if err != nil {
		if dialled == "" && errors.Is(err, ErrPlaintext) {
			l.say(&wire.Refuse{Code: wire.RefuseStranger, Text: "plaintext"}) // its handshake fails at that, and it knows why
		}
		return nil, nil, nil, &DialError{Addr: addr, Err: err}
	}
	asking, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	if err := d.admission(asking, safe, hello); err != nil {
		l.say(&wire.Refuse{Code: wire.RefuseStranger}) // in vain, if it has hung up
		return nil, nil, nil, &DialError{Addr: addr, Err: err}
	}
	// Not before: where links are encrypted, the ID is proven only now.
	if dialled == "" && hello.ID == d.self.ID && hello.Epoch == d.self.Epoch && !d.meetings.meet() {
		d.meetClone(cmp.Or(complete(hello.Addr, addr), addr))
		return nil, nil, nil, &DialError{Addr: addr, Err: ErrSameID}
	}
	no := d.refusal(hello)
	if dialled == "" {
		if err := l.say(d.ourHello(addr, safe)); err != nil {
			return nil, nil, nil, dialError(addr, err)
		}
	}
	if no != nil {
		l.say(&wire.Refuse{Code: no.code, Text: no.err.Error()}) // in vain, if it has hung up
		return nil, nil, nil, &DialError{Addr: addr, Err: no.err}
	}
	return l, rest, hello, conn.SetDeadline(time.Time{})
}

func (d *driver) ourHello(seen string, safe *trust.Conn) *wire.Hello {
	hello := &wire.Hello{
		Major: wire.Major, Minor: wire.Minor,
		Network: d.opts.Network, ID: d.self.ID, Epoch: d.self.Epoch, Addr: d.hello, Seen: ident.TellAddr(seen),
	}
	if safe != nil {
		hello.Proof = string(d.guard.Proof(safe))
	}
	return hello
}

type refusal struct {
	code wire.RefuseCode
	err  error
}

// refusal says why the other end is no peer for us.
func (d *driver) refusal(h *wire.Hello) *refusal {
	switch {
	case h.Major != wire.Major:
		return &refusal{wire.RefuseVersion, &valueError{ErrOtherVersion, fmt.Sprint(wire.Major), fmt.Sprint(h.Major),
			fmt.Sprintf("it speaks protocol %d, this node %d; update the older one", h.Major, wire.Major)}}
	case h.Network != d.opts.Network:
		return &refusal{wire.RefuseNetwork, &valueError{ErrOtherNetwork, d.opts.Network, h.Network,
			fmt.Sprintf("it belongs to %q, this node to %q; set Options.Network alike to link them", h.Network, d.opts.Network)}}
	}
	return nil
}

func (l *link) say(m any) error {
	frame, err := l.enc.Append(nil, m)
	if err != nil {
		return err
	}
	_, err = l.conn.Write(frame)
	return err
}

// hearHello reads the first frame. What came behind it is the link's.
func (l *link) hearHello() (hello *wire.Hello, rest []byte, err error) {
	buf := make([]byte, 0, readSmall)
	for {
		m, n, err := l.dec.Next(buf)
		if err != nil {
			switch {
			case isTLS(buf):
				err = fmt.Errorf("%w: it speaks TLS", ErrPlaintext)
			case errors.Is(err, wire.ErrNotSmokesignal):
				err = fmt.Errorf("%w: %w", ErrNotSmokesignal, err)
			}
			return nil, nil, err
		}
		if n > 0 {
			switch m := m.(type) {
			case *wire.Hello:
				return m, slices.Clone(buf[n:]), nil
			case *wire.Refuse:
				return nil, nil, refusedBy(m)
			}
			return nil, nil, fmt.Errorf("%w: %T before HELLO", ErrNotSmokesignal, m)
		}
		if len(buf) == cap(buf) {
			return nil, nil, fmt.Errorf("%w: no HELLO in %d bytes", ErrNotSmokesignal, len(buf))
		}
		n, err = l.conn.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if n == 0 && err != nil {
			return nil, nil, helloFault(err)
		}
	}
}

// refusedBy is a REFUSE in place of a HELLO, as an error.
func refusedBy(m *wire.Refuse) error {
	if m.Code == wire.RefuseStranger {
		return errTurnedAway
	}
	return fmt.Errorf("%w: %v %.100q", ErrRefused, m.Code, m.Text)
}

// isTLS reports whether bytes are the start of a TLS handshake or alert: RFC 8446,
// section 5.1.
func isTLS(b []byte) bool {
	return len(b) >= 2 && (b[0] == 0x15 || b[0] == 0x16) && b[1] == 0x03
}

// lookUp resolves a seed's name for the machine.
func (d *driver) lookUp(seed string) {
	ctx, cancel := context.WithTimeout(d.ctx, lookWithin)
	defer cancel()
	addrs, err := d.resolve(ctx, seed)
	if d.ctx.Err() != nil {
		return
	}
	if err != nil {
		d.log.About(seed).Warn("a seed could not be looked up; trying again", logging.Fields{"seed": seed, "error": err})
	}
	if len(addrs) > 0 {
		err = nil // some of them are good
	}
	d.step(func(now time.Time) {
		d.machine.Resolved(now, seed, addrs, err, d)
		d.lookedUp(seed, addrs)
	})
}

// resolve asks the resolver, which may be the program's own: one that finds
// nothing and says nothing must not pass for success.
func (d *driver) resolve(ctx context.Context, seed string) ([]string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.ctx, cancel)()
	addrs, err := d.resolveOne(ctx, seed)
	if d.ctx.Err() != nil {
		return nil, ErrStopped
	}
	addrs = cleanAddrs(addrs)
	if len(addrs) == 0 && err == nil {
		err = &discovery.LookupError{Seed: seed, Err: discovery.ErrEmpty}
	}
	return addrs, err
}

func hostOf(addr string) string {
	h, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return h
}

// isLocal reports whether a connection comes from this machine over loopback.
func isLocal(addr string) bool {
	ap, err := netip.ParseAddrPort(addr)
	return err == nil && ap.Addr().Unmap().IsLoopback()
}
