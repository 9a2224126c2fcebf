package meshview

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// AnyHost, as one of the names that [Guard] permits, permits all names.
const AnyHost = "*"

// Guard refuses requests under a host name that is not one of the server's. A page
// elsewhere could point its own name at the server's address and read the answers (DNS
// rebinding). IP addresses need no check, because a browser treats them as a different
// site. localhost and names below it stay on the machine (RFC 6761, section 6.3). own
// returns the server's other names; Guard calls it for each request. A request that came
// through no server, as in a test of a handler, is refused only if names were set
// explicitly: see [Names].
//
// Probes are answered under all names, because load balancers use their own names. Under a
// name that is not the server's, the answer has no body.
func Guard(h http.Handler, own func() Names) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if names := own(); !names.has(r) {
			switch {
			case strings.HasSuffix(r.URL.Path, "/livez"):
			case strings.HasSuffix(r.URL.Path, "/readyz"):
				w = codeOnly{w}
			default:
				writeText(w, http.StatusMisdirectedRequest,
					"this page is not served under the name in the address: open it by an IP address or as localhost, or let the name in: --http-host of smoke node, Hosts of dashboard.Options")
				return
			}
		}
		h.ServeHTTP(w, r)
	})
}

// codeOnly drops the body of an answer.
type codeOnly struct{ http.ResponseWriter }

func (codeOnly) Write(b []byte) (int, error) { return len(b), nil }

// Names are the host names of a server.
type Names struct {
	Node []string // of the node, with or without ports
	More []string // set explicitly
}

// has reports whether a request uses one of these names.
func (n Names) has(r *http.Request) bool {
	if len(n.More) == 0 && r.Context().Value(http.LocalAddrContextKey) == nil {
		return true // the request came through no server
	}
	name := hostName(r.Host)
	if _, err := netip.ParseAddr(name); err == nil || name == "" { // HTTP/1.0 has no Host, and browsers do not use it
		return true
	}
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	is := func(own string) bool { return own == AnyHost || hostName(own) == name }
	return slices.ContainsFunc(n.Node, is) || slices.ContainsFunc(n.More, is)
}

// hostName returns the host of "host", "host:port" or "[v6]:port", in the form in which
// names are compared.
func hostName(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
