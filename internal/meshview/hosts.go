package meshview

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// AnyHost among the names that [Guard] gets lets in requests under all names.
const AnyHost = "*"

// Guard refuses requests under a name that is not one of the server's own. A page from
// elsewhere could have given its name the server's address, and read along (DNS
// rebinding). Addresses need no check, since a browser does not take them for a name of
// another site; localhost and names below it stay on the machine (RFC 6761, section 6.3).
// own returns the other names that are the server's; it runs for each request. A request
// that came through no server, as in a test of a handler, is not refused if own returns
// no name that was set on purpose: see [Names].
//
// Probes are answered under all names, with less to read: load balancers ask under names
// of their own.
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

// codeOnly keeps the body of an answer.
type codeOnly struct{ http.ResponseWriter }

func (codeOnly) Write(b []byte) (int, error) { return len(b), nil }

// Names are those of a server.
type Names struct {
	Node []string // of the node, with ports or without
	More []string // set on purpose
}

// has reports whether a request came under one of these names.
func (n Names) has(r *http.Request) bool {
	if len(n.More) == 0 && r.Context().Value(http.LocalAddrContextKey) == nil {
		return true // through no server
	}
	name := hostName(r.Host)
	if _, err := netip.ParseAddr(name); err == nil || name == "" { // HTTP/1.0 has none, and browsers do not speak it
		return true
	}
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	is := func(own string) bool { return own == AnyHost || hostName(own) == name }
	return slices.ContainsFunc(n.Node, is) || slices.ContainsFunc(n.More, is)
}

// hostName is the host of "host", "host:port" or "[v6]:port", in the form in which names
// are compared.
func hostName(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
