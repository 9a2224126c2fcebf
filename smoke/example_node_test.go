package smoke_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// startPair starts two nodes that are neighbours. stop stops both.
func startPair(network string) (ann, bob *smoke.Node, stop func(), err error) {
	ann, bob = smoke.CreateNode(smoke.Options{Network: network}), smoke.CreateNode(smoke.Options{Network: network})
	stop = func() { bob.Stop(); ann.Stop() }
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err = errors.Join(ann.Start(), bob.Start()); err == nil {
		err = bob.AddPeer(ctx, ann.Addr())
	}
	return ann, bob, stop, err
}

// Start returns what is wrong with the options, and does not wait for neighbours.
func ExampleNode_Start() {
	node := smoke.CreateNode(smoke.Options{Network: "example node", MinPeers: 5, MaxPeers: 3})
	_, wrong := errors.AsType[*smoke.OptionsError](node.Start())
	fmt.Println("bad options:", wrong)

	node = smoke.CreateNode(smoke.Options{Network: "example node"})
	fmt.Println(node.Start(), node.Addr() != "", node.Peers().Len())
	fmt.Println(errors.Is(node.Start(), smoke.ErrStarted))
	fmt.Println(node.Stop())
	// Output:
	// bad options: true
	// <nil> true 0
	// true
	// <nil>
}

// Stop returns an error if events of the node have reached no other node.
func ExampleNode_Stop() {
	node := smoke.CreateNode(smoke.Options{Network: "example node"})
	if err := node.Start(); err != nil {
		fmt.Println(err)
		return
	}
	node.Broadcast().Emit("chat", "is anybody there?")
	undelivered, ok := errors.AsType[*smoke.UndeliveredError](node.Stop())
	fmt.Println(ok, errors.Is(undelivered, smoke.ErrAlone))
	fmt.Println(node.Stop())
	// Output:
	// true true
	// <nil>
}

// Shutdown returns when its context ends, at the latest.
func ExampleNode_Shutdown() {
	_, bob, stop, err := startPair("example shutdown")
	if err != nil {
		fmt.Println(err)
	}
	defer stop()
	bob.Broadcast().Emit("chat", "bye")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	fmt.Println(bob.Shutdown(ctx))
	// Output: <nil>
}

// Run starts the node, and stops it when its context ends, for example that of
// signal.NotifyContext.
func ExampleNode_Run() {
	node := smoke.CreateNode(smoke.Options{Network: "example node"})
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	fmt.Println(node.Run(ctx))
	// Output: <nil>
}

