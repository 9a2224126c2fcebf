package main

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/smokesignal-go/smokesignal/dashboard"
	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport"
)

// web is a page that a command serves.
type web struct {
	addr   string
	server *http.Server
	ended  chan error
}

// serveWeb serves a handler below mount until close.
func serveWeb(addr string, h http.Handler) (*web, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		if transport.IsAddrInUse(err) {
			return nil, fmt.Errorf("--http: %w; name another one: --http %s, or port 0", err, nextPort(addr))
		}
		return nil, fmt.Errorf("--http: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle(mount, h)
	mux.Handle("GET /{$}", http.RedirectHandler(mount, http.StatusFound))
	w := &web{addr: listener.Addr().String(), ended: make(chan error, 1)}
	w.server = &http.Server{Handler: ownName(listener.Addr(), mux), ReadHeaderTimeout: 5 * time.Second}
	go func() { w.ended <- w.server.Serve(listener) }() // close ends it and waits
	return w, nil
}

// nextPort is the address with the port after the one in it.
func nextPort(addr string) string {
	if host, port, err := net.SplitHostPort(addr); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err == nil && n < math.MaxUint16 {
			return net.JoinHostPort(host, fmt.Sprint(n+1))
		}
	}
	return "127.0.0.1:8497"
}

// url is where a person of this machine opens it.
func (w *web) url() string {
	if ap, err := netip.ParseAddrPort(w.addr); err == nil && ap.Addr().IsUnspecified() {
		return fmt.Sprintf("http://127.0.0.1:%d%s", ap.Port(), mount)
	}
	return "http://" + w.addr + mount
}

// close ends the page, with what is under way.
func (w *web) close() error {
	err := w.server.Close()
	if e := <-w.ended; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}

// ownName refuses, on the loopback, requests under any name but the machine's own: a
// page from elsewhere could have given its name our address, and read along
// (DNS rebinding).
func ownName(at net.Addr, h http.Handler) http.Handler {
	ap, err := netip.ParseAddrPort(at.String())
	if err != nil || !ap.Addr().IsLoopback() {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if host != "localhost" && (err != nil || !ip.IsLoopback()) {
			http.Error(w, "this page is for this machine: open it as http://"+at.String()+mount, http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// openDashboard serves the dashboard of a node, where --http asks for it.
func (r *resident) openDashboard(node *smoke.Node) (*web, error) {
	if r.http == "" {
		return nil, nil
	}
	var o dashboard.Options
	if r.tokenFile != "" {
		text, err := os.ReadFile(r.tokenFile)
		if err != nil {
			return nil, usageError{err}
		}
		if o.Token = strings.TrimSpace(string(text)); o.Token == "" {
			return nil, usageError{fmt.Errorf("--http-token-file %s is empty: smoke key secret makes something to put there", r.tokenFile)}
		}
	}
	return serveWeb(r.http, dashboard.NewWith(node, o))
}
