package smoke

import (
	"time"

	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
)

// Rewind lets a handler of a [Broadcast] also hear events that were emitted up to d
// before the node's Start, or before its own registration if that comes later, as far
// as histories still hold them. It hears them once, in the order of their origin, and
// before later events of that origin. Without Rewind a handler hears nothing that was
// emitted before Start.
//
// A handler that is registered before Start hears what the histories of the node's
// neighbours hold: each node keeps the last five minutes, and 16 MiB at most; see
// [History]. The node asks every neighbour that it gets within the first second, so an
// origin of which not all is found is heard up to a second later. A handler that is
// registered on a running node hears at once what this node's own history holds; and
// of an origin that the node has heard nothing of yet, what neighbours hold.
//
// What no history holds any more is no [Gap]: it was emitted before. Events that an
// earlier life of the node has heard do not come again after Stop and Start, nor, with
// [Options].StateFile, in a new process. More than 24 hours count as 24, and zero or less means
// no rewind. On a *[Peer], whose events no history keeps, the option does nothing.
func Rewind(d time.Duration) HandlerOption {
	return HandlerOption{func(s *settings) { s.Rewind = max(d, 0) }}
}

// listenToPast registers a handler that has a Rewind on a running node, by replay. It
// reports false if the handler has none, or the node does not run.
func (n *Node) listenToPast(s emitter.Settings, replay func(emitter.Settings, []emitter.Run) (off func())) (off func(), ok bool) {
	if s.Rewind == 0 {
		return nil, false
	}
	d, err := n.life()
	if err != nil {
		return nil, false
	}
	return d.replay(s, replay)
}

// replay registers a handler, which hears what the history holds, and whatever comes
// from now on. It reports false if the life is over.
func (d *driver) replay(s emitter.Settings, register func(emitter.Settings, []emitter.Run) (off func())) (off func(), ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.machine == nil {
		return nil, false
	}
	now := time.Now()
	var past []emitter.Run
	for _, e := range d.machine.Since(now, s.Rewind) {
		if e.Origin.ID != d.self.ID {
			past = append(past, d.runOf(e))
		}
	}
	// What comes of origins that are new to this node counts from its start.
	s.Rewind = max(s.Rewind-now.Sub(d.born), 0)
	d.machine.Rewind(s.Rewind)
	return register(s, past), true
}

// runOf is what the handlers get of events. The caller holds mu.
func (d *driver) runOf(e *plumtree.Event) emitter.Run {
	return emitter.Run{
		Origin: e.Origin.ID, Epoch: e.Origin.Epoch, Seq: e.Seq, Count: int(e.Count), Packed: e.Body,
		Born: d.epoch.Add(e.Born()), Via: d.bringer(e.Via()), Before: e.Before(),
	}
}
