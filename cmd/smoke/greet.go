package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/handshake"
	"github.com/smokesignal-go/smokesignal/internal/wire"
	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport"
	"github.com/smokesignal-go/smokesignal/transport/tcp"
	"github.com/smokesignal-go/smokesignal/trust"
)

// greeting is the information from a node's HELLO; zero fields are unknown.
type greeting struct {
	Addr      string  `json:"addr"` // the dialled address
	ID        string  `json:"id,omitempty"`
	Network   string  `json:"network"`
	Protocol  string  `json:"protocol,omitempty"`
	Encrypted bool    `json:"encrypted"`
	Told      string  `json:"advertised,omitempty"` // the advertised address
	Seen      string  `json:"seen,omitempty"`       // the address at which it sees us
	Connect   float64 `json:"connectSeconds,omitempty"`
	Greet     float64 `json:"greetSeconds,omitempty"` // from the connection to the node's HELLO, including the TLS handshake
}

// isAnswered reports whether a server accepted the connection.
func (g greeting) isAnswered() bool { return g.Connect > 0 }

// greeter makes handshakes like a dialling node with its options, and then stops. It sends
// no request after HELLO, so it becomes no neighbour, takes no place, and enters no address
// book.
type greeter struct {
	ends      handshake.Config // without a guard
	guard     *trust.Guard     // for links that are encrypted
	isSecure  bool             // links are encrypted
	anyLinks  bool             // either way is accepted; isSecure is what to try first
	transport transport.Transport
}

// newGreeter makes a greeter for a node with these options, which must be valid.
func newGreeter(o smoke.Options) (*greeter, error) {
	o = o.Canonical()
	secured := securityOf(o)
	guard, _, err := secured.MakeGuard()
	if err != nil {
		return nil, err
	}
	g := &greeter{
		ends:      handshake.Config{Network: o.Network},
		guard:     guard,
		isSecure:  secured.IsEncrypted(),
		transport: tcp.Transport{LocalIP: handshake.DialFrom(handshake.BindAddr(o.Address, o.Listen, 0))},
	}
	rand.Read(g.ends.Self.ID[:]) // never fails; for plaintext links
	return g, nil
}

// securityOf returns the options that decide how the links of a node are secured.
func securityOf(o smoke.Options) handshake.Options {
	return handshake.Options{
		Address: o.Address, Listen: o.Listen, Advertise: o.Advertise,
		Key: o.Key, TLS: o.TLS, Secret: o.Secret, Secrets: o.Secrets, Allow: o.Allow, Admit: o.Admit,
		InsecurePlaintext: o.InsecurePlaintext, HasTransport: o.Transport != nil,
	}
}

// greet makes a handshake with the node at an address, "ip:port". If it fails, it returns
// what it has learnt and an error.
func (g *greeter) greet(ctx context.Context, addr string) (greeting, error) {
	found, err := g.try(ctx, addr, g.isSecure)
	// A node with plaintext links answers so; an older one only hangs up.
	hungUp := g.isSecure && (errors.Is(err, handshake.ErrHungUp) || errors.Is(err, errPlaintext))
	if !hungUp && (!g.anyLinks || !errors.Is(err, errEncrypted)) {
		return found, err
	}
	other, otherErr := g.try(ctx, addr, !g.isSecure)
	switch {
	case hungUp && other.ID == "":
		return found, err
	case g.anyLinks:
		g.isSecure = !g.isSecure // also for the next handshake
		return other, otherErr
	}
	return other, errPlaintext
}

// Errors of a handshake if only one end encrypts its links, in the words of the command.
var (
	errEncrypted = errors.New("its links are encrypted, and those of this node are not")
	errPlaintext = errors.New("its links are plaintext, and those of this node are encrypted")
)

// try makes one handshake, encrypted or not.
func (g *greeter) try(ctx context.Context, addr string, isSecure bool) (found greeting, err error) {
	found.Addr, found.Encrypted = addr, isSecure
	start := time.Now()
	dialling, cancel := context.WithTimeout(ctx, handshake.Within)
	defer cancel()
	conn, err := g.transport.Dial(dialling, addr)
	if err != nil {
		return found, worded(handshake.DialFault(err))
	}
	defer conn.Close()
	connected := time.Now()
	found.Connect = connected.Sub(start).Seconds()
	ends := g.ends
	ends.Self.Epoch = uint64(start.UnixNano())
	if isSecure {
		ends.Guard, ends.Self.ID = g.guard, g.guard.ID()
	}
	link, err := handshake.Greet(ctx, &ends, conn, addr)
	if link.Hello != nil {
		found.learn(link.Hello, time.Since(connected))
	}
	return found, worded(err)
}

// learn stores the fields of a HELLO. A HELLO of another version has only the version.
func (g *greeting) learn(hello *wire.Hello, took time.Duration) {
	g.Greet = took.Seconds()
	g.Protocol = fmt.Sprintf("%d.%d", hello.Major, hello.Minor)
	if hello.Major == wire.Major {
		g.ID, g.Network, g.Told, g.Seen = hello.ID.String(), hello.Network, hello.Addr, hello.Seen
	}
}

// worded rewords an error of package handshake, so that it names no option of package
// smoke.
func worded(err error) error {
	var misfit *handshake.MisfitError
	switch {
	case errors.Is(err, handshake.ErrSpeaksTLS):
		return errEncrypted
	case errors.Is(err, handshake.ErrPlaintext):
		return errPlaintext
	case errors.As(err, &misfit) && misfit.Is == handshake.ErrOtherNetwork:
		return &networkError{misfit.Theirs, misfit.Ours}
	case err == handshake.ErrTimeout:
		return fmt.Errorf("%w within %v", err, handshake.Within)
	}
	return err
}

// networkError reports that a node belongs to another network.
type networkError struct{ theirs, ours string }

func (e *networkError) Error() string {
	return fmt.Sprintf("the node belongs to another network, %q and not %q", e.theirs, e.ours)
}

// fix returns what to change after a failed handshake.
func (g *greeter) fix(err error) string {
	var other *networkError
	switch {
	case errors.As(err, &other):
		return fmt.Sprintf("name its network: --network %s", quote(other.theirs))
	case errors.Is(err, errPlaintext):
		return "encrypt those of that node (--secret-file or --key), or leave these plaintext (--insecure-plaintext)"
	case errors.Is(err, errEncrypted):
		return "give this node what that one has: --secret-file or --key"
	case errors.Is(err, trust.ErrWrongSecret):
		return "give both the same secret: --secret-file, or SMOKE_SECRET"
	case handshake.IsCertificateFault(err):
		return "all nodes need certificates of one authority, for the address at which they are dialled: --tls"
	case errors.Is(err, smoke.ErrNotAdmitted):
		return "give this node the secret of that one (--secret-file), or have this node's id among those that it lets in (--key)"
	case errors.Is(err, smoke.ErrOtherVersion):
		return "use the same version of smokesignal on all nodes"
	case errors.Is(err, smoke.ErrNotSmokesignal), errors.Is(err, handshake.ErrHungUp):
		return "check the port"
	case errors.Is(err, handshake.ErrSilent):
		return "see whether the process there is stopped or hangs, and check the port"
	case errors.Is(err, smoke.ErrRefused):
		return "start the node there, or check the address and the port"
	case errors.Is(err, smoke.ErrTimeout):
		return "check that the machine is up, that the address is right, and that no firewall is between"
	}
	return ""
}
