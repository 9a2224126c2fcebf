package smoke

import (
	"time"

	"github.com/smokesignal-go/smokesignal/internal/batch"
	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

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

// echo queues an event that this node has just emitted for the handlers that want
// their own. body has its signature, if it carries one. The caller holds mu.
func (d *driver) echo(now time.Time, seq uint64, body []byte) {
	if !d.events.HasEchoes() {
		return
	}
	name, _, err := wire.SplitBody(body)
	if err != nil || !d.events.HasEcho(name) {
		return
	}
	d.batch = append(d.batch, emitter.Run{
		Origin: d.self.ID, Epoch: d.self.Epoch, Seq: seq, Count: 1,
		Packed: batch.Append(make([]byte, 0, batch.Size(len(body))), body),
		Born:   emitter.MomentOf(now), Via: &d.self.ID, Own: true,
	})
}
