// Websocket is a chat of browsers on several servers: every browser receives the lines of
// all servers. A node in each server replaces Redis pub/sub. In two terminals:
//
//	SMOKE_PORT=8491 go run ./examples/websocket -http 127.0.0.1:8081
//	SMOKE_SEEDS=127.0.0.1:8491 go run ./examples/websocket -http 127.0.0.1:8082
//
// Open both pages and chat. Stop one of the servers: its page shows that, and reconnects
// when the server is back. The file hub.go has the code that uses the library.
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
	addr := flag.String("http", "127.0.0.1:8081", "address that browsers connect to")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr); err != nil {
		log.Fatal(err)
	}
}

// run runs one server.
func run(ctx context.Context, addr string) error {
	options, err := smoke.FromEnv()
	if err != nil {
		return err
	}
	if options.Network == "" {
		options.Network = "websocket" // keeps it apart from other programs
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
		ReadHeaderTimeout: 5 * time.Second, // these end with the upgrade to a web-socket
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       10 * time.Second,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx }, // ends web-sockets, which Shutdown does not
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
