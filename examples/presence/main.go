// Presence shows who is online. In two terminals, or ten:
//
//	SMOKE_PORT=8489 go run ./examples/presence -name ann
//	SMOKE_SEEDS=127.0.0.1:8489 go run ./examples/presence -name bob
//
// Stop one with Ctrl-C, and another with kill -9. The others see the first leave at once
// and the second after fifteen seconds. The file roster.go has the code that uses the
// library.
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
	name := flag.String("name", "somebody", "the name that others see")
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
		options.Network = "presence" // keeps it apart from other programs
	}
	node := smoke.CreateNode(options)
	r := newRoster(node, name, os.Stdout)
	if err := node.Start(); err != nil {
		return err
	}
	fmt.Printf("%s is online; others join with SMOKE_SEEDS=%s\n", name, node.Advertised())
	r.run(ctx)
	err = node.Stop() // sends what is queued, also "bye"
	if errors.Is(err, smoke.ErrAlone) {
		return nil // no node was connected to receive it
	}
	return err
}
