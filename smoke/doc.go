// Package smoke lets the instances of a program find each other, stay connected
// and pass events, with no broker between them.
//
//	node := smoke.CreateNode(smoke.Options{Seeds: []string{"192.168.2.100:8495"}, …})
//	smoke.On(node.Broadcast(), "chat", func(e smoke.Event, m Message) { … })
//	if err := node.Start(); err != nil { … }
//	node.Broadcast().Emit("chat", Message{"ann", "hi"})
//
// # What is promised
//
// Every node that runs, and is connected when an event is emitted or becomes so
// before the event has left the histories ([Options.History]), hears the event
// once, and hears the events of one origin in the order in which they were
// emitted. If events can't be had any more, [Node.OnGap] says so. What was emitted
// before the node's Start is heard by handlers with [Rewind] only, and the node's own
// broadcasts by those with [Echo]. Nothing is promised about the order of events of
// different origins, nor beyond the end of a process.
//
// # Handlers
//
// Handlers and hooks of a node run one after another, in order, on one
// goroutine: no locks are needed between them. Those of a [Peer] do the same on
// another goroutine, and so does a handler with [Queue]. A slow handler delays the handlers behind it. When many
// events wait, those who emit are asked to emit less, for two seconds at most:
// after that, slow handlers hurt only themselves. Their queue is bounded, and
// what has to make room is told to OnGap. A panic is recovered and logged.
//
// All exported methods may be called from any goroutine, and from handlers.
package smoke
