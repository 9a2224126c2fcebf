package smoke

import (
	"errors"
	"fmt"
	"slices"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/internal/signed"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// nameSet is the events that must be signed. It does not change.
type nameSet struct {
	all   bool
	names map[string]struct{}
}

func newNameSet(list []string) nameSet {
	s := nameSet{all: slices.Contains(list, AllEvents), names: make(map[string]struct{}, len(list))}
	for _, name := range list {
		s.names[name] = struct{}{}
	}
	return s
}

func (s nameSet) isEmpty() bool { return len(s.names) == 0 }

func (s nameSet) has(name []byte) bool {
	_, ok := s.names[string(name)]
	return s.all || ok
}

// signature is what the body of an event begins with that is to be broadcast: the
// room for a signature, or nothing.
func (n *Node) signature(name string) []byte {
	if n.key == nil || n.signs.isEmpty() || !n.signs.has([]byte(name)) {
		return nil
	}
	return signed.AppendBlank(nil, n.key.Public())
}

// signatures has the tree of one life sign and verify.
func (n *Node) signatures(self ident.Origin, tree plumtree.Config) plumtree.Config {
	if n.key != nil && !n.signs.isEmpty() {
		network := signed.New(n.opts.Network) // used under driver.mu
		tree.Sign = func(seq uint64, body []byte) bool {
			if !signed.Is(body) {
				return false
			}
			network.Sign(n.key.Sign, self, seq, body)
			return true
		}
	}
	tree.VerifyAll = !n.signs.isEmpty()
	tree.Verify = n.newVerifier()
	return tree
}

// verifier reports whether an event is to be believed: see [plumtree.Config.Verify].
// One goroutine at a time may call it.
type verifier func(o ident.Origin, seq uint64, body []byte) bool

func (n *Node) newVerifier() verifier {
	network := signed.New(n.opts.Network)
	return func(o ident.Origin, seq uint64, body []byte) bool {
		if signed.Is(body) {
			return network.Verify(o, seq, body)
		}
		name, _, err := wire.SplitBody(body)
		return err == nil && !n.signs.has(name)
	}
}

func (o Options) validateSigned(p *problems) {
	if len(o.Signed) == 0 {
		return
	}
	for i, name := range o.Signed {
		if bad, ok := errors.AsType[*NameError](checkName(name)); ok {
			p.add(fmt.Sprintf("Signed[%d]", i), name, bad.Why, `write the name of an event, or smoke.AllEvents ("*")`)
		}
	}
	if o.TLS != nil {
		p.add("Signed", o.Signed, "events are signed with Key, and TLS takes its place", "leave one of the two out")
	} else if !o.handshakeOptions().IsEncrypted() {
		p.add("Signed", o.Signed, "links are not encrypted, so the node has no key to sign with", "set Key to one that you keep, or to what trust.NewKey makes")
	}
}
