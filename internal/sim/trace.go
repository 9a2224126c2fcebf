package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/census"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/netsplit"
)

// verb is an action of a node, as the hash sees it.
type verb uint64

const (
	verbDial verb = iota
	verbSend
	verbClose
	verbGain
	verbLose
	verbDeliver
	verbMiss
	verbSay
	verbRefuse
)

// mark adds an action of a node to the hash. The number distinguishes similar actions: a
// link, or a sequence number.
func (n *Net) mark(node *Node, v verb, number uint64) {
	n.mix(uint64(n.t))
	n.mix(uint64(node.Index)<<8 | uint64(v))
	n.mix(number)
}

// tell adds the same action to the trace as text, if there is a trace.
func (n *Net) tell(node *Node, format string, args ...any) {
	n.cfg.Trace(fmt.Sprintf("%9.3fs  n%d %s", n.Now().Seconds(), node.Index, strings.TrimRight(fmt.Sprintf(format, args...), " ")))
}

// mix adds a number to the hash by a step of FNV-1a.
func (n *Net) mix(x uint64) { n.hash = (n.hash ^ x) * 1099511628211 }

// Hash returns a hash of all actions so far: which node did what, when, on which link. Two
// runs from one seed have the same hash.
func (n *Net) Hash() uint64 { return n.hash }

// name returns how the trace names the node with that ID.
func (n *Net) name(id ident.ID) string {
	if id.IsZero() {
		return "nobody"
	}
	if node, ok := n.ids[id]; ok {
		return fmt.Sprintf("n%d", node.Index)
	}
	return id.Short()
}

// listener returns the name of the node that listens on an address.
func (n *Net) listener(addr string) string {
	if node, ok := n.addrs[addr]; ok {
		return fmt.Sprintf("n%d", node.Index)
	}
	return addr
}

func (n *Net) ranges(list []plumtree.Range) string {
	var b strings.Builder
	for _, r := range list {
		fmt.Fprintf(&b, " %s[%d,%d)", n.name(r.Origin.ID), r.From, r.To)
	}
	return b.String()
}

func (n *Net) contacts(list []hyparview.Contact) string {
	var b strings.Builder
	for _, c := range list {
		fmt.Fprintf(&b, " %s", n.listener(c.Addr))
	}
	return b.String()
}

func (n *Net) sightings(isolated bool, known []netsplit.Sighting) string {
	if isolated {
		return "isolated"
	}
	if len(known) == 0 {
		return "hears nobody"
	}
	text := "hears"
	for _, s := range known {
		text += " " + n.name(s.ID)
	}
	return text
}

// describe formats a message for people.
func (n *Net) describe(msg any) string {
	switch m := msg.(type) {
	case *hyparview.Join:
		if m.AsSeed {
			return fmt.Sprintf("JOIN %s, as a seed", priority(m.Priority))
		}
		return fmt.Sprintf("JOIN %s", priority(m.Priority))
	case *hyparview.ForwardJoin:
		return fmt.Sprintf("FORWARDJOIN %s ttl %d", n.listener(m.Newcomer.Addr), m.TTL)
	case *hyparview.Neighbor:
		if m.Kept {
			return fmt.Sprintf("NEIGHBOR %s, kept", priority(m.Priority))
		}
		return fmt.Sprintf("NEIGHBOR %s", priority(m.Priority))
	case *hyparview.NeighborReply:
		if m.Accepted {
			return fmt.Sprintf("NEIGHBORREPLY accepted, sample%s", n.contacts(m.Sample))
		}
		return fmt.Sprintf("NEIGHBORREPLY refused (%s), sample%s", m.Reason, n.contacts(m.Sample))
	case *hyparview.Disconnect:
		return fmt.Sprintf("DISCONNECT (%s), try%s", m.Reason, n.contacts(m.Try))
	case *hyparview.Shuffle:
		return fmt.Sprintf("SHUFFLE ttl %d%s", m.TTL, n.contacts(m.Sample))
	case *hyparview.Ping:
		return "PING"
	case *hyparview.Pong:
		return "PONG"
	case *netsplit.Beacon:
		return fmt.Sprintf("BEACON %s count %d", n.name(m.Origin.ID), m.Count)
	case *netsplit.Probe:
		return "PROBE " + n.sightings(m.Isolated, m.Known)
	case *netsplit.ProbeReply:
		return "PROBEREPLY " + n.sightings(m.Isolated, m.Known)
	case *netsplit.Split:
		return fmt.Sprintf("SPLIT %s from %s", n.name(m.Ours), n.name(m.Other))
	case *plumtree.Gossip:
		return fmt.Sprintf("GOSSIP %s event %d round %d", n.name(m.Origin.ID), m.Seq, m.Round)
	case *plumtree.IHave:
		if m.Sync {
			return "IHAVE sync" + n.ranges(m.Ranges)
		}
		return "IHAVE" + n.ranges(m.Ranges)
	case *plumtree.Graft:
		text := "GRAFT"
		if m.Eager {
			text += " eager"
		}
		if m.Parent {
			text += " parent"
		}
		return text + n.ranges(m.Ranges)
	case *plumtree.Pulse:
		return fmt.Sprintf("PULSE %s count %d hops %d", n.name(m.Root.ID), m.Count, m.Hops)
	case *plumtree.Prune:
		return "PRUNE"
	case *plumtree.Miss:
		return fmt.Sprintf("MISS%s %s", n.ranges([]plumtree.Range{m.Range}), m.Why)
	case *census.Count:
		return fmt.Sprintf("COUNT %d of %s", m.Query, n.name(m.Origin))
	case *census.CountReply:
		return fmt.Sprintf("COUNTREPLY %d of %s: %d", m.Query, n.name(m.Origin), m.Nodes)
	case *census.Tell:
		return fmt.Sprintf("TELL %d of %s: %d digests", m.Query, n.name(m.Origin), len(m.Digests))
	}
	return fmt.Sprintf("%T", msg)
}

func priority(p hyparview.Priority) string { return [...]string{"low", "high", "bridge"}[min(p, 2)] }

func (n *Net) notice(notice netsplit.Notice) string {
	switch x := notice.(type) {
	case netsplit.Found:
		return fmt.Sprintf("netsplit found: %s and %s", n.name(x.Ours), n.name(x.Other))
	case netsplit.Healed:
		return fmt.Sprintf("netsplit healed after %v", x.For.Round(time.Millisecond))
	case netsplit.SeedLost:
		return fmt.Sprintf("seed lost: %s: %v", n.listener(x.Addr), x.Err)
	case netsplit.SeedBack:
		return fmt.Sprintf("seed back: %s", n.listener(x.Addr))
	}
	return fmt.Sprintf("%T", notice)
}
