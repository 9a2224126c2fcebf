package board

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// want has surveys go on for a moment, and reports whether they did before.
func (b *Board) want() (was bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	was = b.looking
	b.wanted = time.Now().Add(linger)
	b.startLooking()
	return was
}

// startLooking begins to survey, if nobody does. The caller holds mu.
func (b *Board) startLooking() {
	if !b.looking {
		b.looking = true
		// The board owns it. It ends when nobody has wanted to know for a moment;
		// nobody has to wait for that.
		go b.keepLooking()
	}
}

func (b *Board) isWanted(now time.Time) bool { return len(b.watchers) > 0 || now.Before(b.wanted) }

// keepLooking surveys the mesh for as long as somebody wants to know.
func (b *Board) keepLooking() {
	ctx, cancel := context.WithCancel(context.Background())
	free := make(chan struct{}, maxSurveys)
	off := b.mesh.OnEvent(b.onEvent)
	defer func() {
		off()
		for range maxSurveys { // those under way
			free <- struct{}{}
		}
		cancel()
	}()
	for {
		b.mu.Lock()
		now := time.Now()
		if !b.isWanted(now) {
			b.looking = false
			b.mu.Unlock()
			return
		}
		wait := b.period()
		b.mu.Unlock()
		select {
		case free <- struct{}{}:
			go func() { // keepLooking waits for it; it ends within two seconds
				defer func() { <-free }()
				b.look(ctx)
			}()
		default: // many are under way
		}
		b.show()
		time.Sleep(wait)
	}
}

// period is how long to wait between surveys. The caller holds mu.
func (b *Board) period() time.Duration {
	return max(period, period*time.Duration(len(b.nodes))/periodNodes)
}

// look surveys the mesh once.
func (b *Board) look(ctx context.Context) {
	_, err := b.mesh.Survey(ctx, func(info smoke.NodeInfo) {
		b.mu.Lock()
		defer b.mu.Unlock()
		n := &seen{NodeInfo: info, at: time.Now()}
		if last := b.nodes[info.ID]; last != nil {
			if n.lostAt = last.lostAt; info.Gaps > last.Gaps {
				n.lostAt = n.at
			}
		}
		b.nodes[info.ID] = n
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.complete = err == nil
	if err != nil && !errors.Is(err, smoke.ErrIncomplete) {
		return
	}
	now := time.Now()
	maps.DeleteFunc(b.nodes, func(_ smoke.ID, n *seen) bool { return now.Sub(n.at) > forgetAfter })
	for _, n := range b.nodes { // order does not matter: nobody is gone but by himself
		for _, id := range n.Left {
			// It may be back, and have told so in the same survey.
			if left := b.nodes[id]; left != nil && n.at.Sub(left.at) > slack {
				delete(b.nodes, id)
			}
		}
	}
	if excess := len(b.nodes) - maxSilent; excess > 0 {
		for _, n := range slices.SortedFunc(maps.Values(b.nodes), func(x, y *seen) int { return x.at.Compare(y.at) })[:excess] {
			if b.isSilent(now, n) {
				delete(b.nodes, n.ID)
			}
		}
	}
}

// isSilent reports whether a node was not heard when it should have been. The caller
// holds mu.
func (b *Board) isSilent(now time.Time, n *seen) bool { return now.Sub(n.at) > 2*b.period()+slack }

func (b *Board) onNotice(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notices = append(b.notices, Notice{b.since(time.Now()), text})
	b.notices = b.notices[max(0, len(b.notices)-maxNotices):]
}
