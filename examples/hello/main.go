// Hello sends a hello to all nodes. In two terminals:
//
//	SMOKE_PORT=8493 go run ./examples/hello
//	SMOKE_SEEDS=127.0.0.1:8493 go run ./examples/hello
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/smokesignal-go/smokesignal/smoke"
)

func main() {
	options, err := smoke.FromEnv()
	if err != nil {
		log.Fatal(err)
	}
	node := smoke.CreateNode(options)
	node.Broadcast().On("chat", func(e smoke.Event, text string) { fmt.Println(e.Origin.Short(), text) })
	node.OnConnect(func() { node.Broadcast().Emit("chat", "HEYO! I'm here") })

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := node.Run(ctx); err != nil {
		log.Fatal(err)
	}
}
