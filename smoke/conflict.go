package smoke

// Conflict reports that another running node has the same ID: a key or an ID was copied,
// for example with the image of a machine. Other nodes can't tell the two apart. Neither
// of the two receives the events of the other, and both lose neighbours.
//
// On encrypted links, the other node must have the same key. On plaintext links, any node
// can claim an ID.
type Conflict struct {
	ID   ID     // of both
	Addr string // of the other node, if known: the address at which it was met or that it advertises
	By   ID     // the neighbour that reports it; zero if this node met or heard the other itself
	// Yields reports whether this node is the one that gives way: its life began
	// earlier, so neighbours that know both drop the links to this one.
	Yields bool
}

// OnConflict registers a hook for the discovery of another node with this node's ID.
// It runs on both nodes if they or a common neighbour meet, or if events of one reach
// the other; once a minute at most, for as long as both live.
func (n *Node) OnConflict(fn func(Conflict)) (off func()) { return n.hooks.conflict.on(fn) }
