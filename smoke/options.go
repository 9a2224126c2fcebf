package smoke

import (
	"context"
	"crypto/tls"
	"time"

	"github.com/smokesignal-go/smokesignal/discovery"
	"github.com/smokesignal-go/smokesignal/internal/handshake"
	"github.com/smokesignal-go/smokesignal/peerlist"
	"github.com/smokesignal-go/smokesignal/transport"
	"github.com/smokesignal-go/smokesignal/trust"
)

// Options say what a node is to be like. The zero value works: a node that
// listens on a free loopback port and knows nobody. CreateNode copies them, slices,
// maps and the TLS configuration included: a later change has no effect. What other
// pointers, functions and interfaces lead to is shared.
//
// Address, Listen, Advertise and Seeds take an IPv6 address with or without brackets;
// before a port it needs them. An IPv4-mapped IPv6 address means the IPv4 one. A zone
// ("fe80::1%eth0") is used on this machine and not told to others.
type Options struct {
	// Address is the IP address or host name of this machine: what the node
	// listens on and tells others. "" means 127.0.0.1, for trying things out on
	// one machine. See [LocalIP] for a machine whose address is not known before.
	Address string

	// Port is where the node listens, 1 to 65535. 0 takes a free one.
	Port int

	// Listen is the host, or host:port, to bind when that is not Address: for
	// example "0.0.0.0" for all interfaces of the machine.
	Listen string

	// Advertise is the host, or host:port, that others are told when that is
	// not what the node listens on: behind a proxy or a mapped port. Without a
	// port it gets the one that the node listens on. [NoAddress] tells them none: for
	// a node that is there for a moment only, so that nobody looks for it afterwards.
	Advertise string

	// Seeds are where to ask for entry: "host:port", "[v6]:port", or
	// "dns://name:port", a name that is looked up again and again and stands
	// for all its addresses, 512 at most. A node may be its own seed. Without seeds
	// the node waits to be found.
	Seeds []string

	// MinPeers is the number of links that a node tries to have. 0 means 3, or
	// MaxPeers where that is less.
	MinPeers int

	// MaxPeers is the number of links that a node does not exceed, those to guests
	// aside (see MaxGuests). 0 means 5,
	// or MinPeers + 2 where that is more, so that newcomers find room.
	// Negative: no limit.
	MaxPeers int

	// MaxGuests is the number of further links, beyond MaxPeers, that a node has to
	// nodes that no other node can dial: behind a NAT, with an Advertise that is
	// wrong, or with NoAddress. Where many nodes are like that, those that can be
	// dialled carry them. 0 means 64; negative: none.
	MaxGuests int

	// PingInterval is how often a quiet link is tried. 0 means 2 s; the
	// shortest is 1 ms, the longest 1 h.
	PingInterval time.Duration

	// PingTimeout is for how long nothing may be heard on a link before it is
	// given up. 0 means 3 s; the shortest is 1 ms, the longest 1 h. A dial may take
	// half of it, 10 s at most.
	PingTimeout time.Duration

	// Network keeps networks apart that could meet by accident: only nodes with
	// the same one link up. It is a name, no secret. At most 64 bytes.
	Network string

	// History is what the node remembers of recent events, to give to others
	// who missed them.
	History History

	// MaxPayload is the largest size of an event's encoded arguments that this
	// node emits, with the headers, in bytes. 0 means 1 MiB, which is the most that
	// nodes carry.
	MaxPayload int

	// SlowHandler is after how long a running handler is warned about. 0 means
	// 1 s; negative: never.
	SlowHandler time.Duration

	// Logger gets what the node has to say: a *logrus.Logger, another
	// logrus.FieldLogger (a *logrus.Entry), or a *slog.Logger. nil means
	// warnings and errors to stderr.
	Logger any

	// StateFile is where the node keeps the addresses of two neighbours for its next
	// life, so that it finds back even if all seeds are gone, or somebody has filled
	// the address books of the network meanwhile; and how far it has heard the last
	// 1,024 origins, so that it does not hear their events again. It is written once a
	// minute and by Stop, and has 64 KiB at most. Each node needs one of its own. ""
	// means none; between Stop and Start of one Node all of it is kept.
	StateFile string

	// Transport carries the links. nil means TCP.
	Transport transport.Transport

	// Resolver turns seeds into addresses. nil means DNS.
	Resolver discovery.Resolver

	// ID names the node. The zero ID means a random one, or that of the Key where
	// links are encrypted. Two living nodes must not have the same.
	ID ID

	// How links are secured, and who is let in. They are encrypted (TLS 1.3, with a
	// certificate at both ends) as soon as one of the next six is set; and of
	// themselves where other machines can reach the node. They are plaintext where
	// it listens on the loopback only, with a Transport of one's own, which may be
	// safe in a way of its own, and with InsecurePlaintext. All nodes of a network
	// have to agree on that, since one is never tried in place of the other. What
	// holds is in the log when the node starts.
	//
	// Encryption by itself keeps out who listens or changes bytes on the way, and
	// lets in every stranger. Against those there are Secret, Allow, Admit, and an
	// authority in TLS; all of them must agree. A stranger learns only that it was
	// refused; why, our log says.

	// Key is who the node is: see [trust.LoadOrCreateKey]. nil means one that CreateNode
	// makes, where links are encrypted.
	Key *trust.Key

	// TLS is for those who have an authority of their own, which verifies the
	// certificates of both ends. It needs Certificates, RootCAs and ClientCAs, and
	// takes the place of Key. A certificate names the address or host by which its
	// node is dialled, unless ServerName is set.
	TLS *tls.Config

	// Secret lets in who knows it: at least 16 random bytes in base64 or in
	// hexadecimal digits. `smoke key secret` makes one.
	Secret string

	// Secrets are 1 to 8 secrets that are valid at once, so that a secret can be replaced
	// while the network runs. Any of them lets in. The node proves the first one to
	// nodes that it dials, and to those that dial it the one that they have proven. To
	// replace "old" by "new", set in this order, each on all nodes before the next is
	// set on any: {old, new}, {new, old}, {new}. nil stands for the Secret alone. If
	// Secrets is set, Secret is its first one, and either "" or the same.
	Secrets []string

	// Allow lets in the nodes with these ids only. Empty: all.
	Allow []ID

	// Admit is a rule of one's own: nil lets the candidate in. Many goroutines call
	// it at once, and it should return when its context ends, which is after three
	// seconds at most; see [trust.Rules].
	Admit func(context.Context, trust.Candidate) error

	// Signed are the names of events that this node signs when it emits them, and
	// takes from others only if whoever is named as their Origin has signed them;
	// [AllEvents] stands for all names. Nobody on the way can then change such an
	// event or invent one: an encrypted link keeps out only those who are not let in,
	// a signature holds against neighbours too. [Event.Signed] tells a handler.
	//
	// It needs encrypted links, with Key or the key that CreateNode makes. All nodes
	// of a network should have the same list: who passes on an unsigned event under
	// one of these names three times is taken for its forger, and shut out for ten
	// minutes. A signature that an event does carry is verified by every node, whatever
	// its list.
	//
	// A signature takes 97 bytes, some 25 µs to make, and 50 µs to verify at each
	// node. Events between two neighbours ([Peer.Emit]) need none, and get none.
	//
	// What signatures do not do: they hide nothing, and nothing forces a neighbour to
	// pass an event on (others do). With some names only, whoever is let in can still
	// use up the numbers of somebody else by forged events of other names, so that
	// signed ones with these numbers are taken for duplicates: sign all where that
	// matters. An event is delivered once for as long as its origin's life is
	// remembered: the last 16 384 of them, also after Stop and Start of one Node. A
	// process that starts again remembers nothing, and takes a repeated event whose
	// age somebody has forged for a new one; where that matters, an event should say
	// itself when it is from.
	//
	// With a list, a node does not believe what neighbours say of events that they do
	// not have. So when the last events of an origin are lost everywhere, OnGap tells
	// of it only when a later one has come.
	Signed []string

	// InsecurePlaintext leaves links unencrypted where they would not be. Whoever
	// can reach the port can join then, and whoever sits in between can read, change
	// and invent events.
	InsecurePlaintext bool

	odd *oddities // what FromEnv has found, if anything; see Warnings
}

