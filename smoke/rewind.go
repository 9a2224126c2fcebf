package smoke

import (
	"time"

	"github.com/smokesignal-go/smokesignal/internal/emitter"
)

// Rewind lets a handler of a Broadcast also receive events that were emitted up to d
// before the node's Start, or before its own registration if that is later, if histories
// still have them. It receives them once, in the order of their origin, and before later
// events of that origin. More than 24 hours count as 24 hours; zero or less means no
// rewind.
//
// A handler that is registered before Start gets what the histories of the neighbours have:
// each node keeps five minutes, 16 MiB at most; see [History]. The node asks each neighbour
// that it gets within the first second. So if the first histories lack some events of an
// origin, the origin's events can arrive up to a second later. A handler that is registered
// on a running node gets at once the events in this node's own history. For an origin from
// which the node has received nothing yet, it gets the events that neighbours have.
//
// Events that no history has are not a [Gap], since they were emitted before. Events that
// an earlier life of the node has received do not come again after Stop and Start, nor,
// with Options.StateFile, in a new process. On a *Peer the option does nothing, because
// no history keeps such events.
func Rewind(d time.Duration) HandlerOption {
	return HandlerOption{func(s *settings) { s.Rewind = max(d, 0) }}
}

// listenToPast registers a handler with a Rewind on a running node, by a call of replay. It
// returns false if the handler has no Rewind, or if the node does not run.
func (n *Node) listenToPast(s emitter.Settings, replay func(emitter.Settings, []emitter.Run) (off func())) (off func(), ok bool) {
	if s.Rewind == 0 {
		return nil, false
	}
	l, err := n.life()
	if err != nil {
		return nil, false
	}
	return l.driver.Replay(s, replay)
}
