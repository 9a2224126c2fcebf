package engine

import (
	"slices"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/internal/signed"
	"github.com/smokesignal-go/smokesignal/internal/wire"
	"github.com/smokesignal-go/smokesignal/trust"
)

// AllEvents stands for the names of all events in the list of a [Signing].
const AllEvents = "*"

// Signing holds the names of the events that must be signed. It signs the events of this
// node and verifies those of others. It does not change after Allow, so any goroutine may
// use it.
type Signing struct {
	network string
	key     *trust.Key // nil: the node can't sign
	all     bool
	names   map[string]struct{}
	allow   map[ident.ID]struct{} // origins of signed events; empty: all
}

// NewSigning returns a Signing for a network. list holds the names of the events that
// must be signed, or [AllEvents].
func NewSigning(network string, key *trust.Key, list []string) *Signing {
	s := &Signing{network: network, key: key, all: slices.Contains(list, AllEvents), names: make(map[string]struct{}, len(list))}
	for _, name := range list {
		s.names[name] = struct{}{}
	}
	return s
}

// Allow restricts the origins of signed events to a list. If the list is empty, all
// origins are allowed.
func (s *Signing) Allow(list []ident.ID) {
	s.allow = make(map[ident.ID]struct{}, len(list))
	for _, id := range list {
		s.allow[id] = struct{}{}
	}
}

// mayOriginate reports whether handlers get the signed events of an origin. A neighbour
// with a longer list may forward events of other origins, so a node drops these and does
// not blame the neighbour.
func (s *Signing) mayOriginate(id, self ident.ID) bool {
	_, ok := s.allow[id]
	return ok || len(s.allow) == 0 || id == self
}

func (s *Signing) isEmpty() bool { return len(s.names) == 0 }

// has reports whether events of this name must be signed.
func (s *Signing) has(name []byte) bool {
	_, ok := s.names[string(name)]
	return s.all || ok
}

// Blank returns the start of the body of an event of this node: space for the signature,
// or nothing if the event needs no signature.
func (s *Signing) Blank(name string) []byte {
	if s.key == nil || s.isEmpty() || !s.has([]byte(name)) {
		return nil
	}
	return signed.AppendBlank(nil, s.key.Public())
}

// configure sets the fields of a life's tree that sign and verify events.
func (s *Signing) configure(tree *plumtree.Config, self ident.Origin) {
	if s.key != nil && !s.isEmpty() {
		network := signed.New(s.network) // used under Driver.mu
		tree.Sign = func(seq uint64, body []byte) bool {
			if !signed.Is(body) {
				return false
			}
			network.Sign(s.key.Sign, self, seq, body)
			return true
		}
	}
	tree.VerifyAll = !s.isEmpty()
	tree.Verify = s.newVerifier()
}

// verifier reports whether an event is genuine: see [plumtree.Config.Verify]. One
// goroutine at a time may call it.
type verifier func(o ident.Origin, seq uint64, body []byte) bool

func (s *Signing) newVerifier() verifier {
	network := signed.New(s.network)
	return func(o ident.Origin, seq uint64, body []byte) bool {
		if signed.Is(body) {
			return network.Verify(o, seq, body)
		}
		name, _, err := wire.SplitBody(body)
		return err == nil && !s.has(name)
	}
}