// NoAddress in [Options.Advertise] tells others no address: they can't dial the node,
// and do not remember it.
const NoAddress = handshake.NoAddress

// AllEvents in [Options.Signed] stands for events of all names.
const AllEvents = "*"

// History bounds what a node remembers. What exceeds one bound goes, oldest first; but
// what was emitted or came in one piece goes in one piece.
type History struct {
	Bytes int           // 0 means 16 MiB; negative: no history
	Age   time.Duration // 0 means 5 min; negative: no history
}

// Defaults and limits of [Options].
const (
	defaultAddress      = "127.0.0.1"
	defaultMinPeers     = 3               // design, section 6
	defaultMaxPeers     = 5               // design, section 6
	spareRoom           = 2               // MaxPeers above MinPeers, as in the defaults
	defaultMaxGuests    = 64              // peerlist.Config.MaxGuests
	defaultPingInterval = 2 * time.Second // with the timeout, a dead peer shows within 5 s
	defaultPingTimeout  = 3 * time.Second // design, section 6
	shortestPing        = time.Millisecond
	longestPing         = time.Hour // a guess: a link that is quiet for longer is better dialled again
	mostPeers           = peerlist.Unlimited
	defaultHistoryBytes = 16 << 20        // a guess: 5 min of 200 events/s of 128 bytes
	defaultHistoryAge   = 5 * time.Minute // a guess: longer than switches and machines take to start again
	defaultMaxPayload   = 1 << 20
	maxNetwork          = 64
)

// withDefaults fills in what the zero values stand for, but for Logger,
// Transport, Resolver and ID, which need making. The options have passed
// Validate.
func (o Options) withDefaults() Options {
	if o.Address == "" {
		o.Address = defaultAddress
	}
	if o.MinPeers == 0 {
		o.MinPeers = defaultMinPeers
		if o.MaxPeers > 0 {
			o.MinPeers = min(o.MinPeers, o.MaxPeers)
		}
	}
	if o.MaxPeers == 0 {
		o.MaxPeers = max(defaultMaxPeers, o.MinPeers+spareRoom)
	}
	if o.Secret == "" && len(o.Secrets) > 0 {
		o.Secret = o.Secrets[0]
	} else if o.Secret != "" && len(o.Secrets) == 0 {
		o.Secrets = []string{o.Secret}
	}
	setDefault(&o.MaxGuests, defaultMaxGuests)
	setDefault(&o.PingInterval, defaultPingInterval)
	setDefault(&o.PingTimeout, defaultPingTimeout)
	setDefault(&o.History.Bytes, defaultHistoryBytes)
	setDefault(&o.History.Age, defaultHistoryAge)
	setDefault(&o.MaxPayload, defaultMaxPayload)
	setDefault(&o.SlowHandler, time.Second)
	return o
}

// setDefault sets a field that was left at its zero value.
func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
