// Package discovery turns seeds into addresses.
//
// A seed is what a program is configured with: "192.168.2.100:8495",
// "chat:8495" or "dns://chat:8495", "srv://_chat._tcp.example.org". It names a
// *set* of addresses, which changes while the program runs, so a node looks its
// seeds up again and again and never keeps a result for good.
//
// [ParseSeed] checks the form of a seed without asking anybody. A [Resolver]
// does the asking: [Static] here knows addresses only, package dns asks DNS.
package discovery

import (
	"context"
	"errors"
	"fmt"
)

// A Resolver looks seeds up. It may be used by many goroutines.
type Resolver interface {
	// Lookup gives the addresses of a seed as "ip:port", sorted, each once.
	//
	// No address is always an error. An error may also come beside addresses:
	// these are good, and the error says what is missing. It is a
	// [*SyntaxError] where the seed can never work, and a [*LookupError] where
	// it may work next time. Lookup returns soon after ctx ends.
	Lookup(ctx context.Context, seed string) ([]string, error)
}

// MaxAddrs is how many addresses a node takes of one answer; of more it takes some by
// chance, and others at the next look-up.
const MaxAddrs = 512

// ErrEmpty means that the name is known and has no address.
var ErrEmpty = errors.New("the name has no address")

// LookupError says that a seed could not be looked up, or only in part.
type LookupError struct {
	Seed   string
	Err    error
	Advice string // what may be done about it; may be empty
}

// Error names the seed, the cause and the advice.
func (e *LookupError) Error() string {
	text := fmt.Sprintf("look up seed %q: %v", e.Seed, e.Err)
	if e.Advice != "" {
		text += " (" + e.Advice + ")"
	}
	return text
}

// Unwrap gives the cause: [ErrEmpty], an error of the context, a *net.DNSError.
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

// Static resolves seeds that are addresses already, and "localhost", which it
// takes for 127.0.0.1. It asks nobody. It may be used by many goroutines.
type Static struct{}

var _ Resolver = Static{}

// errNeedsAsking is why Static has no address for a name.
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
