package overlay

import (
	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/census"
	"github.com/smokesignal-go/smokesignal/internal/flowcontrol"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/netsplit"
	"github.com/smokesignal-go/smokesignal/peerlist"
)

// The parts speak to the machine's Out through these views of the machine, each
// in its own words. What concerns two parts meets here: a neighbour that comes
// or goes, a probe that becomes a bridge, seeds that were looked up.

type (
	membersOut Machine
	watchOut   Machine
	treeOut    Machine
	censusOut  Machine
	pacerOut   Machine
)

// LastWords is how many bytes of events still go out on a link before the
// goodbye. What is more the neighbour pulls from others, if these have it.
const LastWords = 1 << 20

func (o *membersOut) Send(to ident.Link, msg peerlist.Message) {
	if _, ok := msg.(*peerlist.Disconnect); ok {
		o.tree.Fill(o.now, to, LastWords, (*treeOut)(o))
	}
	o.out.Send(to, tell(msg))
}

func (o *membersOut) Dial(addr string)              { o.out.Dial(Dial{Addr: addr}) }
func (o *membersOut) Added(token uint64, err error) { o.out.Added(token, err) }
func (o *membersOut) ShutOut(t []peerlist.Attempt)  { o.out.ShutOut(t) }

func (o *membersOut) Twin(by peerlist.Conn, addr string, yields bool) {
	o.out.Conflict(Conflict{By: by, Addr: addr, Yields: yields})
}

func (o *membersOut) Close(id ident.Link, why peerlist.Reason) {
	o.out.Close(id, why)
	if c := (*Machine)(o).conn(id); c != nil && !c.neighbor { // else Down follows, which needs it
		(*Machine)(o).forget(id)
	}
}

func (o *membersOut) Up(id ident.Link) {
	m := (*Machine)(o)
	c := m.conn(id)
	c.neighbor = true
	m.touch(forWatch | forTree | forCensus)
	o.out.PeerUp(c.Conn)
	o.tree.LinkUp(o.now, id, (*treeOut)(m))
	o.watch.NeighborUp(o.now, id, c.Peer.ID, c.Addr, c.Dialled, c.Local, (*watchOut)(m))
	o.census.LinkUp(id)
	o.pacer.LinkUp(id)
}

func (o *membersOut) Down(id ident.Link, why peerlist.Reason) {
	m := (*Machine)(o)
	c := m.conn(id)
	m.touch(forWatch | forTree | forCensus)
	if !m.hasLeft {
		m.forget(id)
		o.tree.LinkDown(o.now, id, (*treeOut)(m))
	}
	o.watch.NeighborDown(o.now, id)
	o.census.LinkDown(id, (*censusOut)(m))
	o.pacer.LinkDown(id)
	if why == peerlist.ReasonLeave {
		m.noteLeft(c.Peer.ID)
	}
	o.out.PeerDown(c.Conn, why)
}

func (o *watchOut) Send(to ident.Link, msg netsplit.Message) { o.out.Send(to, tell(msg)) }
func (o *watchOut) Dial(addr string)                         { o.out.Dial(Dial{Addr: addr, Probe: true}) }
func (o *watchOut) Resolve(name string)                      { o.out.Resolve(name) }

func (o *watchOut) Notify(n netsplit.Notice) {
	if twin, ok := n.(netsplit.Twin); ok {
		o.out.Conflict(Conflict{Addr: twin.Addr, Yields: twin.Later})
		return
	}
	o.out.Notify(n)
}

func (o *watchOut) Close(id ident.Link) {
	o.out.Close(id, peerlist.ReasonProbed)
	(*Machine)(o).forget(id)
}

func (o *watchOut) Bridge(id ident.Link) {
	c := (*Machine)(o).conn(id)
	c.probe = false
	(*Machine)(o).touch(forMembers)
	o.members.Adopt(o.now, c.Conn, (*membersOut)(o))
}

func (o *watchOut) SetSeeds(addrs []string) {
	(*Machine)(o).touch(forMembers)
	o.members.SetSeeds(o.now, addrs, (*membersOut)(o))
}

func (o *treeOut) Ready(to ident.Link) { o.out.Ready(to) }

func (o *treeOut) Push(to ident.Link, g *plumtree.Gossip) {
	if c := (*Machine)(o).conn(to); c != nil {
		c.said = o.now
	}
	o.out.Push(to, g)
}

func (o *treeOut) Send(to ident.Link, msg plumtree.Message) { o.out.Send(to, msg) }
func (o *treeOut) Deliver(e *plumtree.Event)                { o.out.Deliver(e) }
func (o *treeOut) Gap(missing plumtree.Range)               { o.out.Gap(missing) }

func (o *treeOut) Refused(from ident.Link, events plumtree.Range) {
	c := (*Machine)(o).conn(from)
	if len(o.strikes) >= maxStrikes {
		clear(o.strikes)
	}
	o.strikes[c.Peer.ID]++
	banned := o.strikes[c.Peer.ID] >= maxRefused
	if banned {
		o.ban = from
	}
	o.out.Refused(c.Conn, events, banned)
}

func (o *pacerOut) Send(to ident.Link, msg flowcontrol.Message) { o.out.Send(to, msg) }

func (o *censusOut) Send(to ident.Link, msg census.Message) { o.out.Send(to, msg) }
func (o *censusOut) Counted(token, nodes uint64, complete bool) {
	o.out.Counted(token, nodes, complete)
}

func (o *censusOut) Told(token uint64, digests []census.Digest) { o.out.Told(token, digests) }
