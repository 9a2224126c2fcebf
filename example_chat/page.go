package main

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/smokesignal-go/smokesignal/dashboard"
	"github.com/smokesignal-go/smokesignal/smoke"
)

// page shows the network of the chat in a browser.
type page struct {
	url    string
	server *http.Server
	ended  chan struct{} // closed when Serve has returned
}

const pagePath = "/debug/smoke/"

// servePage serves the page at "host:port" until close.
func servePage(node *smoke.Node, addr string) (*page, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("-http: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle(pagePath, dashboard.New(node))
	p := &page{
		url: "http://" + listener.Addr().String() + pagePath,
		server: &http.Server{
			Handler: mux, MaxHeaderBytes: 16 << 10,
			ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 10 * time.Second,
		},
		ended: make(chan struct{}),
	}
	go func() { // owner: the page; close ends it and waits
		defer close(p.ended)
		p.server.Serve(listener) // returns an error after close
	}()
	return p, nil
}

func (p *page) close() {
	p.server.Close() // the page has nothing to save
	<-p.ended
}
