package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/wire"
	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport"
	"github.com/smokesignal-go/smokesignal/transport/tcp"
	"github.com/smokesignal-go/smokesignal/trust"
)

// greetWithin is how long a node may take to answer, as in package smoke.
const greetWithin = 3 * time.Second

// greeting is what a node has said of itself; what is zero it has not said.
type greeting struct {
	Addr      string  `json:"addr"` // that was dialled
	ID        string  `json:"id,omitempty"`
	Network   string  `json:"network"`
	Protocol  string  `json:"protocol,omitempty"`
	Encrypted bool    `json:"encrypted"`
	Told      string  `json:"advertised,omitempty"` // where others are to dial it
	Seen      string  `json:"seen,omitempty"`       // the address at which it sees us
	Connect   float64 `json:"connectSeconds,omitempty"`
	Greet     float64 `json:"greetSeconds,omitempty"` // from then to its HELLO, the handshake of TLS included
}

// isAnswered reports whether anything at all is there.
func (g greeting) isAnswered() bool { return g.Connect > 0 }

// greeter greets nodes as one with its options would that dials them, and goes no
// further: it asks for nothing after HELLO, so it is nobody's neighbour, takes
// nobody's place, and is in no address book.
type greeter struct {
	network    string
	anyNetwork bool // will do
	isSecure   bool // links are encrypted
	anyLinks   bool // otherwise will do too; isSecure is what to try first
	id         smoke.ID
	guard      *trust.Guard
	transport  transport.Transport
}

// newGreeter makes one for a node with these options, which are valid.
func newGreeter(o smoke.Options) (*greeter, error) {
	o = o.Canonical()
	key := o.Key
	var err error
	if key == nil && o.TLS == nil {
		if key, err = trust.NewKey(); err != nil {
			return nil, err
		}
	}
	guard, err := trust.NewGuard(key, o.TLS, trust.Rules{Secret: o.Secret, Secrets: o.Secrets})
	if err != nil {
		return nil, err
	}
	g := &greeter{network: o.Network, isSecure: isSecure(o), guard: guard, transport: tcp.Transport{LocalIP: dialFrom(o)}}
	rand.Read(g.id[:]) // never fails; for plaintext links
	return g, nil
}

// isSecure reports whether the links of a node with these options are encrypted:
// see smoke.Options.
func isSecure(o smoke.Options) bool {
	if o.InsecurePlaintext || o.Key != nil || o.TLS != nil || o.Secret != "" || len(o.Secrets) > 0 {
		return !o.InsecurePlaintext
	}
	for _, addr := range []string{o.Address, o.Listen, o.Advertise} {
		if addr != "" && !isLoopback(hostOf(addr)) {
			return true
		}
	}
	return false
}

// dialFrom is the address that dials of such a node come from; "": the system's
// choice.
func dialFrom(o smoke.Options) string {
	host := hostOf(o.Listen)
	if o.Listen == "" {
		host = o.Address
	}
	if ip, err := netip.ParseAddr(host); err == nil && !ip.IsUnspecified() && !ip.IsLoopback() {
		return host
	}
	return ""
}

// greet greets who is at an address, "ip:port". With an error it still gives what
// was learnt.
func (g *greeter) greet(ctx context.Context, addr string) (greeting, error) {
	found, err := g.try(ctx, addr, g.isSecure)
	// As a node does whose links are plaintext; an older one only hangs up.
	hungUp := g.isSecure && (errors.Is(err, errHungUp) || errors.Is(err, errPlaintext))
	if !hungUp && (!g.anyLinks || !errors.Is(err, errEncrypted)) {
		return found, err
	}
	other, otherErr := g.try(ctx, addr, !g.isSecure)
	switch {
	case hungUp && other.ID == "":
		return found, err
	case g.anyLinks:
		g.isSecure = !g.isSecure // the next time too
		return other, otherErr
	}
	return other, errPlaintext
}

// What can be wrong with a greeting, beside what package smoke has words for.
var (
	errSilent    = fmt.Errorf("%w: it took the connection, and said nothing within %v", smoke.ErrTimeout, greetWithin)
	errHungUp    = errors.New("it hung up instead of greeting")
	errEncrypted = errors.New("its links are encrypted, and those of this node are not")
	errPlaintext = errors.New("its links are plaintext, and those of this node are encrypted")
)

