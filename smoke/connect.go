package smoke

import (
	"cmp"
	"context"
	"errors"
	"net"
	"time"

	"github.com/jpillora/backoff"

	"github.com/smokesignal-go/smokesignal/discovery"
	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/handshake"
	"github.com/smokesignal-go/smokesignal/internal/logging"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/wire"
	"github.com/smokesignal-go/smokesignal/peerlist"
)

const (
	lookWithin = 5 * time.Second // one look-up of a seed
	// quietFor is how long a node may be without neighbours before it logs that no node
	// answers. While a network starts, that state ends by itself.
	quietFor = 3 * time.Second
)

// accept takes connections until the listener is closed.
func (d *driver) accept() {
	pause := backoff.Backoff{Min: 5 * time.Millisecond, Max: time.Second}
	var door handshake.Doorman
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
		if from := conn.RemoteAddr().String(); !door.Admits(time.Now(), from) {
			d.refusals.rateLimited.Add(1)
			d.log.Warn("an address opens too many connections; this one was closed", logging.Fields{"from": from})
			conn.Close()
			continue
		}
		ctx, cancel := context.WithCancel(d.ctx)
		if !d.isOpenNow() || !d.backlog.Add(ctx, conn, cancel, d.noteEvicted) {
			cancel()
			conn.Close()
			return
		}
		d.spawn(func() {
			l, err := d.greet(ctx, conn, "")
			cancel()
			d.backlog.Remove(conn)
			if err != nil {
				conn.Close()
				if d.ctx.Err() == nil {
					d.refusals.count(err)
					d.refuseConn(conn, err)
				}
				return
			}
			d.up(l, nil)
		})
	}
}

// isOpenNow is isOpen for callers that do not hold mu.
func (d *driver) isOpenNow() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.isOpen()
}

// noteEvicted counts and logs a connection that made room in the backlog.
func (d *driver) noteEvicted(conn net.Conn) {
	d.refusals.backlog.Add(1)
	d.log.Warn("too many connections that say nothing; the oldest was closed", logging.Fields{"from": conn.RemoteAddr().String()})
}

// dial carries a wish out. Every wish is answered once.
func (d *driver) dial(wish overlay.Dial) {
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
	d.counters.dialsFailed.Add(1)
	d.complain(wish, err)
	d.step(func(now time.Time) {
		d.machine.DialFailed(now, wish, err, d)
		d.dialled(wish.Addr)
	})
}

// complain logs a failed dial at warn if the operator should know: what listens at the
// address is no node of this network, or this node has no neighbour.
func (d *driver) complain(wish overlay.Dial, err error) {
	log := d.log.About(wish.Addr)
	f := logging.Fields{"addr": wish.Addr, "error": err}
	switch {
	case d.ctx.Err() != nil:
	case d.complainOfMismatch(wish.Addr, err):
	case errors.Is(err, ErrNotSmokesignal):
		d.warnWithin(d.misfits.noNode, wish.Addr, "what listens at this address is no node of this network", f)
	case d.neighbours.Len() == 0 && time.Since(d.born) > quietFor:
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

// dialError adds the address to a dial that failed, and sorts out why.
func dialError(addr string, err error) error {
	return &DialError{Addr: addr, Err: handshake.DialFault(err)}
}

// up gives a link to the machine and reads it to its end.
func (d *driver) up(l *link, wish *overlay.Dial) {
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
				d.machine.DialFailed(now, *wish, &DialError{Addr: wish.Addr, Err: ErrHangs}, d)
			}
			return
		}
		d.lastLink++
		l.id = d.lastLink
		d.links[l.id] = l
		d.conns[l] = struct{}{}
		l.verify = d.host.newVerifier()
		c := peerlist.Conn{
			Link:  l.id,
			Peer:  ident.Origin{ID: hello.ID, Epoch: hello.Epoch},
			Addr:  handshake.Complete(hello.Addr, l.addr),
			Local: handshake.IsLoopback(l.addr),
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

// handshakes returns what this life says in handshakes, and asks for.
func (d *driver) handshakes() *handshake.Config {
	return &handshake.Config{Network: d.opts.Network, Self: d.self, Addr: d.hello, Guard: d.guard, OnSelf: d.onSelf}
}

// onSelf gets a connection on which this life says HELLO: a dial of its own, or of a copy
// of this node, which is an error.
func (d *driver) onSelf(hello *wire.Hello, from string) error {
	if d.meetings.meet() {
		return nil
	}
	d.meetClone(cmp.Or(handshake.Complete(hello.Addr, from), from))
	return ErrSameID
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
