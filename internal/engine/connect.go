package engine

import (
	"cmp"
	"context"
	"errors"
	"net"
	"time"

	"github.com/jpillora/backoff"

	"github.com/smokesignal-go/smokesignal/discovery"
	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/callout"
	"github.com/smokesignal-go/smokesignal/internal/handshake"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/logging"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

const (
	lookWithin = 5 * time.Second // time limit of one look-up of a seed
	// quietFor is how long a node may be without neighbours before it logs that no node
	// answers. When a network starts, its nodes are without neighbours for a moment,
	// which is no reason for a warning.
	quietFor = 3 * time.Second
)

// accept accepts connections until the listener is closed.
func (d *Driver) accept() {
	pause := backoff.Backoff{Min: 5 * time.Millisecond, Max: time.Second}
	var door handshake.Doorman
	for {
		conn, err := d.program.accept(d.ctx)
		switch {
		case err == nil:
			pause.Reset()
		case errors.Is(err, net.ErrClosed):
			return
		default: // usually the process has too many open files
			d.log.Error("can't accept connections for now", logging.Fields{"addr": d.program.listening, "error": err})
			d.backlog.Relieve(d.noteEvicted)
			select {
			case <-time.After(pause.Duration()):
			case <-d.ctx.Done():
				return
			}
			continue
		}
		if from := conn.RemoteAddr().String(); !door.Admits(time.Now(), from) {
			d.refusals.RateLimited.Add(1)
			d.log.Warn("an address opens too many connections; this one was closed", logging.Fields{"from": from})
			conn.Close()
			continue
		}
		ctx, cancel := context.WithCancel(d.ctx)
		if !d.isOpenNow() {
			cancel()
			conn.Close()
			return
		}
		d.backlog.Add(conn, cancel, d.noteEvicted)
		d.spawn(func() {
			l, err := d.greet(ctx, conn, "")
			cancel()
			d.backlog.Remove(conn)
			if err != nil {
				conn.Close()
				if d.ctx.Err() == nil {
					d.refusals.countHandshake(err)
					d.complaints.ofConn(conn, err)
				}
				return
			}
			d.up(l, nil)
		})
	}
}

// isOpenNow returns the result of isOpen. The caller does not hold mu.
func (d *Driver) isOpenNow() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.isOpen()
}

// noteEvicted counts and logs a connection that was closed to make room in the backlog.
func (d *Driver) noteEvicted(conn net.Conn) {
	d.refusals.Backlog.Add(1)
	d.log.Warn("too many connections that say nothing; one of them was closed", logging.Fields{"from": conn.RemoteAddr().String()})
}

// dial performs a Dial of the machine. It answers each Dial once.
func (d *Driver) dial(wish overlay.Dial) {
	conn, err := d.dialOne(wish.Addr)
	if err == nil {
		var l *link
		met := d.meetings.begin()
		l, err = d.greet(d.ctx, conn, wish.Addr)
		if err == nil {
			err = d.checkLife(l.hello, l.addr, met)
		}
		d.meetings.end()
		if err == nil {
			d.up(l, &wish)
			return
		}
		conn.Close()
	}
	d.counters.DialsFailed.Add(1)
	d.complaints.ofDial(wish.Addr, err, time.Since(d.born) > quietFor && d.isAlone())
	d.step(func(now time.Time) {
		d.machine.DialFailed(now, wish, err, d.out())
		d.dialled(wish.Addr)
	})
}

// isAlone reports whether there is no neighbour. The caller does not hold mu.
func (d *Driver) isAlone() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.neighbours) == 0
}

// dialTimeout returns the time limit of one dial. It has an upper bound, because few
// dials run at once, and a dial without an answer delays the others. The value of the
// bound is a guess.
func (d *Driver) dialTimeout() time.Duration {
	return min(max(d.cfg.Membership.PingTimeout/2, 100*time.Millisecond), 10*time.Second)
}

// dialOne dials an address. Errors are *[DialError].
func (d *Driver) dialOne(addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(d.ctx, d.dialTimeout())
	defer cancel()
	return d.program.dial(ctx, addr)
}

