package smoke

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/smokesignal-go/smokesignal/internal/callout"
	"github.com/smokesignal-go/smokesignal/internal/handshake"
	"github.com/smokesignal-go/smokesignal/trust"
)

// handshakeOptions returns the options that decide how links are secured.
func (o Options) handshakeOptions() handshake.Options {
	return handshake.Options{
		Address: o.Address, Listen: o.Listen, Advertise: o.Advertise,
		Key: o.Key, TLS: o.TLS, Secret: o.Secret, Secrets: o.Secrets, Allow: o.Allow, Admit: o.Admit,
		InsecurePlaintext: o.InsecurePlaintext, HasTransport: o.Transport != nil,
	}
}

func (o Options) validateSecurity(p *problems) {
	o.validateSecrets(p)
	if o.Key != nil && o.Key.ID().IsZero() {
		p.add("Key", "empty", "it is not a key", "make one with trust.NewKey, trust.LoadKey or `smoke key new`")
	}
	for n, id := range o.Allow {
		if id.IsZero() {
			p.add(fmt.Sprintf("Allow[%d]", n), id, "no node has the zero ID", "leave it out, or write the ID of a node")
		}
	}
	if o.Key != nil && o.TLS != nil {
		p.add("TLS", "set", "Key is set too, and a node has one certificate", "leave one of the two out")
	} else if o.TLS != nil {
		if _, err := trust.NewGuard(nil, o.TLS, trust.Rules{}); err != nil {
			p.add("TLS", "set", err.Error(), "set Certificates, RootCAs and ClientCAs")
		} else if o.TLS.RootCAs == nil || o.TLS.ClientCAs == nil {
			p.add("TLS", "set", "it names no authority, so every authority of the web would be trusted", "set RootCAs and ClientCAs to your own authority")
		}
	}
	if o.InsecurePlaintext && (o.Key != nil || o.TLS != nil || o.handshakeOptions().HasRules()) {
		p.add("InsecurePlaintext", true, "Key, TLS, Secret, Allow and Admit need links that are encrypted", "leave it out, or leave all of these out")
	}
	o.validateSigned(p)
	if !o.ID.IsZero() && o.handshakeOptions().IsEncrypted() {
		p.add("ID", o.ID, "links are encrypted, and then the id follows from the key", "leave it out, and set Key to a key that you keep")
	}
}

// validateSecrets checks Secret and Secrets. It puts no secret into a problem.
func (o Options) validateSecrets(p *problems) {
	check := func(field, secret string) {
		if trust.CheckSecret(secret) != nil {
			p.add(field, fmt.Sprintf("%d bytes", len(secret)), "it could be guessed", "write at least 16 random bytes in base64 or hexadecimal digits: `smoke key secret` makes some")
		}
	}
	if o.Secret != "" {
		check("Secret", o.Secret)
	}
	if len(o.Secrets) > trust.MaxSecrets {
		p.add("Secrets", fmt.Sprintf("%d secrets", len(o.Secrets)), fmt.Sprintf("at most %d can be valid at once", trust.MaxSecrets), "leave out those that no node uses any more")
		return
	}
	for i, secret := range o.Secrets {
		field := fmt.Sprintf("Secrets[%d]", i)
		check(field, secret)
		if before := slices.IndexFunc(o.Secrets[:i], func(s string) bool { return trust.IsSameSecret(s, secret) }); before >= 0 {
			p.add(field, fmt.Sprintf("%d bytes", len(secret)), fmt.Sprintf("it is the same as Secrets[%d]", before), "leave one of the two out")
		}
	}
	if o.Secret != "" && len(o.Secrets) > 0 && o.Secret != o.Secrets[0] {
		p.add("Secret", fmt.Sprintf("%d bytes", len(o.Secret)), "Secrets is set too, and begins with another one", "leave Secret out; the first of Secrets is the one that the node proves")
	}
}

// security returns how the links are secured, in words for the log.
func (n *Node) security() string {
	switch {
	case n.guard == nil && n.opts.Transport != nil:
		return "as the Transport makes them"
	case n.guard == nil && n.opts.handshakeOptions().IsLocal():
		return "plaintext, on this machine only"
	case n.guard == nil:
		return "PLAINTEXT"
	case n.opts.handshakeOptions().IsOpen():
		return "encrypted, open to strangers"
	}
	return "encrypted"
}

// protectAdmit wraps the program's rule so that a panic is recovered, a call that hangs
// is counted, and both are logged under the name Options.Admit. The rule runs on its own
// goroutine; package trust stops waiting for it when the handshake times out.
func (n *Node) protectAdmit(rule func(context.Context, trust.Candidate) error) func(context.Context, trust.Candidate) error {
	if rule == nil {
		return nil
	}
	return func(ctx context.Context, c trust.Candidate) error {
		o := callout.Of(ctx)
		if o == nil {
			return errors.New("the node is not running")
		}
		return o.Do(ctx, &callout.Call{Kind: callout.Admit, What: "Options.Admit(" + c.Remote + ")"}, func() error { return rule(ctx, c) })
	}
}