// try greets in one way.
func (g *greeter) try(ctx context.Context, addr string, isSecure bool) (found greeting, err error) {
	ctx, cancel := context.WithTimeout(ctx, greetWithin)
	defer cancel()
	found.Addr, found.Encrypted = addr, isSecure
	start := time.Now()
	conn, err := g.transport.Dial(ctx, addr)
	if err != nil {
		return found, dialFault(err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	connected := time.Now()
	found.Connect = connected.Sub(start).Seconds()
	hello := &wire.Hello{Major: wire.Major, Minor: wire.Minor, Network: g.network, ID: g.id, Epoch: uint64(start.UnixNano()), Seen: addr}
	var safe *trust.Conn
	if isSecure {
		if safe, err = g.guard.Secure(ctx, conn, addr); err != nil {
			return found, fault(ctx, err)
		}
		conn, hello.ID, hello.Proof = safe, g.guard.ID(), string(g.guard.Proof(safe))
	}
	theirs, err := exchange(conn, hello)
	if err != nil {
		return found, fault(ctx, err)
	}
	found.Greet = time.Since(connected).Seconds()
	found.Protocol = fmt.Sprintf("%d.%d", theirs.Major, theirs.Minor)
	if theirs.Major != wire.Major {
		return found, fmt.Errorf("%w: it speaks protocol %d, and this one %d", smoke.ErrOtherVersion, theirs.Major, wire.Major)
	}
	found.ID, found.Network, found.Told, found.Seen = theirs.ID.String(), theirs.Network, theirs.Addr, theirs.Seen
	if safe != nil {
		if err := g.guard.Admit(ctx, safe, theirs.ID, []byte(theirs.Proof), theirs.Network, theirs.Addr); err != nil {
			return found, fmt.Errorf("%w: %w", smoke.ErrNotAdmitted, err)
		}
	}
	if theirs.Network != g.network && !g.anyNetwork {
		return found, &networkError{theirs.Network, g.network}
	}
	return found, nil
}

// networkError says that a node is of another network.
type networkError struct{ theirs, ours string }

func (e *networkError) Error() string {
	return fmt.Sprintf("the node belongs to another network, %q and not %q", e.theirs, e.ours)
}

// exchange says HELLO and hears the other one.
func exchange(conn net.Conn, ours *wire.Hello) (*wire.Hello, error) {
	var encoder wire.Encoder
	frame, err := encoder.Append(nil, ours)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(frame); err != nil {
		return nil, err
	}
	var decoder wire.Decoder
	buf := make([]byte, 0, wire.MaxHello+4) // the most that a HELLO takes, with its length
	for {
		m, n, err := decoder.Next(buf)
		switch m := m.(type) {
		case *wire.Hello:
			return m, nil
		case *wire.Refuse:
			if m.Code == wire.RefuseStranger {
				return nil, fmt.Errorf("%w by the node there; its log says why", smoke.ErrNotAdmitted)
			}
			return nil, fmt.Errorf("%w: %v %.100q", smoke.ErrRefused, m.Code, m.Text)
		}
		switch {
		case err != nil && len(buf) >= 2 && (buf[0] == 0x15 || buf[0] == 0x16) && buf[1] == 0x03: // RFC 8446, section 5.1
			return nil, errEncrypted
		case err != nil, n > 0, len(buf) == cap(buf):
			return nil, fmt.Errorf("%w: it said %.32q", smoke.ErrNotSmokesignal, buf)
		}
		n, err = conn.Read(buf[len(buf):cap(buf)])
		if buf = buf[:len(buf)+n]; n == 0 && err != nil {
			return nil, err
		}
	}
}

// dialFault says why there is no connection.
func dialFault(err error) error {
	switch {
	case transport.IsRefused(err):
		return fmt.Errorf("%w: nothing listens there", smoke.ErrRefused)
	case transport.IsTimeout(err):
		return fmt.Errorf("%w within %v", smoke.ErrTimeout, greetWithin)
	}
	return err
}

// fault says why there is no greeting on a connection.
func fault(ctx context.Context, err error) error {
	var header tls.RecordHeaderError
	switch {
	case errors.As(err, &header) && !wire.MayOpen(header.RecordHeader[:]):
		return fmt.Errorf("%w: it said %.5q", smoke.ErrNotSmokesignal, header.RecordHeader[:])
	case errors.Is(err, trust.ErrPlaintext):
		return errPlaintext
	case errors.Is(err, trust.ErrProtocol):
		return fmt.Errorf("%w: %w", smoke.ErrNotSmokesignal, err)
	case transport.IsTimeout(err), errors.Is(ctx.Err(), context.DeadlineExceeded):
		return errSilent
	case errors.Is(err, io.EOF), transport.IsReset(err):
		return errHungUp
	}
	return err
}

// fix says what to change about a greeting that failed.
func (g *greeter) fix(err error) string {
	var other *networkError
	var host x509.HostnameError
	var certificate x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var alert *net.OpError
	switch {
	case errors.As(err, &other):
		return fmt.Sprintf("name its network: --network %s", quote(other.theirs))
	case errors.Is(err, errPlaintext):
		return "encrypt those of that node (--secret-file or --key), or leave these plaintext (--insecure-plaintext)"
	case errors.Is(err, errEncrypted):
		return "give this node what that one has: --secret-file or --key"
	case errors.Is(err, trust.ErrWrongSecret):
		return "give both the same secret: --secret-file, or SMOKE_SECRET"
	case errors.Is(err, smoke.ErrNotAdmitted):
		return "give this node the secret of that one (--secret-file), or have this node's id among those that it lets in (--key)"
	case errors.Is(err, smoke.ErrOtherVersion):
		return "use the same version of smokesignal on all nodes"
	case errors.Is(err, smoke.ErrNotSmokesignal), errors.Is(err, errHungUp):
		return "check the port"
	case errors.Is(err, errSilent):
		return "see whether the process there is stopped or hangs, and check the port"
	case errors.As(err, &host), errors.As(err, &certificate), errors.As(err, &invalid), errors.As(err, &alert) && alert.Op == "remote error":
		return "all nodes need certificates of one authority, for the address at which they are dialled: --tls"
	case errors.Is(err, smoke.ErrRefused):
		return "start the node there, or check the address and the port"
	case errors.Is(err, smoke.ErrTimeout):
		return "check that the machine is up, that the address is right, and that no firewall is between"
	}
	return ""
}

// isLoopback reports whether a host is this machine only.
func isLoopback(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	return name == "localhost" || strings.HasSuffix(name, ".localhost") // RFC 6761, section 6.3
}
