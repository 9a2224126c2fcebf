package smoke_test

import (
	"context"
	"fmt"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// Two nodes; the first is the seed of the second. Each emits an event when it gets a
// neighbour, and receives the event of the other node. No node receives its own event.
func ExampleCreateNode() {
	heard := make(chan string, 2)
	start := func(name string, seeds ...string) *smoke.Node {
		node := smoke.CreateNode(smoke.Options{Network: "example", Seeds: seeds})
		node.Broadcast().On("chat", func(text string) { heard <- name + " heard " + text })
		node.OnConnect(func() { node.Broadcast().Emit("chat", "hello from "+name) })
		if err := node.Start(); err != nil {
			fmt.Println(err)
		}
		return node
	}
	ann := start("ann")
	defer ann.Stop()
	bob := start("bob", ann.Addr())
	defer bob.Stop()

	fmt.Println(<-heard)
	fmt.Println(<-heard)
	// Unordered output:
	// ann heard hello from bob
	// bob heard hello from ann
}

// On decodes the argument into a type of the program.
func ExampleOn() {
	type Message struct{ From, Text string }
	ann, bob := smoke.CreateNode(smoke.Options{Network: "example"}), smoke.CreateNode(smoke.Options{Network: "example"})
	done := make(chan bool)
	smoke.On(bob.Broadcast(), "chat", func(e smoke.Event, m Message) {
		fmt.Println(e.Name, e.Seq, e.Origin == ann.ID(), m.From, m.Text)
		close(done)
	})
	for _, node := range []*smoke.Node{ann, bob} {
		if err := node.Start(); err != nil {
			fmt.Println(err)
		}
		defer node.Stop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println(bob.AddPeer(ctx, ann.Addr()))
	ann.Broadcast().Emit("chat", Message{"ann", "hi"})
	<-done
	// Output:
	// <nil>
	// chat 1 true ann hi
}

// Emit of a Peer sends an event to one neighbour only. Handlers for events of a neighbour
// are registered in OnAdd, so that they receive its first event.
func ExamplePeer_Emit() {
	ann, bob := smoke.CreateNode(smoke.Options{Network: "example"}), smoke.CreateNode(smoke.Options{Network: "example"})
	done := make(chan bool)
	ann.Peers().OnAdd(func(p *smoke.Peer) {
		p.On("question", func(text string) { p.Emit("answer", len(text)) })
	})
	bob.Peers().OnAdd(func(p *smoke.Peer) {
		p.On("answer", func(n int) {
			fmt.Println("it has", n, "letters")
			close(done)
		})
		p.Emit("question", "smoke")
	})
	for _, node := range []*smoke.Node{ann, bob} {
		if err := node.Start(); err != nil {
			fmt.Println(err)
		}
		defer node.Stop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := bob.AddPeer(ctx, ann.Addr()); err != nil {
		fmt.Println(err)
	}
	<-done
	// Output: it has 5 letters
}
