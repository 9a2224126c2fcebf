package smoke

// Echo lets a handler of a Broadcast also receive the events that this node emits. It
// receives each once, on the goroutine of the handlers, in the order in which the node
// emitted them, which is the order for all other nodes. It receives them also while the
// node has no neighbour. It does not receive an event for which Emit returned an error.
//
// For such events Event.Origin and Via are this node's ID. Handlers without Echo do not
// receive own events. On a *Peer the option is a *[HandlerError].
func Echo() HandlerOption {
	return HandlerOption{func(s *settings) { s.Echo = true }}
}
