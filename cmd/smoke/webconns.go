package main

import (
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/files"
	"github.com/smokesignal-go/smokesignal/internal/handshake"
)

// The bounds of a server of the command. A browser opens six connections to a host. The numbers
// are guesses.
const (
	mostWebConns = 64 // and at most an eighth of the descriptors of the process
	mostOfSource = 8  // from one host; this machine may have half of all

	webHeaderTimeout = 5 * time.Second
	webReadTimeout   = 10 * time.Second
	webWriteTimeout  = 30 * time.Second // for an answer; a stream has a deadline for each write
	webIdleTimeout   = 10 * time.Second
	webHeaderBytes   = 16 << 10
)

// newServer returns a server for a page that clients of other machines may reach. The
// clients can use only a bounded number of descriptors, for a bounded time, so that enough
// are left for the node.
func newServer(h http.Handler) *http.Server {
	conns := &webConns{most: files.Share(mostWebConns, 8)}
	return &http.Server{
		Handler: h, ConnState: conns.changed,
		ReadHeaderTimeout: webHeaderTimeout, ReadTimeout: webReadTimeout, WriteTimeout: webWriteTimeout,
		IdleTimeout: webIdleTimeout, MaxHeaderBytes: webHeaderBytes,
	}
}

// webConns are the open connections of a server. If there are too many, in total or from
// one host, the connection that has been idle for longest is closed, or the newest one if
// none is idle.
type webConns struct {
	most int

	mu   sync.Mutex // guards open
	open []webConn  // the idle ones in the order in which they became idle
}

type webConn struct {
	conn net.Conn
	host string
	idle bool
}

// changed is the server's ConnState.
func (w *webConns) changed(conn net.Conn, state http.ConnState) {
	w.mu.Lock()
	defer w.mu.Unlock()
	host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		host = conn.RemoteAddr().String()
	}
	known := slices.ContainsFunc(w.open, func(c webConn) bool { return c.conn == conn })
	w.open = slices.DeleteFunc(w.open, func(c webConn) bool { return c.conn == conn })
	switch state {
	case http.StateNew:
		w.open = append(w.open, webConn{conn, host, false})
		w.limit(host)
	case http.StateActive, http.StateIdle:
		if known { // it may have been closed meanwhile
			w.open = append(w.open, webConn{conn, host, state == http.StateIdle})
		}
	}
}

// limit closes a connection if a host, or all hosts, have too many. The caller holds mu.
func (w *webConns) limit(host string) {
	of, quota := func(c webConn) bool { return c.host == host }, min(mostOfSource, w.most)
	if handshake.IsLoopback(net.JoinHostPort(host, "0")) {
		quota = max(1, w.most/2)
	}
	n := 0
	for _, c := range w.open {
		if of(c) {
			n++
		}
	}
	switch {
	case n > quota:
	case len(w.open) > w.most:
		of = func(webConn) bool { return true }
	default:
		return
	}
	at := slices.IndexFunc(w.open, func(c webConn) bool { return of(c) && c.idle })
	if at < 0 {
		at = len(w.open) - 1
	}
	w.open[at].conn.Close()
	w.open = slices.Delete(w.open, at, at+1)
}
