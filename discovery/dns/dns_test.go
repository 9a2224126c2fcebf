package dns_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/discovery"
	"github.com/smokesignal-go/smokesignal/discovery/dns"
)

// zone is a DNS server that answers from this table. A name without an entry does not
// exist. A name with the address of silence is never answered.
type zone struct {
	hosts map[string][]string
	srv   map[string][]*net.SRV
}

const silence = "silence"

func (z zone) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	texts, known := z.hosts[host]
	switch {
	case network != "ip":
		return nil, errors.New("asked for one family of addresses only")
	case !known:
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	case slices.Contains(texts, silence):
		<-ctx.Done()
		return nil, &net.DNSError{Err: ctx.Err().Error(), Name: host, IsTimeout: errors.Is(ctx.Err(), context.DeadlineExceeded), UnwrapErr: ctx.Err()}
	}
	var ips []netip.Addr
	for _, text := range texts {
		ips = append(ips, netip.MustParseAddr(text))
	}
	return ips, nil
}

func (z zone) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	records, known := z.srv[name]
	if service != "" || proto != "" || !known {
		return "", nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return name, records, nil
}

func TestASeedIsASetOfAddresses(t *testing.T) {
	r := dns.Resolver{Server: zone{
		hosts: map[string][]string{
			"chat":  {"fd00::2", "10.0.0.9", "::ffff:10.0.0.3", "10.0.0.9", "0.0.0.0"},
			"pod-0": {"10.1.0.1"},
			"pod-1": {"10.1.0.2", "10.1.0.3"},
		},
		srv: map[string][]*net.SRV{
			"_chat._tcp.example.org": {{Target: "pod-1", Port: 8496}, {Target: "pod-0", Port: 8495, Priority: 9}, {Target: ".", Port: 1}},
		},
	}}
	for seed, want := range map[string]string{
		"chat:8495":                    "10.0.0.3:8495 10.0.0.9:8495 [fd00::2]:8495",
		"dns://chat:8495":              "10.0.0.3:8495 10.0.0.9:8495 [fd00::2]:8495",
		"srv://_chat._tcp.example.org": "10.1.0.1:8495 10.1.0.2:8496 10.1.0.3:8496",
		"10.9.9.9:1":                   "10.9.9.9:1",
		"localhost:1":                  "127.0.0.1:1",
	} {
		got, err := r.Lookup(t.Context(), seed)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: got %v, %v; want %s", seed, got, err, want)
		}
	}
}

func TestWhatChangesIsSeen(t *testing.T) {
	z := zone{hosts: map[string][]string{"chat": {}}}
	r := dns.Resolver{Server: z}
	if got, err := r.Lookup(t.Context(), "chat:1"); got != nil || !errors.Is(err, discovery.ErrEmpty) {
		t.Fatalf("got %v, %v; want that the name is empty", got, err)
	}
	z.hosts["chat"] = []string{"10.0.0.1"}
	if got, err := r.Lookup(t.Context(), "chat:1"); err != nil || len(got) != 1 {
		t.Fatalf("got %v, %v", got, err)
	}
	delete(z.hosts, "chat")
	_, err := r.Lookup(t.Context(), "chat:1")
	if problem, ok := errors.AsType[*discovery.LookupError](err); !ok || problem.Seed != "chat:1" || problem.Timeout() {
		t.Fatalf("got %v", err)
	} else if !strings.Contains(err.Error(), "spelt right") {
		t.Errorf("no advice in %q", err)
	}
}

func TestHostsThatFailDoNotHideTheOthers(t *testing.T) {
	r := dns.Resolver{Server: zone{
		hosts: map[string][]string{"up": {"10.0.0.1"}},
		srv:   map[string][]*net.SRV{"_a._tcp.b": {{Target: "gone", Port: 1}, {Target: "up", Port: 2}}},
	}}
	got, err := r.Lookup(t.Context(), "srv://_a._tcp.b")
	if !slices.Equal(got, []string{"10.0.0.1:2"}) {
		t.Errorf("got %v", got)
	}
	if err == nil || !strings.Contains(err.Error(), "host gone") {
		t.Errorf("what is missing is not told: %v", err)
	}
	if _, err = r.Lookup(t.Context(), "srv://_not._there.b"); err == nil {
		t.Error("no records are success")
	}
}

func TestALookupEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := zone{
			hosts: map[string][]string{"slow": {silence}},
			srv:   map[string][]*net.SRV{"slow": {{Target: "slow", Port: 1}, {Target: "slow", Port: 2}}},
		}
		for _, test := range []struct {
			seed  string
			r     dns.Resolver
			limit time.Duration // the caller's
			took  time.Duration
		}{
			{"slow:1", dns.Resolver{Server: z}, time.Hour, dns.Timeout},
			{"srv://slow", dns.Resolver{Server: z}, time.Hour, dns.Timeout},
			{"slow:1", dns.Resolver{Server: z, Timeout: time.Minute}, time.Hour, time.Minute},
			{"slow:1", dns.Resolver{Server: z}, time.Second, time.Second},
		} {
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), test.limit)
			_, err := test.r.Lookup(ctx, test.seed)
			cancel()
			problem, ok := errors.AsType[*discovery.LookupError](err)
			if !ok || !problem.Timeout() || !strings.Contains(err.Error(), "does not answer") {
				t.Errorf("%s: got %v", test.seed, err)
			}
			if took := time.Since(start); took != test.took {
				t.Errorf("%s: took %v, want %v", test.seed, took, test.took)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := dns.Resolver{Server: z}.Lookup(ctx, "slow:1")
		if !errors.Is(err, context.Canceled) {
			t.Errorf("called off: %v", err)
		}
	})
}

func TestBadSeedsAreNotAskedFor(t *testing.T) {
	_, err := dns.Resolver{Server: zone{}}.Lookup(t.Context(), "chat")
	if _, ok := errors.AsType[*discovery.SyntaxError](err); !ok {
		t.Errorf("got %v", err)
	}
}

// The zero value asks the system's resolver, which can't reach a server in this test.
func TestTheSystemIsAskedByDefault(t *testing.T) {
	errCut := errors.New("no network in this test")
	before := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = before })
	net.DefaultResolver = &net.Resolver{
		PreferGo: true,
		Dial:     func(context.Context, string, string) (net.Conn, error) { return nil, errCut },
	}
	_, err := dns.Resolver{}.Lookup(t.Context(), "name.example:1")
	if _, ok := errors.AsType[*discovery.LookupError](err); !ok || !strings.Contains(err.Error(), errCut.Error()) {
		t.Errorf("got %v", err)
	}
}
