package smoke_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// The node fills the list of its neighbours. Hooks report each change.
func ExamplePeerlist() {
	ann := smoke.CreateNode(smoke.Options{Network: "example peerlist"})
	bob := smoke.CreateNode(smoke.Options{Network: "example peerlist", MinPeers: 1, MaxPeers: 2})
	changes := make(chan string)
	off := bob.Peers().OnAdd(func(*smoke.Peer) { changes <- "added" })
	defer off()
	bob.Peers().OnRemove(func(*smoke.Peer) { changes <- "removed" })
	defer startAlone(ann)()
	defer startAlone(bob)()
	if err := bob.AddPeer(context.Background(), ann.Addr()); err != nil {
		fmt.Println(err)
	}
	fmt.Println(<-changes)
	list := bob.Peers()
	fmt.Println(list.Len(), "of", list.Min(), "to", list.Max(), list.IsFilled(), list.IsFull())
	for p := range list.All() {
		same, ok := list.Get(p.ID())
		fmt.Println(same == p, ok, list.Has(ann.ID()))
	}
	ann.Stop()
	fmt.Println(<-changes)
	// Output:
	// added
	// 1 of 1 to 2 true false
	// true true true
	// removed
}

// Wait is for a program that needs neighbours before it can work.
func ExamplePeerlist_Wait() {
	ann, bob := smoke.CreateNode(smoke.Options{Network: "example handlers"}), smoke.CreateNode(smoke.Options{Network: "example handlers"})
	for _, node := range []*smoke.Node{ann, bob} {
		if err := node.Start(); err != nil {
			fmt.Println(err)
		}
		defer node.Stop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	go bob.AddPeer(ctx, ann.Addr()) // ends with ctx at the latest
	fmt.Println(ann.Peers().Wait(ctx, 1))
	fmt.Println(ann.Peers().Len())
	// Output:
	// <nil>
	// 1
}

// A peer is a neighbour. It has an id, the address that it advertises, and the address at
// the other end of the link, whose port has a meaning only if this node dialled.
func ExamplePeer() {
	ann, bob, stop, err := startPair("example peer")
	if err != nil {
		fmt.Println(err)
	}
	defer stop()
	p, ok := bob.Peers().Get(ann.ID())
	fmt.Println(ok, p.ID() == ann.ID(), p.Addr() == ann.Addr(), p.Gone().IsZero())
	fmt.Println(p.RemoteAddr() == fmt.Sprintf("%s:%d", p.RemoteHost(), p.RemotePort()))
	// Output:
	// true true true true
	// true
}

// Close removes the neighbour. Gone has the reason, and nothing can be sent any more.
func ExamplePeer_Close() {
	ann, bob, stop, err := startPair("example peer")
	if err != nil {
		fmt.Println(err)
	}
	defer stop()
	p, _ := bob.Peers().Get(ann.ID())
	fmt.Println(p.Close())
	fmt.Println(p.Gone())
	fmt.Println(errors.Is(p.Emit("chat", "bye"), smoke.ErrPeerGone))
	// Output:
	// <nil>
	// this program removed it
	// true
}

// The events of one peer have handlers of their own.
func ExamplePeer_OnAny() {
	ann, bob := smoke.CreateNode(smoke.Options{Network: "example peer"}), smoke.CreateNode(smoke.Options{Network: "example peer"})
	done := make(chan bool)
	bob.Peers().OnAdd(func(p *smoke.Peer) {
		p.OnAny(func(e smoke.Event) { fmt.Println(e.Name, len(e.Headers())) })
		p.Once("chat", func(text string) { fmt.Println("once:", text) })
		p.On("news", func() { fmt.Println("not called") })
		p.Off("news")
		p.On("end", func() { close(done) })
	})
	ann.Peers().OnAdd(func(p *smoke.Peer) {
		ctx := smoke.ContextWithHeader(context.Background(), "lang", "en")
		p.EmitContext(ctx, "chat", "hello")
		p.Emit("chat", "bye")
		p.Emit("news")
		p.Emit("end")
	})
	for _, node := range []*smoke.Node{ann, bob} {
		if err := node.Start(); err != nil {
			fmt.Println(err)
		}
		defer node.Stop()
	}
	if err := bob.AddPeer(context.Background(), ann.Addr()); err != nil {
		fmt.Println(err)
	}
	<-done
	// Output:
	// chat 1
	// once: hello
	// chat 0
	// news 0
	// end 0
}
