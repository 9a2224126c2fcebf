package handshake

import (
	"context"
	"crypto/tls"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/trust"
)

// Options are those options of a node that decide how its links are secured. The fields
// have the names and meanings of smoke.Options.
type Options struct {
	Address, Listen, Advertise string

	Key               *trust.Key
	TLS               *tls.Config
	Secret            string
	Secrets           []string
	Allow             []ident.ID
	Admit             func(context.Context, trust.Candidate) error
	InsecurePlaintext bool

	// HasTransport is set if the program has its own transport.
	HasTransport bool
}

// IsEncrypted reports whether the links of a node with these options are encrypted. The
// result depends only on the options, never on the other end.
func (o Options) IsEncrypted() bool {
	switch {
	case o.InsecurePlaintext:
		return false
	case o.Key != nil, o.TLS != nil, o.HasRules():
		return true
	case o.HasTransport:
		return false
	}
	return !o.IsLocal()
}

// HasRules reports whether the options say which nodes are admitted.
func (o Options) HasRules() bool {
	return o.Secret != "" || len(o.Secrets) > 0 || len(o.Allow) > 0 || o.Admit != nil
}

// IsOpen reports whether links are encrypted and every node is admitted that reaches the
// port.
func (o Options) IsOpen() bool { return o.IsEncrypted() && !o.HasRules() && o.TLS == nil }

// IsLocal reports whether only this machine can reach a node with these options.
func (o Options) IsLocal() bool {
	for _, addr := range []string{o.Address, o.Listen, o.Advertise} {
		if addr != "" && addr != NoAddress && !IsLoopback(addr) {
			return false
		}
	}
	return true
}

// Guard returns the guard of the links and the key of the node. If the options have no key,
// it makes one. Both results are nil if links are plaintext.
func (o Options) Guard() (guard *trust.Guard, key *trust.Key, err error) {
	if !o.IsEncrypted() {
		return nil, nil, nil
	}
	return o.MakeGuard()
}

// MakeGuard is Guard for links that are encrypted whatever the options say.
func (o Options) MakeGuard() (guard *trust.Guard, key *trust.Key, err error) {
	key = o.Key
	if key == nil && o.TLS == nil {
		if key, err = trust.NewKey(); err != nil {
			return nil, nil, err
		}
	}
	guard, err = trust.NewGuard(key, o.TLS, trust.Rules{Secret: o.Secret, Secrets: o.Secrets, Allow: o.Allow, Admit: o.Admit})
	return guard, key, err
}
