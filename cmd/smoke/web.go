package main

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/smokesignal-go/smokesignal/dashboard"
	"github.com/smokesignal-go/smokesignal/internal/exposition"
	"github.com/smokesignal-go/smokesignal/internal/files"
	"github.com/smokesignal-go/smokesignal/internal/meshview"
	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport"
)

// web is an HTTP server of a command.
type web struct {
	addr   string
	server *http.Server
	ended  chan error
}

// serveWeb serves a page below the path mount, under the host names of this machine, until
// close is called.
func serveWeb(addr string, h http.Handler) (*web, error) {
	return serveAt("http", addr, meshview.Guard(pages(h), func() meshview.Names { return meshview.Names{} }))
}

// pages returns a handler that serves a page below the path mount.
func pages(h http.Handler) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle(mount, h)
	mux.Handle("GET /{$}", http.RedirectHandler(mount, http.StatusFound))
	return mux
}

// serveAt serves a handler until close is called. flag is the name of the flag that sets
// the address.
func serveAt(flag, addr string, h http.Handler) (*web, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		if transport.IsAddrInUse(err) {
			return nil, fmt.Errorf("--%s: %w; name another one: --%s %s, or port 0", flag, err, flag, nextPort(addr))
		}
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	w := &web{addr: listener.Addr().String(), ended: make(chan error, 1)}
	w.server = newServer(h)
	go func() { w.ended <- w.server.Serve(listener) }() // close ends this goroutine and waits for it
	return w, nil
}

// nextPort returns the address with the next port.
func nextPort(addr string) string {
	if host, port, err := net.SplitHostPort(addr); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err == nil && n < math.MaxUint16 {
			return net.JoinHostPort(host, fmt.Sprint(n+1))
		}
	}
	return "127.0.0.1:8497"
}

// url returns the address for a browser on this machine.
func (w *web) url() string {
	if ap, err := netip.ParseAddrPort(w.addr); err == nil && ap.Addr().IsUnspecified() {
		return fmt.Sprintf("http://127.0.0.1:%d%s", ap.Port(), mount)
	}
	return "http://" + w.addr + mount
}

// close ends the server and its requests.
func (w *web) close() error {
	err := w.server.Close()
	if e := <-w.ended; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}

// openPages starts the servers of --http and --metrics. The caller must close the returned
// servers, also on an error.
func (r *resident) openPages(node *smoke.Node) (page, figures *web, err error) {
	names := func() meshview.Names {
		o := node.Options()
		return meshview.Names{Node: []string{o.Address, o.Listen, o.Advertise, node.Advertised()}, More: r.hosts}
	}
	look, err := r.dashboard(node)
	if err != nil {
		return nil, nil, err
	}
	numbers := exposition.Handler(node)
	if r.http != "" {
		mux := pages(look)
		mux.Handle("GET /metrics", numbers)
		if page, err = serveAt("http", r.http, meshview.Guard(mux, names)); err != nil {
			return nil, nil, err
		}
	}
	if r.metrics != "" {
		// Scrapers reach this server from other machines, so it shows no contents of
		// events.
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", numbers)
		for _, probe := range []string{"livez", "readyz"} {
			mux.Handle("GET "+mount+probe, look)
		}
		figures, err = serveAt("metrics", r.metrics, mux)
	}
	return page, figures, err
}

// dashboard returns the handler of a node's page.
func (r *resident) dashboard(node *smoke.Node) (http.Handler, error) {
	o := dashboard.Options{Hosts: r.hosts}
	if r.tokenFile != "" {
		text, err := files.Read(r.tokenFile, mostSecrets)
		if err != nil {
			return nil, usageError{err}
		}
		if o.Token = strings.TrimSpace(string(text)); o.Token == "" {
			return nil, usageError{fmt.Errorf("--http-token-file %s is empty: smoke key secret makes a token", r.tokenFile)}
		}
	}
	return dashboard.NewWith(node, o), nil
}
