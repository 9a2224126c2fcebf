package smoke

import (
	"context"
	"crypto/tls"
	"time"

	"github.com/smokesignal-go/smokesignal/discovery"
	"github.com/smokesignal-go/smokesignal/internal/engine"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/transport"
	"github.com/smokesignal-go/smokesignal/trust"
)

// Options configure a node. The zero value works: the node then listens on a free port of
// the loopback address and knows no other node. CreateNode copies the options, with their
// slices, maps and TLS configuration, so later changes have no effect. It does not copy the
// things to which other pointers, functions and interfaces refer.
//
// Address, Listen, Advertise and Seeds accept an IPv6 address with or without brackets.
// If a port follows, the brackets are needed. An IPv4-mapped IPv6 address means the IPv4
// address. A zone ("fe80::1%eth0") is used on this machine only and never sent to other
// nodes.
type Options struct {
	// Address is the IP address or host name of this machine. The node listens on it
	// and advertises it to other nodes. "" means 127.0.0.1, for tests on one machine.
	// If the address is not known in advance, see [LocalIP].
	Address string

	// Port is the TCP port to listen on, 1 to 65535. 0 means a free one.
	Port int

	// Listen is the host, or host:port, to listen on if it differs from Address: for
	// example "0.0.0.0" for all interfaces of the machine. "" means Address.
	Listen string

	// Advertise is the host, or host:port, that other nodes dial. It is needed if they
	// can't reach the address on which the node listens: behind a proxy or a mapped port.
	// "" means the address on which the node listens. A missing port means the port on
	// which it listens. With [NoAddress] other nodes get no address: use it for a node that
	// runs only briefly.
	Advertise string

	// Seeds are the addresses through which the node joins the network: "host:port" or
	// "[v6]:port"; "dns://name:port" for all addresses of a name, 512 at most; or
	// "srv://_chat._tcp.example.org" for the hosts and ports that the SRV records of the
	// name have. Names are looked up again and again. A node may be its own seed. A node
	// without seeds waits until another node dials it.
	Seeds []string

	// MinPeers is the number of neighbours that the node tries to have. 0 means 3, or
	// MaxPeers if that is lower.
	MinPeers int

	// MaxPeers is the highest number of neighbours, not counting guests (see
	// MaxGuests). 0 means 5, or MinPeers + 2 if that is higher, so that newcomers find
	// room. Negative: no limit.
	MaxPeers int

	// MaxGuests is the highest number of further neighbours that no node can dial:
	// nodes behind a NAT, with a wrong Advertise, or with NoAddress. 0 means 64;
	// negative: none.
	MaxGuests int

	// PingInterval is the time after which the node sends a ping on a quiet link. 0 means
	// 2 s; the shortest is 1 ms, the longest 1 h.
	PingInterval time.Duration

	// PingTimeout is the time that a peer has to answer a ping. If no byte arrives from a
	// peer for PingInterval + PingTimeout, its link ends. 0 means 3 s; the shortest is
	// 1 ms, the longest 1 h. A dial may take half of PingTimeout, but at most 10 s.
	PingTimeout time.Duration

	// Network is the name of the network, at most 64 bytes. Nodes with different names do
	// not link up. The name is not a secret.
	Network string

	// History bounds the recent events that the node keeps for nodes that missed them.
	History History

	// MaxPayload is the size limit of the events that this node emits, in bytes: the
	// encoded arguments and the headers. 0 means 1 MiB, which is also the highest value.
	MaxPayload int

	// SlowHandler is the running time after which the node logs a warning about a
	// handler. 0 means 1 s; negative: never.
	SlowHandler time.Duration

	// Logger receives the log: a *logrus.Logger, another logrus.FieldLogger such as a
	// *logrus.Entry, or a *slog.Logger. nil means warnings and errors to stderr. A
	// message that repeats is logged once in ten seconds, with the field "repeated" for
	// the number left out.
	Logger any

	// StateFile is a file for the data that a later process of this node needs: the
	// addresses of two neighbours, so that it finds the network without seeds, and the last
	// event that it received from each of the last 1,024 origins, so that it receives none
	// twice. The node writes it once a minute and in Stop; it has at most 64 KiB. Each node
	// needs its own file. "" means none. A Node that stops and starts again in one process
	// needs none.
	StateFile string

	// Transport carries the links. nil means TCP.
	Transport transport.Transport

	// Resolver turns seeds into addresses. nil means DNS.
	Resolver discovery.Resolver

	// ID is the id of the node. The zero ID means the id of Key if links are encrypted,
	// else a random id. Two running nodes must not have the same id.
	ID ID

	// The following options decide how links are secured, and which nodes are admitted.
	// If one of Key, TLS, Secret, Secrets, Allow and Admit is set, links are encrypted:
	// TLS 1.3, with a certificate at both ends. If none is set, they are encrypted if
	// other machines can reach the node, unless Transport or InsecurePlaintext is set.
	// All nodes of a network must agree, since a node never falls back from encryption to
	// plaintext or the reverse. Start logs which of the two applies.
	//
	// Encryption alone protects against eavesdroppers and against changes on the way, but
	// admits every node. Secret, Allow, Admit and the authority of TLS restrict which nodes
	// are admitted: a node must pass all of these that are set. A node that is refused does
	// not learn the reason.

	// Key is the key from which the node's id follows: see [trust.LoadOrCreateKey]. nil
	// means a new one for each Node, if links are encrypted.
	Key *trust.Key

	// TLS is for a network with its own certificate authority, which verifies the
	// certificates of both ends. It needs Certificates, RootCAs and ClientCAs, and
	// replaces Key. A certificate must name the address or host by which its node is
	// dialled, unless ServerName is set.
	TLS *tls.Config

	// Secret admits only nodes that know it: at least 16 random bytes in base64 or in
	// hexadecimal digits. [trust.NewSecret] and `smoke key secret` make one. "" admits
	// all.
	Secret string

	// Secrets are 1 to 8 secrets that are valid at once, so that a secret can be replaced
	// while the network runs. A node that proves any of them is admitted. This node
	// proves the first one to nodes that it dials. To a node that dials it, it proves the
	// secret that the other node has proven. To replace "old" by "new", set {old, new} on
	// all nodes, then {new, old} on all nodes, then {new}. nil means Secret alone. If
	// both are set, Secret must be the first of Secrets.
	Secrets []string

	// Allow admits only nodes with these ids. Of signed events, handlers get only those of
	// these nodes and of this node. Empty admits all.
	Allow []ID

	// Admit is a rule of the program: it returns nil to admit a node, or the reason to
	// refuse it. nil admits all. Several goroutines may call it at once. It should return
	// when its context ends, which is at most 3 s after the call; see [trust.Rules].
	Admit func(context.Context, trust.Candidate) error

	// Signed are the names of events that this node signs, and accepts from other nodes
	// only with a valid signature of their Origin. [AllEvents] stands for all names. It
	// needs encrypted links, and the same list on all nodes. The page docs/security.md,
	// section "Signed events", has the guarantees, limits and cost:
	// https://github.com/smokesignal-go/smokesignal/blob/main/docs/security.md#signed-events
	Signed []string

	// InsecurePlaintext disables encryption. Every machine that reaches the port can then
	// join, and every machine on the way can read, change and forge events.
	InsecurePlaintext bool

	odd *oddities // unknown variables that FromEnv has found, or nil; see Warnings
}