// greet performs the handshake on a connection and returns a link. Errors are *[DialError].
func (d *Driver) greet(ctx context.Context, conn net.Conn, dialled string) (*link, error) {
	h, err := d.program.greet(ctx, d.handshakes(), conn, dialled)
	if err != nil {
		return nil, err
	}
	l := newLink(d, h.Conn, h.Addr)
	l.enc, l.dec, l.hello, l.early, l.ownConn = h.Enc, h.Dec, h.Hello, h.Rest, callout.ConnOf(conn)
	return l, nil
}

// isHanging reports whether this node must not use another connection of the program's
// transport, because too many of them have not ended after Close. The caller holds mu.
func (d *Driver) isHanging(l *link) bool {
	if l.ownConn == nil || len(d.conns)-len(d.links) < callout.MostHanging {
		return false
	}
	d.afterwards(func() {
		d.log.Error("connections of the Transport do not end when they are closed; the node takes no further ones", logging.Fields{"connections": callout.MostHanging})
	})
	return true
}

// up adds a link to the machine, and reads from it until it ends.
func (d *Driver) up(l *link, wish *overlay.Dial) {
	open := false
	hello, rest := l.hello, l.early
	l.hello, l.early = nil, nil
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
				d.machine.DialFailed(now, *wish, &DialError{Addr: wish.Addr, Err: callout.ErrHangs}, d.out())
			}
			return
		}
		d.lastLink++
		l.id = d.lastLink
		d.links[l.id] = l
		d.conns[l] = struct{}{}
		l.verify = d.cfg.Signing.newVerifier()
		c := hyparview.Conn{
			Link:  l.id,
			Peer:  ident.Origin{ID: hello.ID, Epoch: hello.Epoch},
			Addr:  handshake.Complete(hello.Addr, l.addr),
			Local: handshake.IsLoopback(l.addr),
			Zone:  ident.ZoneOf(l.addr),
		}
		if !c.Local && ident.IsLoopback(c.Addr) {
			c.Addr = "" // the address is a loopback address, which leads to another node on this machine
		}
		if wish != nil {
			c.Dialled = wish.Addr
		} else {
			c.From = l.addr
		}
		d.seenAs(now, sighting{hello.ID, at})
		d.machine.LinkUp(now, c, wish, d.out())
	})
	if !open {
		l.conn.Close()
		return
	}
	l.run(rest)
}

// handshakes returns the configuration of this life's handshakes.
func (d *Driver) handshakes() *handshake.Config {
	return &handshake.Config{Network: d.cfg.Network, Self: d.self, Addr: d.hello, Guard: d.cfg.Guard, OnSelf: d.onSelf}
}

// onSelf is called when a HELLO of this life arrives on an accepted connection. It
// returns an error if a copy of this node sent the HELLO, and not a dial of this life.
func (d *Driver) onSelf(hello *wire.Hello, from string) error {
	if d.meetings.meet() {
		return nil
	}
	d.meetClone(cmp.Or(handshake.Complete(hello.Addr, from), from))
	return ErrSameID
}

// lookUp resolves a seed's name for the machine.
func (d *Driver) lookUp(seed string) {
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
		err = nil // the look-up found some addresses, so it counts as a success
	}
	d.step(func(now time.Time) {
		d.machine.Resolved(now, seed, addrs, err, d.out())
		d.lookedUp(seed, addrs)
	})
}

// resolve calls the resolver, which may be the program's own. If the resolver returns
// neither an address nor an error, resolve returns an error.
func (d *Driver) resolve(ctx context.Context, seed string) ([]string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.ctx, cancel)()
	addrs, err := d.program.lookUp(ctx, seed)
	if d.ctx.Err() != nil {
		return nil, ErrStopped
	}
	addrs = cleanAddrs(addrs)
	if len(addrs) == 0 && err == nil {
		err = &discovery.LookupError{Seed: seed, Err: discovery.ErrEmpty}
	}
	return addrs, err
}
