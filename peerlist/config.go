package peerlist

import (
	"math/rand/v2"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// Unlimited as MaxPeers means no upper bound on neighbours.
const Unlimited = 1 << 20

// Config sets a [Membership] up. Fields left zero take the defaults below.
type Config struct {
	Self  Contact // who this node is and what it tells others; Addr may be empty
	Epoch uint64  // this life of it; 0 if lives are not told apart
	// Elsewhere says that the owner does not listen at Self.Addr, but is mapped there
	// or shares it: another node may answer at it.
	Elsewhere bool
	MinPeers  int // below this many neighbours, look for more
	MaxPeers  int // never more neighbours than this, guests aside; Unlimited for no bound
	Rand      *rand.Rand

	// MaxGuests bounds the neighbours beyond MaxPeers that nobody can dial. 0 means
	// 64, negative none.
	MaxGuests int

	PingInterval time.Duration // gap between pings on a link
	PingTimeout  time.Duration // a link silent for PingInterval+PingTimeout is dead

	BookSize        int           // entries in the passive view
	ShuffleInterval time.Duration // longest first gap between shuffles, the shortest is half of it; negative turns them off
	RotateInterval  time.Duration // shortest gap between rotations after some minutes, the longest is twice that; the first ones come sooner; negative turns them off

	FeelerInterval time.Duration // mean gap between dials that only try an address out, while this node is content; negative turns them off

	// Anchors are dialled first, and once: what Membership.Anchors of the life
	// before gave.
	Anchors []string

	// IsInUse reports whether a neighbour's link carries what others wait for:
	// where one must go, it is rather another. Nil: none does.
	IsInUse func(now time.Time, neighbor ident.Link) bool

	// NoRanks erases an address when a dial of it fails, as HyParView does,
	// instead of lowering its rank. For measurements: whoever was cut off for a
	// while knows nobody any more.
	NoRanks bool
	// NoInsistence leaves out asking with high priority. For measurements: where
	// all are full, a newcomer stays alone.
	NoInsistence bool
	// NoLimits lets whoever floods the book fill it, and whoever insists displace
	// any neighbour. For measurements: where most nodes belong to one attacker,
	// others end among them.
	NoLimits bool
}

const (
	defaultMinPeers = 3 // as the original Smokesignal
	defaultMaxPeers = 5 // as the original Smokesignal

	// 64 guests at each of the tenth that can be dialled are room for two links of
	// each of the other nine tenths, and for some more. A guess beyond that.
	defaultMaxGuests = 64

	// HyParView's authors use 30. After 95 % of 10 000 nodes crash at once, 30
	// addresses leave 94 % of the survivors connected, 512 leave all of them.
	defaultBookSize = 512

	activeWalk  = 6 // hops of a FORWARDJOIN and a SHUFFLE; HyParView, section 5.1
	passiveWalk = 3 // hops left when a FORWARDJOIN is noted down; HyParView, section 5.1

	// Three neighbours and four addresses in HyParView; we send more, because
	// the book is larger, and less often once nothing new comes in.
	shuffleActive      = 3
	shufflePassive     = 13
	maxShuffleInterval = 60 * time.Second

	replySample = 16 // contacts in a NEIGHBOR reply: a few hundred bytes
	leaveSample = 4  // contacts offered to a neighbour that is let go

	// rarePings: where both ends hear from each other anyway, only every fifth
	// ping is sent, for the round trip time and the degree that it tells.
	rarePings = 5

	// requestTimeout bounds the wait for a request on a link that was accepted
	// and for the answer on one that was dialled. A guess: many round trips.
	requestTimeout = 3 * time.Second

	// maxDials bounds the attempts under way when many addresses are dead: with
	// 8 at a time, a node that lost 95 % of its contacts without a reset finds a
	// living one after a few dial timeouts.
	maxDials = 8

	// maxWaiting bounds the accepted links that have not asked for anything yet.
	// Many more than that greet each other at once in a network that starts.
	maxWaiting = 256

	// removedFor is how long a peer that the program removed is neither dialled
	// nor accepted. A guess: long enough to be noticed, short enough to forget.
	removedFor = time.Minute

	// bannedFor is how long a peer that broke the protocol is neither dialled nor
	// accepted. A guess: whoever means harm tries again at once, and whoever was set
	// up wrongly is soon set up again.
	bannedFor = 10 * time.Minute

	// maxRemoved bounds the peers that are remembered as removed or banned: some
	// hundred kB. Whoever may come back soonest is forgotten first.
	maxRemoved = 4096

	// firstRotation is how many times shorter than RotateInterval the gap before
	// the first rotation is; it doubles from there. In 10 000 nodes that start at
	// once with 3 to 5 neighbours, the farthest of one that emits is 18 hops away
	// after a second, and 11 after a minute (docs/membership.md has the command).
	firstRotation = 32

	// protectedFor keeps a young bridge over a healed split, and a link that the
	// program asked for, from being the one that makes room.
	protectedFor = 30 * time.Second

	// lateAfter: a node woken this long after its own deadline was itself
	// stalled, and must not blame its neighbours for the silence (Lifeguard).
	lateAfter = time.Second

	// A round ends so long after the first node has refused: soon where this node
	// has no neighbour. Guesses: more than a network takes to form, and less than two
	// dials of dead addresses.
	stuckAlone = time.Second
	stuckFor   = 4 * time.Second

	// patience is how many fruitless rounds a node asks without insisting. In
	// a network that forms, room turns up within one or two of them.
	politeRounds = 3

	// anyRotation: one rotation in so many takes a neighbour by chance. A guess:
	// more of them hold the tree up while somebody floods, and with fewer it takes
	// long until a neighbour that lies is gone.
	anyRotation = 4

	// hurriedRotation is how long a flooded node waits at most before it looks for
	// neighbours of its own choice.
	hurriedRotation = 10 * time.Second

	// recentFor is how long a neighbour that came by itself is the first to make
	// room. A guess: longer than a network takes to form.
	recentFor = 5 * time.Minute

	maxAnchors = 2 // as many as Bitcoin Core keeps

	// maxRefusals ends a round, even if there are others to ask. Where links are
	// slow or the book is full, the first ones may be asked again before the last
	// one has refused, and the round would never end. A guess: two samples' worth.
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
	set(&c.FeelerInterval, 2*time.Minute) // as Bitcoin Core's
	return c
}
