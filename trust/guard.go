// Package trust makes links secure, and says who is let in.
//
// A link is TLS 1.3, with a certificate at both ends. By default a certificate is
// self-signed and says nothing but the node's ed25519 key; the node's id follows
// from that key, so an id can't be stolen, and who listens in or changes bytes on
// the way has no chance. That alone tells nobody apart from a stranger: for that
// there are [Rules]. Dates in such certificates mean nothing, so a wrong clock
// shuts nobody out.
//
// With a tls.Config of one's own the certificates are those of one's own
// authority, and verified as crypto/tls does it; the id follows from the public
// key in the certificate, whatever kind it is.
package trust

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// protocol is what both ends agree on in the handshake (ALPN): the name and the
// major version of what follows.
const protocol = protocolFamily + "1"

const protocolFamily = "smokesignal/"

// exportLabel names what a proof is bound to: RFC 8446, section 7.5.
const exportLabel = "EXPORTER-smokesignal-secret"

// protocolAlert is what TLS says to who does not speak it: a record with the fatal
// alert protocol_version (RFC 8446, sections 5.1 and 6).
var protocolAlert = []byte{0x15, 0x03, 0x03, 0, 2, 2, 70}

// mostAsked is for how many candidates Admit may run at once; see [Rules].
const mostAsked = 128

// longestCertificate that a node shows, in bytes. Ours have some 300.
const longestCertificate = 2 << 10

// What a handshake can fail with, beside what crypto/tls says.
var (
	// ErrPlaintext: the other end does not speak TLS.
	ErrPlaintext = errors.New("the other end's links are not encrypted, and this node's are")
	// ErrProtocol: the other end speaks TLS, and within it another protocol.
	ErrProtocol = errors.New("the other end speaks another protocol")
	// ErrOtherMajor: it speaks another major version of this one.
	ErrOtherMajor = errors.New("the other end speaks another version of the protocol")
	// ErrCertificate: the other end's certificate is none that a node has.
	ErrCertificate = errors.New("the other end's certificate is not that of a node")
)

// What a candidate can be refused for, beside what a rule of one's own says.
var (
	ErrWrongSecret = errors.New("it does not know the secret")
	ErrNotListed   = errors.New("its id is not on the list of those let in")
	ErrNotItsID    = errors.New("the id that it says is not that of its key")
	// ErrAdmitLate: Admit did not answer while somebody waited for it.
	ErrAdmitLate = errors.New("the rule Admit has not answered in time")
	// ErrAdmitBusy: Admit was not asked.
	ErrAdmitBusy = fmt.Errorf("the rule Admit has not returned from %d other calls: it hangs", mostAsked)
)

// Candidate is a node that wants to link up, or that was dialled. All but Network
// and Addr are proven.
type Candidate struct {
	ID          ident.ID
	Remote      string            // the address at the other end of the connection
	Dialled     bool              // by us
	Certificate *x509.Certificate // its own; of the key that ID follows from
	Network     string            // as it says
	Addr        string            // where it says that it can be dialled; may be empty
}

// Rules say who is let in. All of them must agree. The zero Rules let in everybody
// who has a key, which anybody can make.
type Rules struct {
	// Secret is known to all nodes of the network, and to nobody else. See
	// [NewSecret].
	Secret string
	// Secrets are several that are valid at once, [MaxSecrets] at most, so that a secret
	// can be replaced while the network runs. Any of them lets in. The first one is what
	// this node proves to a node that it dials; to one that has dialled, it proves the
	// secret that that one has shown. A Secret that is set too is the first; it may be
	// in the list as its first.
	Secrets []string
	// Allow are the ids that are let in; empty: all.
	Allow []ident.ID
	// Admit is a rule of one's own: nil lets the candidate in. It is called from
	// many goroutines, for links that we dialled and for those that we accept. What
	// it says is for our log: the candidate learns only that it was refused.
	//
	// ctx ends when nobody waits for the answer any more: with the greeting, three
	// seconds after the connection came about, or when the node stops. The candidate
	// is not let in then, and Admit had better return. While it runs for 128
	// candidates, waited for or not, others are refused without being asked about:
	// that is twice as many as a node greets at once, so that it takes an Admit that
	// hangs.
	Admit func(ctx context.Context, c Candidate) error
}

// Guard secures the connections of one node. It may be used by many goroutines.
type Guard struct {
	id             ident.ID
	rules          Rules
	secrets        [][]byte // the one to prove first
	allow          map[ident.ID]struct{}
	server, client *tls.Config
	asking         chan struct{} // holds one for each call of Admit that has not returned
}

