package hyparview

import (
	"math/rand/v2"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// Unlimited as MaxPeers means that the number of neighbours has no upper bound.
const Unlimited = 1 << 20

// Config configures a [Membership]. Fields that are zero take the defaults below.
type Config struct {
	Self  Contact // the ID of this node and the address that it advertises; Addr may be empty
	Epoch uint64  // the epoch of this run of the node; 0: runs are not distinguished
	// Elsewhere is set if the node does not listen at Self.Addr itself. The address is
	// mapped to the node or shared with others, so another node may answer there.
	Elsewhere bool
	MinPeers  int // with fewer neighbours than this, the node looks for more
	MaxPeers  int // the highest number of neighbours, not counting guests; Unlimited for no bound
	Rand      *rand.Rand

	// MaxGuests bounds the guests: neighbours beyond MaxPeers that no node can dial. 0
	// means 64, negative means none.
	MaxGuests int

	// MaxWaiting bounds the accepted links on which no request has arrived yet. 0 means
	// 1024.
	MaxWaiting int

	PingInterval time.Duration // time between pings on a link; 0 means 2 s
	PingTimeout  time.Duration // a link is dead if no frame arrives for PingInterval+PingTimeout; 0 means 3 s

	BookSize        int           // entries in the passive view; 0 means 512
	ShuffleInterval time.Duration // longest first gap between shuffles (the shortest is half of it); 0 means 2 s, negative turns shuffles off
	RotateInterval  time.Duration // shortest gap between rotations after the first minutes (the longest is twice that); 0 means 1 min, negative turns rotations off

	FeelerInterval time.Duration // mean gap between feelers: dials that only test an address, while this node has at least MinPeers neighbours; 0 means 2 min, negative turns them off

	// Anchors are addresses that are dialled before all others, and only once. They are
	// the result of Membership.Anchors in the previous run of the node.
	Anchors []string

	// IsInUse reports whether a neighbour's link carries events that other nodes wait
	// for. If a neighbour must be evicted, one whose link is not in use is preferred.
	// Nil means that no link is in use.
	IsInUse func(now time.Time, neighbor ident.Link) bool

	// NoRanks erases an address as soon as a dial of it fails, as HyParView does, instead
	// of lowering its rank. It is for measurements only: a node that was cut off for a
	// while then has no address left.
	NoRanks bool
	// NoInsistence turns high-priority requests off. It is for measurements only: if all
	// nodes are full, a newcomer then stays alone.
	NoInsistence bool
	// NoLimits lets a flooding source fill the book, and lets a high-priority request
	// evict any neighbour. It is for measurements only: if most nodes belong to one
	// attacker, honest nodes then have only neighbours of the attacker.
	NoLimits bool
}

const (
	defaultMinPeers = 3 // as in the original Smokesignal
	defaultMaxPeers = 5 // as in the original Smokesignal

	// If one node in ten can be dialled, each such node must accept two links from each
	// of nine others. 64 guests leave some room beyond these 18. The margin is a guess.
	defaultMaxGuests = 64

	// The authors of HyParView use 30. If 95 % of 10 000 nodes crash at once, books of 30
	// addresses leave 94 % of the survivors connected. Books of 512 addresses leave all
	// of them connected.
	defaultBookSize = 512

	activeWalk  = 6 // hops of a FORWARDJOIN and a SHUFFLE; HyParView, section 5.1
	passiveWalk = 3 // remaining hops at which a FORWARDJOIN enters a book; HyParView, section 5.1

	// HyParView sends three neighbours and four addresses. This node sends more, because
	// its book is larger. Once no new addresses arrive, it sends less often.
	shuffleActive      = 3
	shufflePassive     = 13
	maxShuffleInterval = 60 * time.Second

	replySample = 16 // contacts in a NEIGHBOR_REPLY: a few hundred bytes
	leaveSample = 4  // contacts offered to a neighbour that is disconnected

	// If both ends receive events from each other, only every fifth ping is sent. It is
	// still needed for the round-trip time and the degree.
	rarePings = 5

	// requestTimeout bounds the wait for a request on an accepted link, and for the
	// answer on a dialled one. A guess: many round trips.
	requestTimeout = 3 * time.Second

	// maxDials bounds the concurrent dials if many addresses are dead. A node may have
	// lost 95 % of its contacts, with dials that time out. With 8 dials at a time, it
	// finds a live contact after a few such timeouts.
	maxDials = 8

	// defaultMaxWaiting bounds the accepted links on which no request has arrived yet.
	// Suppose that 520 strangers open links during two round trips of 200 ms. Then an
	// honest link is not closed with a probability of 60 %. If the bound were 256, this
	// probability would be 13 %.
	defaultMaxWaiting = 1024

	// removedFor is how long a peer that the program removed is neither dialled nor
	// accepted. A guess: long enough for the program to see the effect, and short enough
	// that the program still expects it.
	removedFor = time.Minute

	// bannedFor is how long a peer that broke the protocol is neither dialled nor
	// accepted. A guess: an attacker retries at once, and a misconfigured node is soon
	// corrected.
	bannedFor = 10 * time.Minute

	// maxRemoved bounds the removed and banned peers that are remembered. They take at
	// most a few hundred kB. Of the network with the most of them, the entry whose time ends
	// first is dropped first.
	maxRemoved = 4096

	// The gap before the first rotation is RotateInterval/firstRotation. After each
	// rotation the gap doubles. If 10 000 nodes with 3 to 5 neighbours start at once, the
	// node farthest from an emitter is 18 hops away after a second, and 11 after a minute
	// (docs/design.md has the command).
	firstRotation = 32

	// protectedFor is how long a new bridge over a healed split, or a link that the
	// program asked for, cannot be evicted.
	protectedFor = 30 * time.Second

	// If a node wakes more than lateAfter after its own deadline, the node itself was
	// stalled. It must not treat its neighbours as silent (Lifeguard).
	lateAfter = time.Second

	// A round of requests ends this long after the first refusal: stuckAlone if this node
	// has no neighbour, else stuckFor. Guesses: longer than a network takes to form, and
	// shorter than two dials of dead addresses.
	stuckAlone = time.Second
	stuckFor   = 4 * time.Second

	// politeRounds is the number of rounds without success in which a node asks with low
	// priority. When a network starts, one or two rounds find a node with room.
	politeRounds = 3

	// One rotation in anyRotation evicts a random neighbour. A guess. If it were more of
	// them, the tree would be disturbed while an attacker floods; if fewer, a lying
	// neighbour would stay long.
	anyRotation = 4

	// hurriedRotation is the longest time before a flooded node dials neighbours of its
	// own choice.
	hurriedRotation = 10 * time.Second

	// A neighbour that dialled this node less than recentFor ago is the first to be
	// evicted. A guess: longer than a network takes to form.
	recentFor = 5 * time.Minute

	maxAnchors = 2 // as in Bitcoin Core

	// maxRefusals ends a round even if not all nodes were asked. If links are slow or the
	// book is full, the first nodes could be asked again before the last one has refused,
	// and the round would never end. A guess: the contacts of two replies.
	maxRefusals = 2 * replySample
)

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	if c.MinPeers == 0 {
		c.MinPeers = defaultMinPeers
	}
	if c.MaxPeers == 0 {
		c.MaxPeers = defaultMaxPeers
	}
	if c.MaxGuests == 0 {
		c.MaxGuests = defaultMaxGuests
	}
	if c.MaxWaiting == 0 {
		c.MaxWaiting = defaultMaxWaiting
	}
	if c.BookSize == 0 {
		c.BookSize = defaultBookSize
	}
	if c.IsInUse == nil {
		c.IsInUse = func(time.Time, ident.Link) bool { return false }
	}
	set(&c.PingInterval, 2*time.Second)
	set(&c.PingTimeout, 3*time.Second)
	set(&c.ShuffleInterval, 2*time.Second)
	set(&c.RotateInterval, time.Minute)
	set(&c.FeelerInterval, 2*time.Minute) // as in Bitcoin Core
	return c
}
