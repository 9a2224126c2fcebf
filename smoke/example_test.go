package smoke_test

import (
	"context"
	"fmt"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// Two nodes, the first one the seed of the second. Each says hello as soon as
// it has a neighbour, and hears the other one; nobody hears itself.
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

// A handler for a type of one's own: the argument is decoded into it.
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

// A neighbour can be spoken to alone. Its handlers are registered in OnAdd, so
// that not even its first event is missed.
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

// All that is wrong with the options is said at once.
func ExampleOptions_Validate() {
	err := smoke.Options{Port: 70000, MinPeers: 8, MaxPeers: 4}.Validate()
	fmt.Println(err)
	// Output:
	// bad options, 2 problems:
	//	Port is 70000: it is not a port number; write 1 to 65535, or 0 for a free one
	//	MinPeers is 8: it is above MaxPeers, which is 4; write at most MaxPeers, or a negative MaxPeers for no limit
}
