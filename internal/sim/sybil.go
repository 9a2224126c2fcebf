package sim

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/netsplit"
)

// Attack is an attacker that runs many nodes and wants others to have only these as
// neighbours. Its nodes know all addresses, accept every link, claim to have few
// neighbours, advertise only each other, and request links with high priority. They have no
// machine.
//
// They are not in [Net.Nodes], which holds honest nodes only.
type Attack struct {
	Sybils []*Node
	net    *Net
	cfg    AttackConfig
}

// AttackConfig configures an [Attack].
type AttackConfig struct {
	Sybils int
	Groups int           // over how many groups of addresses (IPv4 /16) they are spread, 1 to 256
	Gap    time.Duration // between the rounds of one Sybil; zero means 2 s. In a round it floods each link with a SHUFFLE and a FORWARDJOIN
	Links  int           // how many links each Sybil wants at once; it asks for one in each round; zero means 4
	Claims bool          // they claim to have no link and no address, and ask with JOIN
	Keeps  bool          // they claim that their programs asked for their links
	Apart  bool          // they answer each probe as another component, which never merges
	Relays bool          // they forward events, beacons and pulses on all links; otherwise they forward nothing
}

// sybil runs one node of an attack.
type sybil struct {
	*Attack
	node *Node
	seen map[any]bool // beacons, pulses and events that it has forwarded; look-ups only
}

const sybilSample = 17 // contacts in each frame of a Sybil, as many as an honest node sends

// SybilAddr returns the address of the i-th Sybil of an attack whose addresses are spread
// over the given number of groups.
func SybilAddr(i, groups int) string {
	g := i % groups
	at := i/groups + 1
	return fmt.Sprintf("%s%d.%d.%d:1", SybilPrefix, g, at>>8&255, at&255)
}

// SybilPrefix is the start of every Sybil's address. No other address begins with it.
const SybilPrefix = "130."

// HonestAddr returns an address for the i-th honest node in simulations with Sybils. It
// shares its group with no Sybil and with few other nodes.
func HonestAddr(i int) string {
	const groups = 1024
	g, at := i%groups, i/groups+1
	return fmt.Sprintf("%d.%d.%d.%d:1", 20+g>>8, g&255, at>>8&255, at&255)
}

// Attack starts an attack on all nodes of the network.
func (n *Net) Attack(cfg AttackConfig) *Attack {
	if cfg.Gap == 0 {
		cfg.Gap = 2 * time.Second
	}
	if cfg.Links == 0 {
		cfg.Links = 4
	}
	a := &Attack{net: n, cfg: cfg}
	for i := range cfg.Sybils {
		node := &Node{net: n, Index: firstSybil + i, Addr: SybilAddr(i, cfg.Groups), Alive: true, Unnamed: cfg.Claims}
		node.sybil = &sybil{Attack: a, node: node, seen: make(map[any]bool)}
		binary.BigEndian.PutUint64(node.ID[:], n.Rand.Uint64())
		binary.BigEndian.PutUint64(node.ID[8:], n.Rand.Uint64())
		node.Epoch = uint64(n.now.UnixMilli())
		n.addrs[node.Addr], n.ids[node.ID] = node, node
		a.Sybils = append(a.Sybils, node)
		n.After(time.Duration(n.Rand.Int64N(int64(cfg.Gap))), node.sybil.round)
	}
	return a
}

// firstSybil is the number of the first Sybil. It is larger than that of any node.
const firstSybil = 1 << 24

// IsSybil reports whether the node belongs to an attack.
func (node *Node) IsSybil() bool { return node.sybil != nil }

// round performs one round of a Sybil; see [AttackConfig].
func (s *sybil) round() {
	n := s.net
	for _, l := range s.node.links {
		if l.half.counted {
			l.half.send(&hyparview.Shuffle{Sample: s.sample(), TTL: 6})
			l.half.send(&hyparview.ForwardJoin{Newcomer: s.other(), TTL: 6})
		}
	}
	if len(s.node.links) < s.cfg.Links && len(n.Nodes) > 0 {
		s.node.Dial(overlay.Dial{Addr: n.Nodes[n.Rand.IntN(len(n.Nodes))].Addr})
	}
	clear(s.seen) // frames that come again are forwarded again; nodes detect the duplicates
	n.After(s.cfg.Gap, s.round)
}

func (s *sybil) other() hyparview.Contact {
	x := s.Sybils[s.net.Rand.IntN(len(s.Sybils))]
	return hyparview.Contact{ID: x.ID, Addr: x.Addr}
}

func (s *sybil) sample() (list []hyparview.Contact) {
	for range min(sybilSample, len(s.Sybils)) {
		list = append(list, s.other())
	}
	return list
}

// meet handles a new link on which each end knows the node at the other one.
func (s *sybil) meet(h *half) {
	switch {
	case h.wish == nil:
	case s.cfg.Claims:
		h.send(&hyparview.Join{Priority: hyparview.High})
	default:
		h.send(&hyparview.Neighbor{Priority: hyparview.High, Kept: s.cfg.Keeps})
	}
}

// keep claims on a link that the Sybil's program asked for it.
func (s *sybil) keep(h *half) {
	if s.cfg.Keeps {
		h.send(&hyparview.Neighbor{Kept: true})
	}
}

func (s *sybil) handle(h *half, msg any) {
	switch m := msg.(type) {
	case *hyparview.Join, *hyparview.Neighbor:
		s.gain(h)
		h.send(&hyparview.NeighborReply{Accepted: true, Degree: 1, Sample: s.sample()})
		s.keep(h)
	case *hyparview.NeighborReply:
		if !m.Accepted {
			h.close()
			return
		}
		s.gain(h)
		s.keep(h)
	case *hyparview.Disconnect:
		h.close()
	case *hyparview.Ping:
		h.send(&hyparview.Pong{Degree: 1, Sent: m.Sent})
	case *netsplit.Probe:
		if s.cfg.Apart {
			h.send(&netsplit.ProbeReply{Known: []netsplit.Sighting{{ID: s.node.ID}}, Settled: time.Hour})
			return
		}
		h.send(&netsplit.ProbeReply{Known: m.Known, Settled: m.Settled}) // claims that there is no split
	case *netsplit.Beacon:
		s.relay(h, *m, m)
	case *plumtree.Pulse:
		passed := *m
		passed.Hops++
		s.relay(h, *m, &passed)
	case *plumtree.Gossip:
		if !s.cfg.Relays || s.knows(key{m.Origin, m.Seq}) {
			return
		}
		for _, l := range s.node.links {
			if l.half != h && l.half.counted {
				frame := s.net.gossip()
				*frame = *m
				frame.Round++
				l.half.send(frame)
			}
		}
	}
}

type key struct {
	origin ident.Origin
	seq    uint64
}

func (s *sybil) gain(h *half) {
	h.counted = true
	s.net.changed = true
}

func (s *sybil) knows(what any) bool {
	known := s.seen[what]
	s.seen[what] = true
	return known
}

func (s *sybil) relay(from *half, what, msg any) {
	if !s.cfg.Relays || s.knows(what) {
		return
	}
	for _, l := range s.node.links {
		if l.half != from && l.half.counted {
			l.half.send(msg)
		}
	}
}