// NoAddress as [Options.Advertise] is for a node that advertises no address: other nodes
// can't dial it and do not remember it.
const NoAddress = "-" // a test checks that handshake.NoAddress is the same

// AllEvents in [Options.Signed] stands for events of all names.
const AllEvents = engine.AllEvents

// History bounds the events that a node keeps for other nodes. If a bound is exceeded, the
// oldest events are dropped; events that arrived in one frame are dropped together.
type History struct {
	Bytes int           // size of the events; 0 means 16 MiB; negative: no history
	Age   time.Duration // of the oldest event; 0 means 5 min; negative: no history
}

// Defaults and limits of [Options].
const (
	defaultAddress      = "127.0.0.1"
	defaultMinPeers     = 3               // as in the original Smokesignal
	defaultMaxPeers     = 5               // as in the original Smokesignal
	spareRoom           = 2               // MaxPeers above MinPeers, as in the defaults
	defaultMaxGuests    = 64              // hyparview.Config.MaxGuests
	defaultPingInterval = 2 * time.Second // with the timeout, a dead peer is detected within 5 s
	defaultPingTimeout  = 3 * time.Second // as in the original Smokesignal
	shortestPing        = time.Millisecond
	longestPing         = time.Hour // a guess: if a link is quiet for longer, dialling again is better
	mostPeers           = hyparview.Unlimited
	defaultHistoryBytes = 16 << 20        // a guess: 5 min of 200 events/s of 128 bytes
	defaultHistoryAge   = 5 * time.Minute // a guess: longer than switches and machines take to start again
	defaultMaxPayload   = 1 << 20
	maxNetwork          = 64
)

// withDefaults replaces zero values by the defaults that they stand for. It does not set
// Logger, Transport, Resolver and ID, because CreateNode makes their defaults. The options
// must have passed Validate.
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
