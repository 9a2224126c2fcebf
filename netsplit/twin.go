package netsplit

import "time"

// twin is another node, or another run of this node, that sends beacons with this node's
// ID.
type twin struct {
	epoch uint64
	count uint64
	since time.Time
}

// onTwin processes a beacon with this node's ID. This node's own beacons come back to it,
// and those of its previous run may circulate for a moment. If the count of another epoch
// still rises after this run has lasted for a while, another node has this ID.
func (w *Watch) onTwin(now time.Time, msg *Beacon, out Out) {
	t := &w.twin
	switch {
	case msg.Origin.Epoch == w.cfg.Self.Epoch || now.Sub(w.started) < settled:
	case msg.Origin.Epoch != t.epoch:
		if !t.since.IsZero() && now.Sub(t.since) < 3*settled {
			return // one of several twins, which is reported when the other one is silent
		}
		*t = twin{msg.Origin.Epoch, msg.Count, now}
	case msg.Count > t.count && now.Sub(t.since) >= w.cfg.Interval/2:
		t.count, t.since = msg.Count, now
		out.Notify(Twin{Addr: msg.Addr, Later: msg.Origin.Epoch > w.cfg.Self.Epoch})
	}
}
