// Start is the smallest program on the network. In two terminals, or ten:
//
//	go run ./examples/start -port 8493
//	go run ./examples/start
package main

import (
	"flag"
	"fmt"
	"log"

	"github.com/smokesignal-go/smokesignal/smoke"
)

func main() {
	port := flag.Int("port", 0, "port to listen on; 0: a free one")
	seed := flag.String("seed", "127.0.0.1:8493", "a node to join")
	flag.Parse()
	node := smoke.CreateNode(smoke.Options{Port: *port, Seeds: []string{*seed}})
	node.Broadcast().On("chat", func(e smoke.Event, text string) { fmt.Println(e.Origin.Short(), text) })
	node.OnConnect(func() { node.Broadcast().Emit("chat", "HEYO! I'm here") })
	if err := node.Start(); err != nil {
		log.Fatal(err)
	}
	select {}
}
