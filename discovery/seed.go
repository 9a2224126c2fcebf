package discovery

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Scheme is how a seed is looked up.
type Scheme string

const (
	Plain Scheme = ""    // an address, or a name whose addresses are the seeds
	DNS   Scheme = "dns" // the same, explicitly
	SRV   Scheme = "srv" // a name whose SRV records have hosts and ports
)

// Seed is a parsed seed. [ParseSeed] returns it.
type Seed struct {
	Scheme Scheme
	Host   string     // a name, without scheme and port; empty if IP is set
	IP     netip.Addr // set if the seed has an address
	Port   uint16     // 1 to 65535; 0 for SRV, where each record has the port
}

// String returns the seed in a form that [ParseSeed] accepts.
func (s Seed) String() string {
	host := s.Host
	if s.IP.IsValid() {
		host = s.IP.String()
	}
	if s.Scheme == SRV {
		return "srv://" + host
	}
	addr := net.JoinHostPort(host, strconv.Itoa(int(s.Port)))
	if s.Scheme == Plain {
		return addr
	}
	return string(s.Scheme) + "://" + addr
}

// Addr returns "ip:port" if no look-up is needed: for an IP address, and for "localhost",
// which is 127.0.0.1. For a node that listens on ::1 only, write "[::1]:port".
func (s Seed) Addr() (addr string, ok bool) {
	ip := s.IP
	if s.Scheme != SRV && strings.EqualFold(strings.TrimSuffix(s.Host, "."), "localhost") {
		ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	if !ip.IsValid() {
		return "", false
	}
	return netip.AddrPortFrom(ip, s.Port).String(), true
}

// SyntaxError reports that a text is not a seed.
type SyntaxError struct {
	Seed string
	Why  string
	Fix  string // what to write instead
}

// Error implements error. The text has the seed, the problem and what to write instead.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("seed %q: %s; %s", e.Seed, e.Why, e.Fix)
}

// forms lists the forms of a seed, for error texts.
const forms = `write "192.168.2.100:8495", "[fd00::1]:8495", "chat.example.org:8495", "dns://chat:8495" or "srv://_chat._tcp.example.org"`

// maxSeed limits the length of a text that is parsed. A name has at most 253 characters
// (RFC 1035, section 2.3.4), and scheme and port are added to it.
const maxSeed = 300

// ParseSeed parses a seed. It uses no network. An error is a [*SyntaxError].
func ParseSeed(text string) (Seed, error) {
	fail := func(why, fix string) (Seed, error) {
		if len(text) > maxSeed {
			text = text[:maxSeed] + "…"
		}
		return Seed{}, &SyntaxError{Seed: text, Why: why, Fix: fix}
	}
	switch {
	case text == "":
		return fail("it is empty", forms)
	case len(text) > maxSeed:
		return fail("it is longer than any name can be", forms)
	case strings.TrimSpace(text) != text:
		return fail("there is white space around it", "leave it out")
	}

	s := Seed{}
	rest := text
	if scheme, after, found := strings.Cut(text, "://"); found {
		s.Scheme, rest = Scheme(strings.ToLower(scheme)), after
		if s.Scheme != DNS && s.Scheme != SRV {
			return fail(fmt.Sprintf("%q is not a known scheme", scheme+"://"), forms)
		}
	}
	if s.Scheme == SRV {
		if strings.ContainsAny(rest, ":/") {
			return fail("SRV records have the hosts and ports", `write "srv://_service._proto.name" and nothing more`)
		}
		if why := badName(rest); why != "" {
			return fail(why, `write "srv://_service._proto.name"`)
		}
		s.Host = rest
		return s, nil
	}

	host, port, err := net.SplitHostPort(rest)
	if err != nil {
		return fail(splitProblem(rest, err), forms)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 || port[0] == '+' {
		return fail(fmt.Sprintf("%q is not a port", port), "write a number from 1 to 65535, the one that the seed listens on")
	}
	s.Port = uint16(number)
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap()
		if ip.IsUnspecified() || ip.IsMulticast() {
			return fail(fmt.Sprintf("%s is not the address of a machine", ip), "write the address at which other nodes reach the seed")
		}
		if strings.HasPrefix(rest, "[") && !strings.Contains(host, ":") {
			return fail("brackets are for IPv6 addresses", forms)
		}
		if why := badZone(ip.Zone()); why != "" {
			return fail(why, "write the name of an interface of this machine after the %")
		}
		if !ip.IsLinkLocalUnicast() {
			ip = ip.WithZone("") // only a link-local address needs a zone
		}
		s.IP = ip
		return s, nil
	}
	if strings.HasPrefix(rest, "[") {
		return fail("brackets are for IPv6 addresses", forms)
	}
	if why := badName(host); why != "" {
		return fail(why, forms)
	}
	s.Host = host
	return s, nil
}

// badZone returns why a text is not a zone of an IPv6 address, or "" if it is one or is
// empty.
func badZone(zone string) string {
	for _, c := range []byte(zone) {
		if !isNameByte(c) && c != '.' {
			return fmt.Sprintf("the name of an interface can't have %q in it", c)
		}
	}
	return ""
}

// splitProblem returns why text can't be split into host and port.
func splitProblem(text string, err error) string {
	if ip, parseErr := netip.ParseAddr(strings.Trim(text, "[]")); parseErr == nil && ip.Is6() && !strings.HasPrefix(text, "[") {
		return "an IPv6 address must be in brackets, and a port must follow"
	}
	if problem, ok := err.(*net.AddrError); ok {
		if strings.HasPrefix(problem.Err, "missing port") {
			return "the port is missing"
		}
		return problem.Err
	}
	return err.Error()
}

// badName returns why a text is not a host name, or "" if it is one. The rules are those
// of RFC 1123, section 2.1. Underscores are allowed too, because names of services and of
// containers have them.
func badName(name string) string {
	name = strings.TrimSuffix(name, ".")
	if name == "" {
		return "the host is missing"
	}
	if len(name) > 253 {
		return "the name is longer than 253 characters"
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if label == "" {
			return "the name has an empty part between two dots"
		}
		if len(label) > 63 {
			return fmt.Sprintf("the part %q of the name is longer than 63 characters", label)
		}
		for _, c := range label {
			if c > 127 {
				return fmt.Sprintf("a name in DNS can't have %q in it (write its xn-- form)", c)
			}
			if !isNameByte(byte(c)) {
				return fmt.Sprintf("a name can't have %q in it", c)
			}
		}
	}
	if last := labels[len(labels)-1]; strings.Trim(last, "0123456789") == "" {
		return "it looks like an IP address and is not one"
	}
	return ""
}

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}
