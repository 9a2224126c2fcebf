// Package engine runs one life of a node: from a Start to the Stop that follows it.
//
// A [Driver] gives the machine of package overlay a network and a clock. It accepts and
// dials connections, greets the other end with package handshake, reads frames and hands
// them to the machine, and writes what the machine wants to send. It does not know the
// public package smoke. What it reports goes to a [Host], and what it needs is in a
// [Config].
//
// The owner of a Driver calls [New], and then [Driver.Start] or [Driver.Abort]. To end the
// life, it calls [Driver.AwaitTaken], [Driver.Stop], [Unfinished.AwaitHandlers] for the
// handlers of the broadcast, and [Driver.AwaitCalls], in this order and each once. The other
// methods may be called at any time after Start. When the life is over, they return
// [ErrStopped] or false.
package engine
