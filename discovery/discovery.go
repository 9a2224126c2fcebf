// Package discovery resolves seeds: texts such as "192.168.2.100:8495", "chat:8495",
// "dns://chat:8495" or "srv://_chat._tcp.example.org" to addresses.
//
// A seed names a set of addresses, which can change while the program runs. So a node
// looks its seeds up again and again, and does not rely on an earlier result.
//
// [ParseSeed] checks the form of a seed without a network. A [Resolver] looks it up:
// [Static] knows addresses only, package dns asks DNS.
package discovery

import (
	"context"
	"errors"
	"fmt"
)

// Resolver looks seeds up. Any goroutine may call it.
type Resolver interface {
	// Lookup returns the addresses of a seed as "ip:port", sorted, each once. It returns
	// soon after ctx ends.
	//
	// If there is no address, Lookup returns an error. It can also return addresses
	// together with an error; the addresses are valid then, and the error describes
	// what is missing. The error is a [*SyntaxError] if the seed can never work, and a
	// [*LookupError] if a later look-up can succeed.
	Lookup(ctx context.Context, seed string) ([]string, error)
}

// MaxAddrs is the number of addresses that a node takes from one look-up. From more
// addresses it takes a random selection, and others at the next look-up.
const MaxAddrs = 512

// ErrEmpty means that the name exists and has no address.
var ErrEmpty = errors.New("the name has no address")

// LookupError reports that a seed could not be looked up, or only in part. A later
// look-up can succeed.
type LookupError struct {
	Seed   string
	Err    error
	Advice string // a remedy; may be empty
}

// Error implements error. The text has the seed, the cause and the advice.
func (e *LookupError) Error() string {
	text := fmt.Sprintf("look up seed %q: %v", e.Seed, e.Err)
	if e.Advice != "" {
		text += " (" + e.Advice + ")"
	}
	return text
}

// Unwrap returns the cause: [ErrEmpty], an error of the context, or a *net.DNSError.
func (e *LookupError) Unwrap() error { return e.Err }

// Timeout reports whether no answer came in time.
func (e *LookupError) Timeout() bool {
	if errors.Is(e.Err, context.DeadlineExceeded) {
		return true
	}
	late, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](e.Err)
	return ok && late.Timeout()
}

// Static resolves seeds that are addresses, and "localhost", which it resolves to
// 127.0.0.1. It uses no network. For other names it returns a *[LookupError]. Any
// goroutine may call it.
type Static struct{}

var _ Resolver = Static{}

// errNeedsAsking is the reason why Static has no address for a name.
var errNeedsAsking = errors.New("this is a name, and only addresses are resolved here")

// Lookup implements [Resolver].
func (Static) Lookup(_ context.Context, seed string) ([]string, error) {
	s, err := ParseSeed(seed)
	if err != nil {
		return nil, err
	}
	if addr, ok := s.Addr(); ok {
		return []string{addr}, nil
	}
	return nil, &LookupError{Seed: seed, Err: errNeedsAsking, Advice: "use a resolver that asks DNS, or write an IP address"}
}
