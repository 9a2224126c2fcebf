// Package trust secures links and decides which nodes are admitted.
//
// A link uses TLS 1.3 with a certificate at both ends. By default a certificate is
// self-signed and contains only the node's ed25519 key. The node's ID is a hash of that
// key, so an ID cannot be stolen, and an attacker on the path can neither read nor
// change bytes. This does not distinguish members from strangers; [Rules] do. Dates in
// such certificates are ignored, so a wrong clock excludes no node.
//
// With its own tls.Config, a network uses certificates of its own authority. crypto/tls
// verifies these. The ID is a hash of the public key in the certificate, of any key
// type.
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
	"sync/atomic"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// protocol is what both ends agree on in the handshake (ALPN): the protocol's name and
// its major version.
const protocol = protocolFamily + "1"

const protocolFamily = "smokesignal/"

// exportLabel names the keying material that binds a proof to its connection: RFC 8446,
// section 7.5.
const exportLabel = "EXPORTER-smokesignal-secret"

// protocolAlert is sent to a peer that does not speak TLS: a record with the fatal
// alert protocol_version (RFC 8446, sections 5.1 and 6).
var protocolAlert = []byte{0x15, 0x03, 0x03, 0, 2, 2, 70}

// mostHanging bounds the calls of Admit that run although their context has ended; see
// [Rules].
const mostHanging = 128

// longestCertificate bounds the certificate of a peer, in bytes. A node's own has about
// 300.
const longestCertificate = 2 << 10

// Errors of a handshake, in addition to those of crypto/tls.
var (
	// ErrPlaintext: the other end does not speak TLS.
	ErrPlaintext = errors.New("the other end's links are not encrypted, and this node's are")
	// ErrProtocol: the other end speaks TLS, and within it another protocol.
	ErrProtocol = errors.New("the other end speaks another protocol")
	// ErrOtherMajor: the other end speaks another major version of this protocol.
	ErrOtherMajor = errors.New("the other end speaks another version of the protocol")
	// ErrCertificate: the other end's certificate is not one that a node makes.
	ErrCertificate = errors.New("the other end's certificate is not that of a node")
)

// Reasons for which a candidate is refused, in addition to errors of Rules.Admit.
var (
	ErrWrongSecret = errors.New("it does not know the secret")
	ErrNotListed   = errors.New("its id is not on the list of admitted nodes")
	ErrNotItsID    = errors.New("the id that it claims is not that of its key")
	// ErrAdmitLate: Admit did not return before the context of the call ended.
	ErrAdmitLate = errors.New("the rule Admit has not answered in time")
	// ErrAdmitBusy: Admit was not called, because too many calls of it hang.
	ErrAdmitBusy = fmt.Errorf("the rule Admit has not returned from %d other calls: it hangs", mostHanging)
)

// Candidate is a node that dials this node or was dialled by it. All fields except
// Network and Addr are proven.
type Candidate struct {
	ID          ident.ID
	Remote      string            // the address at the other end of the connection
	Dialled     bool              // this node dialled
	Certificate *x509.Certificate // the candidate's own; ID is a hash of its key
	Network     string            // as the candidate claims
	Addr        string            // the address that the candidate advertises; may be empty
}

// Rules decide which nodes are admitted. All of them must agree. The zero Rules admit
// every node that has a key, and anyone can make a key.
type Rules struct {
	// Secret is a secret that exactly the nodes of the network share. See [NewSecret].
	Secret string
	// Secrets are several secrets that are valid at the same time, at most
	// [MaxSecrets], so that a secret can be replaced while the network runs. A node
	// that proves any of them is admitted. This node proves the first one to nodes that
	// it dials. To a node that dials it, it proves the secret that the other node has
	// proven. If Secret is set too, it counts as the first; it may also be the first of
	// the list.
	Secrets []string
	// Allow are the IDs that are admitted; empty: all.
	Allow []ident.ID
	// Admit is an additional rule of the program: nil admits the candidate. It is
	// called from many goroutines, for dialled and accepted links. Its error appears
	// only in this node's log; the candidate learns only that it was refused.
	//
	// ctx ends when the answer is no longer needed: with the handshake, three seconds after
	// the connection was made, or when the node stops. The candidate is then refused, and
	// Admit should return. While 128 calls are running whose ctx has ended, further
	// candidates are refused without a call. Of the calls whose ctx has not ended, at most
	// 1024 run at once, one for each handshake of the node.
	Admit func(ctx context.Context, c Candidate) error
}

// Guard secures the connections of one node. Any goroutine may use it.
type Guard struct {
	id             ident.ID
	rules          Rules
	secrets        [][]byte // the one to prove first comes first
	allow          map[ident.ID]struct{}
	server, client *tls.Config
	hanging        atomic.Int64 // calls of Admit that run although their context has ended
}

// NewGuard makes a guard from a node's key, or from the network's own TLS
// configuration. The latter needs a certificate and the trusted authorities: RootCAs
// for nodes that are dialled, ClientCAs for nodes that dial. NewGuard overrides the
// settings on which the security of links depends: TLS 1.3, a certificate at both ends,
// no resumption.
func NewGuard(key *Key, own *tls.Config, rules Rules) (*Guard, error) {
	g := &Guard{rules: rules}
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
		// Unlike VerifyPeerCertificate, VerifyConnection also runs on resumption.
		VerifyConnection: verifyOwn,
	}
	g.client = &tls.Config{
		Certificates:       []tls.Certificate{certificate},
		InsecureSkipVerify: true, // of names and dates, which mean nothing here; verifyOwn checks the rest
		VerifyConnection:   verifyOwn,
	}
	harden(g.server)
	harden(g.client)
	return g, nil
}

