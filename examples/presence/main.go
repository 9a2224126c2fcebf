// Presence shows who is online. In two terminals, or ten:
//
//	SMOKE_PORT=8489 go run ./examples/presence -name ann
//	SMOKE_SEEDS=127.0.0.1:8489 go run ./examples/presence -name bob
//
// Stop one with Ctrl-C, and another with kill -9: the one is seen to leave at once, the
// other after fifteen seconds. What it has to do with the library stands in roster.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/smokesignal-go/smokesignal/smoke"
)

func main() {
	name := flag.String("name", "somebody", "what the others call you")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *name); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, name string) error {
	options, err := smoke.FromEnv()
	if err != nil {
		return err
	}
	if options.Network == "" {
		options.Network = "presence" // it never meets another program by accident
	}
	node := smoke.CreateNode(options)
	r := newRoster(node, name, os.Stdout)
	if err := node.Start(); err != nil {
		return err
	}
	fmt.Printf("%s is online; others come in with SMOKE_SEEDS=%s\n", name, node.Advertised())
	r.run(ctx)
	err = node.Stop() // sends what is left, "bye" too
	if errors.Is(err, smoke.ErrAlone) {
		return nil // nobody was there to say it to
	}
	return err
}
