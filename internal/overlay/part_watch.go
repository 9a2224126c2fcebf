package overlay

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/frame"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/netsplit"
)

// watchPart is the machine, with the methods of netsplit's Part and Out. A probe is a
// link that only netsplit uses; see Machine.LinkUp.
type watchPart Machine

// LinkUp implements Part.
func (p *watchPart) LinkUp(now time.Time, c hyparview.Conn, _ Out) {
	p.watch.NeighborUp(now, c.Link, c.Peer.ID, c.Addr, c.Dialled, c.Local, p)
}

// LinkDown implements Part.
func (p *watchPart) LinkDown(now time.Time, id ident.Link, _ Out) { p.watch.NeighborDown(now, id) }

// Handle implements Part.
func (p *watchPart) Handle(now time.Time, id ident.Link, msg frame.Message, _ Out) {
	canonicalize(msg, (*Machine)(p).conn(id).Zone)
	if msg, ok := msg.(netsplit.Message); ok {
		p.watch.Handle(now, id, msg, p)
	}
}

// Advance implements Part.
func (p *watchPart) Advance(now time.Time, _ Out) { p.watch.Advance(now, p) }

// Deadline implements Part.
func (p *watchPart) Deadline() (time.Time, bool) { return p.watch.Deadline() }

// Send implements netsplit.Out.
func (p *watchPart) Send(to ident.Link, msg netsplit.Message) { p.out.Send(to, withoutZones(msg)) }

// Dial implements netsplit.Out.
func (p *watchPart) Dial(addr string) { p.out.Dial(Dial{Addr: addr, Probe: true}) }

// Resolve implements netsplit.Out.
func (p *watchPart) Resolve(name string) { p.out.Resolve(name) }

// Notify implements netsplit.Out.
func (p *watchPart) Notify(n netsplit.Notice) {
	if twin, ok := n.(netsplit.Twin); ok {
		p.out.Conflict(Conflict{Addr: twin.Addr, Yields: twin.Later})
		return
	}
	p.out.Notify(n)
}

// Close implements netsplit.Out.
func (p *watchPart) Close(id ident.Link) {
	p.out.Close(id, hyparview.ReasonProbed)
	(*Machine)(p).forget(id)
}

// Bridge implements netsplit.Out: a probe becomes a link of membership.
func (p *watchPart) Bridge(id ident.Link) {
	c := (*Machine)(p).conn(id)
	c.probe = false
	(*Machine)(p).touch(forMembers)
	p.members.Adopt(p.now, c.Conn, (*membersPart)(p))
}

// SetSeeds implements netsplit.Out.
func (p *watchPart) SetSeeds(addrs []string) {
	(*Machine)(p).touch(forMembers)
	p.members.SetSeeds(p.now, addrs, (*membersPart)(p))
}

// SeedsLost returns how many addresses of seeds do not answer.
func (m *Machine) SeedsLost() int { return m.watch.SeedsLost() }

// Component returns the name of the component that this node is in. It is zero if the
// node hears no beacon.
func (m *Machine) Component() ident.ID { return m.watch.Component() }

// IsBeaconing reports whether this node floods beacons.
func (m *Machine) IsBeaconing() bool { return m.watch.IsBeaconing() }