// harden overrides the settings on which the security of links depends.
func harden(c *tls.Config) {
	c.MinVersion = tls.VersionTLS13
	c.NextProtos = []string{protocol}
	c.SessionTicketsDisabled = true
	c.ClientSessionCache = nil
	c.DynamicRecordSizingDisabled = true // one write holds many frames
}

func (g *Guard) useOwn(own *tls.Config) error {
	if len(own.Certificates) == 0 {
		return errors.New("the TLS configuration has no certificate: both ends of a link need one")
	}
	switch {
	case len(own.Certificates[0].Certificate) == 0:
		return errors.New("the certificate of the TLS configuration is empty")
	case own.GetConfigForClient != nil:
		return errors.New("GetConfigForClient would replace all settings that make links secure: use GetCertificate and GetClientCertificate")
	case own.InsecureSkipVerify:
		return errors.New("with InsecureSkipVerify any machine could impersonate the dialled node")
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

// certificate makes the certificate of a key. It is valid forever.
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

// verifyOwn accepts exactly one certificate, self-signed with an ed25519 key. The
// handshake itself proves that the other end has the private key.
func verifyOwn(state tls.ConnectionState) error {
	if state.NegotiatedProtocol != protocol {
		return errOtherProtocol(state)
	}
	if n := len(state.PeerCertificates); n != 1 {
		return fmt.Errorf("%w: it sends %d of them", ErrCertificate, n)
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

// idOf returns the ID of the node that has the key of a certificate.
func idOf(c *x509.Certificate) ident.ID {
	if key, ok := c.PublicKey.(ed25519.PublicKey); ok {
		return ident.FromKey(key)
	}
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return ident.ID(sum[:ident.Size])
}

// ID returns the node's ID, as other nodes see it.
func (g *Guard) ID() ident.ID { return g.id }

// Secure performs the TLS handshake. It returns when both ends have proven that they
// have the keys of their certificates. Whether the other end is admitted is decided by
// [Guard.Admit]. addr is the dialled address, or "" for an accepted connection. If ctx
// ends, or a deadline of raw passes, the handshake fails, and the caller must close
// raw. That deadline does not apply to writes after the handshake: set it again on the
// result.
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
				raw.Write(protocolAlert) // so that the peer learns which protocol this is; fails if the peer has hung up
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

// Proof returns this end's proof of a secret, or nil if there is no secret. The
// accepting end must call it after [Guard.Admit], so that it proves the secret that the
// other end has proven and therefore knows.
func (g *Guard) Proof(c *Conn) []byte {
	if len(g.secrets) == 0 {
		return nil
	}
	return prove(g.secrets[c.shown], c.exported, c.dialled, g.id, c.peer)
}

// knows reports whether a proof is of one of the secrets, and stores which one. Its
// running time does not depend on which.
func (g *Guard) knows(c *Conn, proof []byte) bool {
	found := false
	for i, secret := range g.secrets {
		if hmac.Equal(proof, prove(secret, c.exported, !c.dialled, c.peer, g.id)) {
			c.shown, found = i, true
		}
	}
	return found
}

// Admit decides whether the other end of a connection is admitted: it returns nil, or
// the reason for the refusal. claim is the ID that the other end claims; network and
// addr are its other claims. Admit returns when ctx ends, even if [Rules].Admit has not
// returned.
func (g *Guard) Admit(ctx context.Context, c *Conn, claim ident.ID, proof []byte, network, addr string) error {
	if claim != c.peer {
		return fmt.Errorf("%w: it claims %s, and its key has %s", ErrNotItsID, claim.Short(), c.peer.Short())
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

// CheckAllowed returns nil if the other end is in Rules.Allow, or the reason for the
// refusal. It needs only the other end's certificate.
func (g *Guard) CheckAllowed(c *Conn) error {
	if _, listed := g.allow[c.peer]; len(g.allow) > 0 && !listed {
		return fmt.Errorf("%w: %s", ErrNotListed, c.peer)
	}
	return nil
}

// ask calls the rule Rules.Admit. If it panics or ends its goroutine, the candidate is
// refused.
func (g *Guard) ask(ctx context.Context, c Candidate) error {
	if g.rules.Admit == nil {
		return nil
	}
	if g.hanging.Load() >= mostHanging {
		return ErrAdmitBusy
	}
	answer := make(chan error, 1)
	const running, late, returned = 0, 1, 2
	var state atomic.Int32
	// The rule owns this goroutine and ends it by returning. ask waits for it until ctx
	// ends, because a program's function cannot be stopped.
	go func() {
		err := errors.New("the rule Admit has ended its goroutine")
		defer func() {
			if value := recover(); value != nil {
				err = fmt.Errorf("the rule Admit panicked: %v", value)
			}
			if state.Swap(returned) == late {
				g.hanging.Add(-1)
			}
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
		if state.CompareAndSwap(running, late) {
			g.hanging.Add(1)
		}
	}
	return fmt.Errorf("%w: %w", ErrAdmitLate, ctx.Err())
}
