// Package dns looks seeds up in DNS.
//
//	chat.example.org:8495           all addresses of the name, each with the port
//	dns://chat:8495                 the same; in Kubernetes, a headless service
//	srv://_chat._tcp.example.org    all addresses of all hosts that the SRV records name
//	192.168.2.100:8495              this address, without a query
//
// It asks the system's resolver, which uses its search list. It caches nothing: each
// look-up must show what has changed since the last one.
package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/discovery"
)

// Timeout is the time limit of one Lookup if the Resolver sets none: 3 s, a guess. A node
// has other seeds, and looks up again soon. The resolver of the system would try for 10 s
// and more.
const Timeout = 3 * time.Second

// maxTargets limits how many hosts of SRV records are looked up. A guess: more than a
// network has seeds.
const maxTargets = 64

// Server answers DNS queries. *[net.Resolver] is one. Any goroutine may call it.
type Server interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

// Resolver looks seeds up in DNS. The zero value is ready for use. Its fields must not
// change while it is in use. Any goroutine may call Lookup.
type Resolver struct {
	Server  Server        // nil means net.DefaultResolver
	Timeout time.Duration // for a whole Lookup; zero or less means [Timeout]
}

var _ discovery.Resolver = Resolver{}

// Lookup implements [discovery.Resolver].
func (r Resolver) Lookup(ctx context.Context, seed string) ([]string, error) {
	s, err := discovery.ParseSeed(seed)
	if err != nil {
		return nil, err
	}
	if addr, ok := s.Addr(); ok {
		return []string{addr}, nil
	}
	timeout := r.Timeout
	if timeout <= 0 {
		timeout = Timeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	var found []netip.AddrPort
	if s.Scheme == discovery.SRV {
		found, err = r.targets(ctx, s.Host)
	} else {
		found, err = r.addresses(ctx, s.Host, s.Port)
	}
	if err == nil && len(found) == 0 {
		err = discovery.ErrEmpty
	}
	if err != nil {
		err = &discovery.LookupError{Seed: seed, Err: err, Advice: advice(err)}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].Compare(found[j]) < 0 })
	var texts []string
	for _, addr := range slices.Compact(found) {
		texts = append(texts, addr.String())
	}
	return texts, err
}

// addresses returns the A and AAAA records of a name.
func (r Resolver) addresses(ctx context.Context, host string, port uint16) ([]netip.AddrPort, error) {
	ips, err := r.server().LookupNetIP(ctx, "ip", host)
	var found []netip.AddrPort
	for _, ip := range ips {
		// A DNS server that filters names answers 0.0.0.0 for a blocked one.
		if ip = ip.Unmap(); ip.IsValid() && !ip.IsUnspecified() && !ip.IsMulticast() {
			found = append(found, netip.AddrPortFrom(ip, port))
		}
	}
	return found, err
}

// targets returns the addresses of all hosts that SRV records name. It ignores priorities
// and weights, because every host is a seed. If one host can't be resolved, the others
// are still returned.
func (r Resolver) targets(ctx context.Context, name string) ([]netip.AddrPort, error) {
	_, records, err := r.server().LookupSRV(ctx, "", "", name)
	var found []netip.AddrPort
	problems := []error{err} // LookupSRV may return valid records together with an error
	records = slices.DeleteFunc(records, func(r *net.SRV) bool {
		return r.Target == "." || r.Port == 0 // "the service is decidedly not available", RFC 2782
	})
	records = records[:min(len(records), maxTargets)]
	// If no server answers for a host, its look-up takes all the time that is left. So
	// each host has a goroutine. Lookup waits for all of them; they end with ctx.
	answers := make([][]netip.AddrPort, len(records))
	errs := make([]error, len(records))
	var asking sync.WaitGroup
	for i, record := range records {
		asking.Go(func() { answers[i], errs[i] = r.addresses(ctx, record.Target, record.Port) })
	}
	asking.Wait()
	for i, record := range records {
		if errs[i] != nil {
			problems = append(problems, fmt.Errorf("host %s: %w", record.Target, errs[i]))
		}
		found = append(found, answers[i]...)
	}
	return found, errors.Join(problems...)
}

func (r Resolver) server() Server {
	if r.Server == nil {
		return net.DefaultResolver
	}
	return r.Server
}

// advice returns what may help against err, or "".
func advice(err error) string {
	problem, isDNS := errors.AsType[*net.DNSError](err)
	switch {
	case errors.Is(err, discovery.ErrEmpty):
		return "in a cluster: does any instance run, and is it ready?"
	case errors.Is(err, context.Canceled):
		return ""
	case errors.Is(err, context.DeadlineExceeded), isDNS && problem.IsTimeout:
		return "the DNS server does not answer: is the network up, and is the right server configured?"
	case isDNS && problem.IsNotFound:
		return "is the name spelt right, and does this machine's DNS server know it?"
	}
	return ""
}