// NewGuard makes a guard of a node's key, or else of its own TLS configuration, which
// needs a certificate and the authorities to trust: RootCAs for who is dialled,
// ClientCAs for who dials. What matters for the safety of links is set over it:
// TLS 1.3, a certificate of both ends, no resumption.
func NewGuard(key *Key, own *tls.Config, rules Rules) (*Guard, error) {
	g := &Guard{rules: rules, asking: make(chan struct{}, mostAsked)}
	g.allow = make(map[ident.ID]struct{}, len(rules.Allow))
	for _, id := range rules.Allow {
		g.allow[id] = struct{}{}
	}
	var err error
	if g.secrets, err = rules.secrets(); err != nil {
		return nil, err
	}
	if own != nil {
		return g, g.useOwn(own)
	}
	if key == nil || key.id.IsZero() {
		return nil, errors.New("there is no key: make one with NewKey")
	}
	certificate, err := key.certificate()
	if err != nil {
		return nil, err
	}
	g.id = key.ID()
	g.server = &tls.Config{
		Certificates: []tls.Certificate{certificate},
		ClientAuth:   tls.RequireAnyClientCert,
		// Unlike VerifyPeerCertificate it would run on resumption too.
		VerifyConnection: verifyOwn,
	}
	g.client = &tls.Config{
		Certificates:       []tls.Certificate{certificate},
		InsecureSkipVerify: true, // of names and dates, which mean nothing here; verifyOwn does what matters
		VerifyConnection:   verifyOwn,
	}
	harden(g.server)
	harden(g.client)
	return g, nil
}

// harden sets what no configuration may change.
func harden(c *tls.Config) {
	c.MinVersion = tls.VersionTLS13
	c.NextProtos = []string{protocol}
	c.SessionTicketsDisabled = true
	c.ClientSessionCache = nil
	c.DynamicRecordSizingDisabled = true // frames are written many at a time
}

func (g *Guard) useOwn(own *tls.Config) error {
	if len(own.Certificates) == 0 {
		return errors.New("the TLS configuration has no certificate: both ends of a link show one")
	}
	switch {
	case len(own.Certificates[0].Certificate) == 0:
		return errors.New("the certificate of the TLS configuration is empty")
	case own.GetConfigForClient != nil:
		return errors.New("GetConfigForClient would take the place of all that makes links safe: use GetCertificate and GetClientCertificate")
	case own.InsecureSkipVerify:
		return errors.New("with InsecureSkipVerify anybody could pose as the node that is dialled")
	}
	leaf, err := x509.ParseCertificate(own.Certificates[0].Certificate[0])
	if err != nil {
		return fmt.Errorf("the certificate of the TLS configuration: %w", err)
	}
	g.id = idOf(leaf)
	g.server, g.client = own.Clone(), own.Clone()
	g.server.ClientAuth = tls.RequireAndVerifyClientCert
	for _, c := range []*tls.Config{g.server, g.client} {
		verify := c.VerifyConnection
		c.VerifyConnection = func(state tls.ConnectionState) error {
			if state.NegotiatedProtocol != protocol {
				return errOtherProtocol(state)
			}
			if verify != nil {
				return verify(state)
			}
			return nil
		}
		harden(c)
	}
	return nil
}

// certificate makes the one certificate of a key. Its dates span all of time.
func (k *Key) certificate() (tls.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: k.id.String()},
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // RFC 5280, section 4.1.2.5: no end
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k.private)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: k.private}, nil
}

// verifyOwn takes one certificate, of an ed25519 key that has signed it. That the
// other end has the key, the handshake shows by itself.
func verifyOwn(state tls.ConnectionState) error {
	if state.NegotiatedProtocol != protocol {
		return errOtherProtocol(state)
	}
	if n := len(state.PeerCertificates); n != 1 {
		return fmt.Errorf("%w: it shows %d of them", ErrCertificate, n)
	}
	c := state.PeerCertificates[0]
	if n := len(c.Raw); n > longestCertificate {
		return fmt.Errorf("%w: it is %d bytes long", ErrCertificate, n)
	}
	if _, ok := c.PublicKey.(ed25519.PublicKey); !ok {
		return fmt.Errorf("%w: its key is a %T", ErrCertificate, c.PublicKey)
	}
	if err := c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature); err != nil {
		return fmt.Errorf("%w: it is not signed by its own key", ErrCertificate)
	}
	return nil
}

func errOtherProtocol(state tls.ConnectionState) error {
	err := ErrProtocol
	if strings.HasPrefix(state.NegotiatedProtocol, protocolFamily) {
		err = ErrOtherMajor
	}
	return fmt.Errorf("%w: %q, and this node %q", err, state.NegotiatedProtocol, protocol)
}

// idOf is the id of who has the key of a certificate.
func idOf(c *x509.Certificate) ident.ID {
	if key, ok := c.PublicKey.(ed25519.PublicKey); ok {
		return ident.FromKey(key)
	}
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return ident.ID(sum[:ident.Size])
}

// ID is the node's id, as the others will see it.
func (g *Guard) ID() ident.ID { return g.id }

