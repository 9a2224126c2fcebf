package engine

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/batch"
	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/logging"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/internal/signed"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// deliver adds events to the batch of this step. The caller holds mu.
func (d *Driver) deliver(e *plumtree.Event) {
	if d.cfg.Signing.mayOriginate(e.Origin.ID, d.self.ID) {
		d.batch = append(d.batch, d.runOf(e))
		return
	}
	d.batch = append(d.batch, d.unsignedOf(e)...)
}

// unsignedOf handles an event, or a run of them, of an origin that is not allowed. It
// returns the parts without a signature, which handlers get nevertheless. The origin of
// an unsigned event is only a claim, so a list of origins can't restrict it. The caller
// holds mu.
func (d *Driver) unsignedOf(e *plumtree.Event) []emitter.Run {
	all := d.runOf(e)
	var runs []emitter.Run
	rest := all.Packed
	for seq := all.Seq; len(rest) > 0; seq++ {
		body, after, ok := batch.Next(rest)
		if !ok {
			break // this does not happen, because the tree has checked the batch
		}
		if !signed.Is(body) {
			one := all
			one.Seq, one.Count, one.Packed = seq, 1, rest[:len(rest)-len(after)]
			runs = append(runs, one)
		} else {
			d.dropped(e.Origin.ID)
		}
		rest = after
	}
	return runs
}

// dropped logs that a signed event was dropped because of its origin. The caller holds mu.
func (d *Driver) dropped(origin ident.ID) {
	d.log.About(origin.Short()).Warn("signed events of a node that is not in Options.Allow are dropped; do all nodes have the same list?", logging.Fields{"origin": origin.Short()})
}

// runOf converts events to the form that handlers get. The caller holds mu.
func (d *Driver) runOf(e *plumtree.Event) emitter.Run {
	return emitter.Run{
		Origin: e.Origin.ID, Epoch: e.Origin.Epoch, Seq: e.Seq, Count: int(e.Count), Packed: e.Body,
		Born: d.epoch.Add(e.Born()), Via: d.bringer(e.Via()), Before: e.Before(),
	}
}

// flushBatch queues the events of this step before a hook is queued, to keep their order.
func (d *Driver) flushBatch() {
	if len(d.batch) > 0 {
		d.events.PushBatch(d.batch)
		clear(d.batch)
		d.batch = d.batch[:0]
	}
}

// echo queues an event that this node has just emitted for the handlers with
// emitter.Settings.Echo. If the event is signed, body includes the signature. The caller
// holds mu.
func (d *Driver) echo(now time.Time, seq uint64, body []byte) {
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

// Replay calls register with the events of the history that a new handler must get first.
// No event arrives between these and the registration. If the life is over, Replay
// returns false.
func (d *Driver) Replay(s emitter.Settings, register func(emitter.Settings, []emitter.Run) (off func())) (off func(), ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.machine == nil {
		return nil, false
	}
	now := time.Now()
	var past []emitter.Run
	for _, e := range d.machine.Since(now, s.Rewind) {
		switch {
		case e.Origin.ID == d.self.ID:
		case d.cfg.Signing.mayOriginate(e.Origin.ID, d.self.ID):
			past = append(past, d.runOf(e))
		default:
			past = append(past, d.unsignedOf(e)...)
		}
	}
	// For origins of which this node has heard nothing yet, the rewind counts from the
	// node's start.
	s.Rewind = max(s.Rewind-now.Sub(d.born), 0)
	d.machine.Rewind(s.Rewind)
	return register(s, past), true
}
