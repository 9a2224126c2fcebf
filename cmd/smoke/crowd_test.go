package main

import (
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/dashboard"
	"github.com/smokesignal-go/smokesignal/smoke"
)

// A client keeps hundreds of connections open after an answer. A server of the command holds
// a limited number, so that the node keeps its descriptors, and the page still answers.
func TestIdleClientsTakeFewDescriptors(t *testing.T) {
	w, err := serveAt("http", "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "yes") }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.close() })
	var conns []net.Conn
	for range 300 {
		conn, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		conns = append(conns, conn)
	}
	open := 0
	for _, conn := range conns {
		conn.SetDeadline(time.Now().Add(20 * time.Millisecond))
		for buf := make([]byte, 4096); ; {
			if _, err := conn.Read(buf); err != nil {
				if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
					open++
				}
				break
			}
		}
	}
	if open > 64 {
		t.Errorf("%d of 300 idle connections are open", open)
	}
	if w.server.IdleTimeout <= 0 || w.server.ReadTimeout <= 0 || w.server.WriteTimeout < 0 {
		t.Errorf("idle %v, read %v: the server has no timeout", w.server.IdleTimeout, w.server.ReadTimeout)
	}
	answer, err := http.Get("http://" + w.addr)
	if err != nil {
		t.Fatal("the page does not answer any more:", err)
	}
	answer.Body.Close()
}

// oneConn is a listener with one connection.
type oneConn struct{ conns chan net.Conn }

func (l oneConn) Accept() (net.Conn, error) {
	if conn, ok := <-l.conns; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}
func (l oneConn) Close() error   { return nil }
func (l oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// keptOpen serves one connection in virtual time. It sends a text, and returns how long the server
// kept the connection open, up to five minutes.
func keptOpen(t *testing.T, h http.Handler, text string) (took time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		listener := oneConn{make(chan net.Conn, 1)}
		listener.conns <- server
		s := newServer(h)
		go s.Serve(listener) // ends with the listener
		start := time.Now()
		go io.WriteString(client, text) // the server may not read all of it
		client.SetReadDeadline(start.Add(5 * time.Minute))
		io.Copy(io.Discard, client)
		took = time.Since(start)
		client.Close()
		close(listener.conns)
		s.Close()
		time.Sleep(10 * time.Minute) // until the page ends its surveys
	})
	return took
}

// Slow and idle clients lose their connection. The page's stream has no end.
func TestSlowClientsLoseTheirConnection(t *testing.T) {
	page := dashboard.New(smoke.CreateNode(smoke.Options{Network: "crowd test"}))
	for _, c := range []struct {
		name, text string
		within     time.Duration
	}{
		{"silent", "", webHeaderTimeout},
		{"a slow header", "GET / HTTP/1.1\r\nHost: loc", webHeaderTimeout},
		{"a slow body", "PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nslow", webReadTimeout + time.Second},
		{"idle after an answer", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", webIdleTimeout + time.Second},
	} {
		if took := keptOpen(t, page, c.text); took > c.within {
			t.Errorf("%s: open for %v, want at most %v", c.name, took, c.within)
		}
	}
	if took := keptOpen(t, page, "GET /debug/smoke/api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n"); took < 5*time.Minute {
		t.Errorf("the stream ended after %v", took)
	}
}

// A host may have eight connections, whatever the other hosts have. Above that, it loses an
// idle connection first.
func TestAHostHasAFewConnections(t *testing.T) {
	w := &webConns{most: 20}
	closed := 0
	add := func(host string, n int, state http.ConnState) {
		for range n {
			c := &hostConn{nil, host, &closed}
			w.changed(c, http.StateNew)
			w.changed(c, state)
		}
	}
	add("10.0.0.1", 100, http.StateIdle)
	add("10.0.0.2", 100, http.StateActive)
	if closed != 184 || len(w.open) != 16 {
		t.Errorf("%d are closed, and %d open", closed, len(w.open))
	}
	add("127.0.0.1", 10, http.StateActive)
	if n := len(w.open); n != 20 {
		t.Errorf("%d are open", n)
	}
}

type hostConn struct {
	net.Conn
	host   string
	closed *int
}

func (c *hostConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(c.host), Port: 1} }
func (c *hostConn) Close() error         { *c.closed++; return nil }
