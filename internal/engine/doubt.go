package engine

import (
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
)

// doubtAlone is called when a link has died. If there is another neighbour, that
// neighbour gets the announcements of this node's events, and pulls the events that it
// misses. If there is none, the events that the dead neighbour may not have read count as
// not taken. The caller holds mu.
func (d *Driver) doubtAlone(l *link) {
	if len(d.neighbours) == 0 {
		d.own.Lose(&l.doubt)
	}
}

// doubtLeft is called when a neighbour that stops has said goodbye. If it was the only
// neighbour and knew other nodes, it may have stopped before it relayed the last events of
// this node. If this node has said goodbye too, doubtLast decides. The caller holds mu.
func (d *Driver) doubtLeft(l *link, now time.Time) {
	if !d.hasLeft && len(l.others) > 0 && len(d.neighbours) == 0 {
		d.own.LoseRecent(now)
	}
}

// doubtLast is called at the end of this life. A peer closes its end of the link when it
// has read everything. If no peer has done so, maybe none has read the last events. If
// all peers that have done so stop too, and list neighbours that this node does not have,
// they may not have relayed these events. open holds the links that were open at left,
// when the stop began.
func (d *Driver) doubtLast(open []*link, left time.Time) {
	var neighbours []ident.ID // the neighbours that have read everything
	var others []ident.ID     // the nodes that the goodbyes of these neighbours name
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

// takeGoodbye records the content of a peer's goodbye. The caller holds driver.mu.
func (l *link) takeGoodbye(m *hyparview.Disconnect) {
	l.goodbye = true
	if m.Reason != hyparview.ReasonLeave {
		return
	}
	l.leaves, l.others = true, nil
	for _, c := range m.Try {
		l.others = append(l.others, c.ID)
	}
}
