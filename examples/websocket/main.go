// Websocket is a chat of browsers on several servers: who is connected to one of them
// hears what is said at the others. What would be Redis pub/sub elsewhere is a node in
// each server. In two terminals:
//
//	SMOKE_PORT=8491 go run ./examples/websocket -http 127.0.0.1:8081
//	SMOKE_SEEDS=127.0.0.1:8491 go run ./examples/websocket -http 127.0.0.1:8082
//
// Open both pages, and talk. Stop one of the servers: its page says so, and goes on when
// the server is back. What it has to do with the library stands in hub.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

func main() {
	addr := flag.String("http", "127.0.0.1:8081", "where browsers come in")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr); err != nil {
		log.Fatal(err)
	}
}

// run is the life of one server.
func run(ctx context.Context, addr string) error {
	options, err := smoke.FromEnv()
	if err != nil {
		return err
	}
	if options.Network == "" {
		options.Network = "websocket" // it never meets another program by accident
	}
	node := smoke.CreateNode(options)
	hub := newHub(node)
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	if err := node.Start(); err != nil {
		return err
	}
	fmt.Printf("http://%s, a node at %s\n", listener.Addr(), node.Addr())
	return errors.Join(serve(ctx, listener, hub), node.Stop())
}

// serve serves browsers until ctx ends.
func serve(ctx context.Context, listener net.Listener, hub *hub) error {
	server := &http.Server{
		Handler:           hub.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx }, // ends web-sockets, which Shutdown leaves alone
	}
	ended := make(chan error, 1)
	// Owned by serve, which waits for it: ctx, or the end of Serve, ends it.
	ctx, stop := context.WithCancel(ctx)
	go func() {
		<-ctx.Done()
		within, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		ended <- server.Shutdown(within)
	}()
	err := server.Serve(listener)
	stop()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, <-ended)
}
