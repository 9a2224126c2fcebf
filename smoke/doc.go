// Package smoke connects the instances of a program to one network, in which every
// instance can send events to all others. There is no broker.
//
//	node := smoke.CreateNode(smoke.Options{Seeds: []string{"192.168.2.100:8495"}, …})
//	smoke.On(node.Broadcast(), "chat", func(e smoke.Event, m Message) { … })
//	if err := node.Start(); err != nil { … }
//	node.Broadcast().Emit("chat", Message{"ann", "hi"})
//
// # Guarantees
//
// A running node receives each event once, and the events of one origin in the order in
// which the origin emitted them. It must be connected when the event is emitted, or
// become connected before the event leaves the histories ([Options.History]). If no
// node has an event any more, [Node.OnGap] reports it.
//
// Only handlers with [Rewind] receive events that were emitted before Start, and only
// handlers with [Echo] receive events of their own node. Events of different origins have
// no common order. No guarantee outlives the process.
//
// # Handlers
//
// Handlers and hooks of a node run one after another on one goroutine, in order, so they
// need no locks between them. The handlers of a [Peer] run on another goroutine, and so
// does each handler with [Queue]. A slow handler delays the handlers behind it. If many
// events wait, the node asks all emitters to emit less, for two seconds at most. The
// queue of handlers is bounded; if it is full, the oldest events are dropped and OnGap
// reports them. A panic of a handler is recovered and logged.
//
// All exported functions and methods may be called from any goroutine, and from handlers.
package smoke
