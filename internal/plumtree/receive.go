package plumtree

import (
	"time"

	"github.com/smokesignal-go/smokesignal/internal/batch"
)

// onGossip processes events. New ones are forwarded at once, in any order.
func (t *Tree) onGossip(now time.Time, l *link, g *Gossip, out Out) {
	s := t.streams.find(g.Origin)
	if s == t.own {
		// An event of this node came back, or a forgery of one arrived. Neither is
		// accepted.
		t.Stats.Duplicates += uint64(g.Count)
		t.prune(now, l, s.at(g.Seq), out)
		return
	}
	if (g.Signed || t.cfg.VerifyAll) && !t.isBelieved(s, g) {
		t.Stats.Refused++
		out.Refused(l.id, Range{g.Origin, g.Seq, g.end()})
		return
	}
	if s == nil || !s.isHeard {
		if s = t.admit(now, l, s, g.Origin); s == nil {
			return
		}
	}
	t.takeBack(now, s, g, out)
	end := g.end()
	if g.Seq >= s.end() { // the usual case
		t.receive(now, l, s, g, g.Seq, end, out)
		return
	}
	again := uint64(0) // the number of one of the duplicates; 0: none
	for from := g.Seq; from < end; {
		a, b := s.unknown(from, end)
		if a > from {
			again = from
			t.Stats.Duplicates += a - from
			t.late.duplicate(now, Range{g.Origin, from, a})
		}
		if a < b {
			t.receive(now, l, s, g, a, b, out)
		}
		from = b
	}
	if again > 0 {
		t.prune(now, l, s.at(again), out)
	}
}

// receive stores the events with numbers from (inclusive) to to (exclusive). None of them
// was received before.
func (t *Tree) receive(now time.Time, l *link, s *stream, g *Gossip, from, to uint64, out Out) {
	s.high = max(s.high, to)
	if to-1-s.next >= window || from > s.next && s.early >= t.cfg.HistoryBytes/4 {
		// These events are too far ahead to store. They are requested again once the
		// events before them have arrived.
		t.Stats.Dropped += to - from
		t.miss(now, s, l.id)
		s.shown = max(s.shown, to)
		return
	}
	body := g.Body
	if to-from < uint64(g.Count) {
		body = batch.Slice(body, int(from-g.Seq), int(to-g.Seq))
	}
	if !t.cfg.KeepBodies {
		body = t.history.relayed.copyIn(body)
	}
	e := t.history.event()
	*e = Event{Origin: g.Origin, Seq: from, Count: uint32(to - from), Round: g.Round, Signed: g.Signed, born: max(t.moment(now)-moment(max(g.Age, 0)), longAgo), Body: body, via: l.id}
	if s.repair != nil && from > s.end() {
		s.addHole(now, s.end())
	}
	s.put(e)
	s.heard = t.moment(now)
	if !s.isEstablished && s.heard.coarse()-s.begun > establishedAfter {
		t.establish(s)
	}
	if isDue := t.pulse.noteEvents(now); isDue {
		t.pulse.send(now, t.shape(out))
	}
	if s.isQuiet(e) {
		e.quiet = true
		t.announceQuietly(now, e, out)
	} else if s.wasRelayed(e) {
		e.quiet = true
	}
	t.store(now, s, e)
	t.spread(now, e, l.id, out)
	if !l.role.isEager() && !l.role.isCrossed() && (s.repair == nil || s.asked != l.id) {
		// The peer pushes, so it treats the link as eager. This node does the same,
		// unless a pulse has just shown both ends that the link is lazy.
		t.makeEager(l, out)
	}
	if s.repair != nil && s.asked == 0 && from == s.next {
		t.late.learn(now, now.Sub(s.since))
	}
	if from == s.next {
		asked := s.repair != nil && s.asked == l.id
		t.deliver(now, s, out)
		if s.skipped != 0 && !asked {
			t.doubleCheck(now, e)
		}
	} else {
		t.miss(now, s, l.id)
		s.shown = max(s.shown, to)
		t.passOver(now, s, out)
	}
}
