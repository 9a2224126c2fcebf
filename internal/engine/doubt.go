package engine

import (
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/peerlist"
)

// doubtAlone is called when a link has died. Another neighbour would have got the
// announcements, and would pull what it misses. If there is none, the events that the dead
// neighbour may not have read count as not taken. The caller holds mu.
func (d *Driver) doubtAlone(l *link) {
	if len(d.neighbours) == 0 {
		d.own.Lose(&l.doubt)
	}
}

// doubtLeft is called for the goodbye of a neighbour that stops. If it was the only one and
// knows other nodes, it may not relay to them what this node has emitted just before. If
// this node has said goodbye too, doubtLast decides. The caller holds mu.
func (d *Driver) doubtLeft(l *link, now time.Time) {
	if !d.hasLeft && len(l.others) > 0 && len(d.neighbours) == 0 {
		d.own.LoseRecent(now)
	}
}

// doubtLast is for the end of this life. If no peer has hung up, which it does when it has
// read everything, none may have read the last events. If all those that have leave too,
// and know nodes that are no neighbours of this one, they may not have passed them on. The
// links are those that were open when the stop began, at left.
func (d *Driver) doubtLast(open []*link, left time.Time) {
	var neighbours []ident.ID // that have read everything
	var others []ident.ID     // that these know
	for _, l := range open {
		select {
		case <-l.ended:
			if l.hungUp && !l.leaves {
				return
			}
			if l.hungUp && l.peer != nil {
				neighbours = append(neighbours, l.peer.id)
				others = append(others, l.others...)
			}
		default:
		}
	}
	if len(neighbours) > 0 && !slices.ContainsFunc(others, func(id ident.ID) bool { return !slices.Contains(neighbours, id) }) {
		return
	}
	if len(neighbours) > 0 {
		d.own.LoseRecent(left)
		return
	}
	for _, l := range open {
		d.own.Lose(&l.doubt)
	}
}

// takeGoodbye notes what a peer says at the end. The caller holds driver.mu.
func (l *link) takeGoodbye(m *peerlist.Disconnect) {
	l.goodbye = true
	if m.Reason != peerlist.ReasonLeave {
		return
	}
	l.leaves, l.others = true, nil
	for _, c := range m.Try {
		l.others = append(l.others, c.ID)
	}
}
