package main

import (
	"context"
	_ "embed"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// line is a chat line: JSON between browser and server, an event between servers.
type line struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

const (
	longest     = 4 << 10          // bytes of a line
	room        = 64               // lines queued for one browser
	writeWithin = 10 * time.Second // a slower browser is disconnected
	pingEvery   = 30 * time.Second // detects browsers that are gone, and keeps proxies from closing the connection
)

// hub is one server: the browsers that are connected to it, and its node.
type hub struct {
	node *smoke.Node

	mu       sync.Mutex // guards browsers
	browsers map[*browser]struct{}
}

// browser is one web-socket.
type browser struct {
	lines chan line // queued for it
	leave func()    // ends its connection
}

func newHub(node *smoke.Node) *hub {
	h := &hub{node: node, browsers: make(map[*browser]struct{})}
	smoke.On(node.Broadcast(), "say", func(_ smoke.Event, l line) { h.show(l) })
	return h
}

// say forwards a line: to the browsers here, and through the other servers to theirs.
func (h *hub) say(ctx context.Context, l line) error {
	h.show(l) // a node does not receive its own events
	return h.node.Broadcast().EmitContext(ctx, "say", l)
}

// show queues a line for each browser of this server. The node's handlers call it, so it
// must not wait: a browser that is too slow is disconnected and has to connect again.
func (h *hub) show(l line) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for b := range h.browsers {
		select {
		case b.lines <- l:
		default:
			b.leave()
		}
	}
}

//go:embed page.html
var page []byte

// handler serves the page and its web-socket.
func (h *hub) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { w.Write(page) })
	mux.HandleFunc("GET /ws", h.serve)
	return mux
}

// serve serves one browser. It ends with the browser, or with the server.
func (h *hub) serve(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil) // accepts only pages of this site
	if err != nil {
		return // Accept has answered
	}
	defer conn.CloseNow()
	conn.SetReadLimit(longest)
	ctx, leave := context.WithCancel(r.Context())
	b := &browser{lines: make(chan line, room), leave: leave}

	h.mu.Lock()
	h.browsers[b] = struct{}{}
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		delete(h.browsers, b)
		h.mu.Unlock()
	}()

	// Owned by serve, which waits for it: leave ends it.
	var writer sync.WaitGroup
	writer.Go(func() { b.write(ctx, conn) })
	defer writer.Wait()
	defer leave()
	for {
		var l line
		if err := wsjson.Read(ctx, conn, &l); err != nil {
			return // the browser has left, or sends something else
		}
		// While the network applies backpressure, this waits, and the browser waits too.
		if err := h.say(ctx, l); err != nil {
			return // the browser reconnects, perhaps to a server that is not stopping
		}
	}
}

// write sends the queued lines to the browser, and pings it.
func (b *browser) write(ctx context.Context, conn *websocket.Conn) {
	defer b.leave()
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		var send func(context.Context) error
		select {
		case l := <-b.lines:
			send = func(ctx context.Context) error { return wsjson.Write(ctx, conn, l) }
		case <-ping.C:
			send = conn.Ping
		case <-ctx.Done():
			return
		}
		within, cancel := context.WithTimeout(ctx, writeWithin)
		err := send(within)
		cancel()
		if err != nil {
			return
		}
	}
}
