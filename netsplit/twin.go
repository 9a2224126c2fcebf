package netsplit

import "time"

// twin is another life of this node's ID that sends beacons.
type twin struct {
	epoch uint64
	count uint64
	since time.Time
}

// onTwin processes a beacon with this node's ID. This node's own beacons come back to it,
// and those of its previous life may circulate for a moment. If another life's count still
// rises after this one has lived for a while, another node has this ID.
func (w *Watch) onTwin(now time.Time, msg *Beacon, out Out) {
	t := &w.twin
	switch {
	case msg.Origin.Epoch == w.cfg.Self.Epoch || now.Sub(w.started) < settled:
	case msg.Origin.Epoch != t.epoch:
		if !t.since.IsZero() && now.Sub(t.since) < 3*settled {
			return // one of several twins: it is reported when the other is silent
		}
		*t = twin{msg.Origin.Epoch, msg.Count, now}
	case msg.Count > t.count && now.Sub(t.since) >= w.cfg.Interval/2:
		t.count, t.since = msg.Count, now
		out.Notify(Twin{Addr: msg.Addr, Later: msg.Origin.Epoch > w.cfg.Self.Epoch})
	}
}
