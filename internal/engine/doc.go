// Package engine runs one life of a node: from a Start to the Stop that follows it.
//
// A [Driver] connects the machine of package overlay to a network and a clock. It accepts
// and dials connections, and makes the handshake with the other end by package handshake.
// It reads frames, passes them to the machine, and writes the frames that the machine
// sends. It does not import the public package smoke: its reports go to a [Host], and its
// settings are in a [Config].
//
// The owner of a Driver calls [New], and then [Driver.Start] or [Driver.Abort]. To end
// the life, it calls [Driver.AwaitTaken], [Driver.Stop], [Unfinished.AwaitHandlers] for
// the handlers of the broadcast, and [Driver.AwaitCalls], in this order and each once.
// The other methods may be called at any time after Start. When the life is over, they
// return [ErrStopped] or false.
package engine