// Secure makes a connection secure: it returns when both ends have shown that they
// have the keys of their certificates. Whether the other end is let in, [Guard.Admit]
// says. addr is what was dialled; "" for a connection that was accepted. The end of
// ctx, or a deadline of the connection, ends the handshake; the caller closes the
// connection then. For writes after the handshake that deadline does not hold: set it
// again on what Secure returns.
func (g *Guard) Secure(ctx context.Context, raw net.Conn, addr string) (*Conn, error) {
	below := newWire(raw)
	c := &Conn{wire: below, dialled: addr != ""}
	if c.dialled {
		config := g.client
		if !config.InsecureSkipVerify && config.ServerName == "" {
			config = config.Clone()
			config.ServerName = hostOf(addr)
		}
		c.Conn = tls.Client(below, config)
	} else {
		c.Conn = tls.Server(below, g.server)
	}
	if err := c.HandshakeContext(ctx); err != nil {
		var other tls.RecordHeaderError
		if errors.As(err, &other) {
			if !c.dialled {
				raw.Write(protocolAlert) // so that it knows whom it talks to; in vain, if it has hung up
			}
			err = fmt.Errorf("%w (%w)", ErrPlaintext, err)
		}
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	state := c.ConnectionState()
	if len(state.PeerCertificates) == 0 {
		return nil, fmt.Errorf("TLS handshake: %w: there is none", ErrCertificate)
	}
	c.certificate = state.PeerCertificates[0]
	c.peer = idOf(c.certificate)
	exported, err := state.ExportKeyingMaterial(exportLabel, nil, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	c.exported = exported
	below.greeted()
	return c, nil
}

// hostOf returns the host of an address as a certificate names it: without a zone.
func hostOf(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().WithZone("").String()
	}
	return host
}

// Proof is what this end of a connection shows of a secret; nil where there is none. At
// the end that accepted, call it after [Guard.Admit], so that it is of the secret that
// the other end has shown, and thus knows.
func (g *Guard) Proof(c *Conn) []byte {
	if len(g.secrets) == 0 {
		return nil
	}
	return prove(g.secrets[c.shown], c.exported, c.dialled, g.id, c.peer)
}

// knows reports whether a proof is of one of the secrets, and notes of which. It takes
// as long whichever that is.
func (g *Guard) knows(c *Conn, proof []byte) bool {
	found := false
	for i, secret := range g.secrets {
		if hmac.Equal(proof, prove(secret, c.exported, !c.dialled, c.peer, g.id)) {
			c.shown, found = i, true
		}
	}
	return found
}

// Admit says whether the other end of a connection is let in: nil, or why not. claim
// is the id that it says; network and addr are what else it says of itself. It returns
// when ctx ends, whatever [Rules].Admit does.
func (g *Guard) Admit(ctx context.Context, c *Conn, claim ident.ID, proof []byte, network, addr string) error {
	if claim != c.peer {
		return fmt.Errorf("%w: it says %s, and its key makes it %s", ErrNotItsID, claim.Short(), c.peer.Short())
	}
	if len(g.secrets) > 0 && !g.knows(c, proof) {
		return ErrWrongSecret
	}
	if err := g.CheckAllowed(c); err != nil {
		return err
	}
	return g.ask(ctx, Candidate{
		ID: c.peer, Remote: c.RemoteAddr().String(), Dialled: c.dialled,
		Certificate: c.certificate, Network: network, Addr: addr,
	})
}

// CheckAllowed says whether the other end is on the list of those let in: nil, or why not.
// That is known before anything was said.
func (g *Guard) CheckAllowed(c *Conn) error {
	if _, listed := g.allow[c.peer]; len(g.allow) > 0 && !listed {
		return fmt.Errorf("%w: %s", ErrNotListed, c.peer)
	}
	return nil
}

// ask asks the rule of one's own. Where it panics, or ends its goroutine, nobody is let
// in.
func (g *Guard) ask(ctx context.Context, c Candidate) error {
	if g.rules.Admit == nil {
		return nil
	}
	select {
	case g.asking <- struct{}{}:
	default:
		return ErrAdmitBusy
	}
	answer := make(chan error, 1)
	// The rule owns it, and ends it by returning. Nobody waits for that longer than
	// ctx: a program's function can't be made to end.
	go func() {
		err := errors.New("the rule Admit has ended its goroutine")
		defer func() {
			if value := recover(); value != nil {
				err = fmt.Errorf("the rule Admit panicked: %v", value)
			}
			<-g.asking
			answer <- err
		}()
		err = g.rules.Admit(ctx, c)
	}()
	select {
	case err := <-answer:
		if err != nil || ctx.Err() == nil {
			return err
		}
	case <-ctx.Done():
	}
	return fmt.Errorf("%w: %w", ErrAdmitLate, ctx.Err())
}