// AddPeer makes a neighbour of the node at an address, or returns why it could not.
func ExampleNode_AddPeer() {
	ann, bob := smoke.CreateNode(smoke.Options{Network: "example add"}), smoke.CreateNode(smoke.Options{Network: "example add"})
	for _, node := range []*smoke.Node{ann, bob} {
		if err := node.Start(); err != nil {
			fmt.Println(err)
		}
		defer node.Stop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println(bob.AddPeer(ctx, ann.Addr()))
	fmt.Println(errors.Is(bob.AddPeer(ctx, bob.Addr()), smoke.ErrSelf))
	// Output:
	// <nil>
	// true
}

// RemovePeer ends the link to a neighbour. Gone has the reason at both ends.
func ExampleNode_RemovePeer() {
	ann, bob := smoke.CreateNode(smoke.Options{Network: "example remove"}), smoke.CreateNode(smoke.Options{Network: "example remove"})
	gone := make(chan smoke.LeaveReason)
	ann.Peers().OnRemove(func(p *smoke.Peer) { gone <- p.Gone() })
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
	fmt.Println(bob.RemovePeer(ann.ID()))
	why := <-gone
	fmt.Println(why.Cause == smoke.LeaveRemoved, why.ByPeer, why)
	fmt.Println(errors.Is(bob.RemovePeer(ann.ID()), smoke.ErrPeerGone))
	// Output:
	// <nil>
	// true true its program removed this node
	// true
}

// Peers returns the list of the neighbours.
func ExampleNode_Peers() {
	ann, bob, stop, err := startPair("example peers")
	if err != nil {
		fmt.Println(err)
	}
	defer stop()
	for p := range bob.Peers().All() {
		fmt.Println(p.ID() == ann.ID())
	}
	// Output: true
}

// OnConnect runs with the first neighbour, OnDisconnect when the last one is gone.
func ExampleNode_OnConnect() {
	ann, bob := smoke.CreateNode(smoke.Options{Network: "example connect"}), smoke.CreateNode(smoke.Options{Network: "example connect"})
	states := make(chan string)
	ann.OnConnect(func() { states <- "connected" })
	ann.OnDisconnect(func() { states <- "alone" })
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
	fmt.Println(<-states)
	bob.Stop()
	fmt.Println(<-states)
	// Output:
	// connected
	// alone
}

// Events that left the history before a neighbour took them are lost for all other nodes.
func ExampleNode_OnGap() {
	node := smoke.CreateNode(smoke.Options{
		Network: "example gap", History: smoke.History{Bytes: 10_000}, Logger: slog.New(slog.DiscardHandler),
	})
	gaps := make(chan smoke.Gap, 10)
	node.OnGap(func(g smoke.Gap) { gaps <- g })
	if err := node.Start(); err != nil {
		fmt.Println(err)
		return
	}
	defer node.Stop()
	for range 100 {
		node.Broadcast().Emit("data", make([]byte, 1000))
	}
	g := <-gaps
	fmt.Println("own events:", g.Origin == node.ID(), "from", g.From, "lost some:", g.Events > 0)
	// Output: own events: true from 1 lost some: true
}

// If two nodes have the same id, OnConflict reports it.
func ExampleNode_OnConflict() {
	id, err := smoke.ParseID("00112233445566778899aabbccddeeff")
	if err != nil {
		fmt.Println(err)
		return
	}
	options := smoke.Options{Network: "example conflict", ID: id, Logger: slog.New(slog.DiscardHandler)}
	node, clone := smoke.CreateNode(options), smoke.CreateNode(options)
	conflicts := make(chan smoke.Conflict, 1)
	node.OnConflict(func(c smoke.Conflict) { conflicts <- c })
	for _, n := range []*smoke.Node{node, clone} {
		if err := n.Start(); err != nil {
			fmt.Println(err)
		}
		defer n.Stop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println(errors.Is(clone.AddPeer(ctx, node.Addr()), smoke.ErrSameID))
	c := <-conflicts
	fmt.Println(c.ID == id, c.Addr == clone.Addr())
	// Output:
	// true
	// true true
}

// Info returns the state of this node. Stats returns its counters.
func ExampleNode_Info() {
	ann, bob, stop, err := startPair("example info")
	if err != nil {
		fmt.Println(err)
	}
	defer stop()
	info := bob.Info()
	fmt.Println(info.ID == bob.ID(), info.Degree, info.Links[0].Peer == ann.ID(), info.Links[0].Dialled)
	// Output: true 1 true true
}

// Stats has the counters of a node.
func ExampleNode_Stats() {
	_, bob, stop, err := startPair("example stats")
	if err != nil {
		fmt.Println(err)
	}
	defer stop()
	bob.Broadcast().Emit("chat", "hi")
	stats := bob.Stats()
	fmt.Println(stats.Emitted, stats.Peers, stats.Refused.NotAdmitted)
	// Output: 1 1 0
}

// Count asks all nodes of the network, this one included.
func ExampleNode_Count() {
	_, bob, stop, err := startPair("example count")
	if err != nil {
		fmt.Println(err)
	}
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println(bob.Count(ctx))
	// Output: 2 <nil>
}

// Survey collects the state of each node.
func ExampleNode_Survey() {
	_, bob, stop, err := startPair("example survey")
	if err != nil {
		fmt.Println(err)
	}
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	links := 0
	nodes, err := bob.Survey(ctx, func(n smoke.NodeInfo) { links += n.Degree })
	fmt.Println(nodes, "nodes,", links, "ends of links,", err)
	// Output: 2 nodes, 2 ends of links, <nil>
}

// The address of this machine in a subnet.
func ExampleLocalIP() {
	fmt.Println(smoke.LocalIP("127.0.0.1/8"))
	_, err := smoke.LocalIP("127.0.0.1")
	_, ok := errors.AsType[*smoke.SubnetError](err)
	fmt.Println(ok)
	// Output:
	// 127.0.0.1 <nil>
	// true
}

// ParseID reads the text of an ID.
func ExampleParseID() {
	id, err := smoke.ParseID("00112233445566778899aabbccddeeff")
	fmt.Println(id, id.Short(), id.IsZero(), err)
	// Output: 00112233445566778899aabbccddeeff 00112233 false <nil>
}
