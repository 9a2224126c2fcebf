package netsplit

import "time"

// twin is another life of this node's ID, of which beacons come.
type twin struct {
	epoch uint64
	count uint64
	since time.Time
}

// onTwin takes a beacon of this node's ID. Its own come back, and those of its former
// life may go round for a moment. Another life that still counts on, after this one
// has lived for a while, is one of another node.
func (w *Watch) onTwin(now time.Time, msg *Beacon, out Out) {
	t := &w.twin
	switch {
	case msg.Origin.Epoch == w.cfg.Self.Epoch || now.Sub(w.started) < settled:
	case msg.Origin.Epoch != t.epoch:
		if !t.since.IsZero() && now.Sub(t.since) < 3*settled {
			return // one of several: it has its turn when the other is silent
		}
		*t = twin{msg.Origin.Epoch, msg.Count, now}
	case msg.Count > t.count && now.Sub(t.since) >= w.cfg.Interval/2:
		t.count, t.since = msg.Count, now
		out.Notify(Twin{Addr: msg.Addr, Later: msg.Origin.Epoch > w.cfg.Self.Epoch})
	}
}
