package meshview

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// want keeps the surveys running for the time linger. It reports whether they were running
// before.
func (b *Board) want() (was bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	was = b.looking
	b.wanted = time.Now().Add(linger)
	b.startLooking()
	return was
}

// startLooking starts the survey loop if it does not run. The caller holds mu.
func (b *Board) startLooking() {
	if !b.looking {
		b.looking, b.lookingSince, b.complete = true, time.Now(), false
		// Owner: the board. It ends when no client has asked for the time linger. Nothing
		// has to wait for it.
		go b.keepLooking()
	}
}

func (b *Board) isWanted(now time.Time) bool { return len(b.watchers) > 0 || now.Before(b.wanted) }

// keepLooking surveys the mesh as long as a client needs it.
func (b *Board) keepLooking() {
	ctx, cancel := context.WithCancel(context.Background())
	free := make(chan struct{}, maxSurveys)
	off := b.mesh.OnEvent(b.onEvent)
	defer func() {
		off()
		for range maxSurveys { // running surveys
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
		default: // too many are running
		}
		b.remark()
		b.show()
		time.Sleep(wait)
	}
}

// period returns the time between surveys. The caller holds mu.
func (b *Board) period() time.Duration {
	return min(max(period, period*time.Duration(len(b.nodes))/periodNodes), longest)
}

// look surveys the mesh once.
func (b *Board) look(ctx context.Context) {
	began := time.Now()
	_, err := b.mesh.Survey(ctx, func(info smoke.NodeInfo) {
		b.mu.Lock()
		defer b.mu.Unlock()
		n := &seen{NodeInfo: info, at: time.Now()}
		last := b.nodes[info.ID]
		if last == nil {
			n.past = counted(nil, n.at, n.Delivered)
		} else {
			n.past = counted(last.past, n.at, n.Delivered)
			if n.lostAt, n.wasSilent = last.lostAt, last.wasSilent; info.Gaps > last.Gaps {
				n.lostAt = n.at
			}
		}
		b.nodes[info.ID] = n
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.complete = err == nil; b.complete {
		b.wholeAt = began
	}
	if err != nil && !errors.Is(err, smoke.ErrIncomplete) {
		return
	}
	now := time.Now()
	maps.DeleteFunc(b.nodes, func(_ smoke.ID, n *seen) bool { return now.Sub(n.at) > forgetAfter })
	b.forgetGone(now)
	if excess := len(b.nodes) - maxNodes; excess > 0 {
		for _, n := range slices.SortedFunc(maps.Values(b.nodes), func(x, y *seen) int { return x.at.Compare(y.at) })[:excess] {
			delete(b.nodes, n.ID)
		}
	}
}

// lookShared surveys the mesh for a request for JSON. Requests at about the same time share
// one survey, so that clients can't cause surveys as often as they like.
func (b *Board) lookShared(ctx context.Context) {
	for {
		b.mu.Lock()
		now := time.Now()
		soon := b.sharedAt.Add(atLeast).Sub(now)
		if soon <= 0 {
			done := make(chan struct{})
			b.sharedAt, b.shared = now, done
			b.mu.Unlock()
			defer close(done)
			b.look(ctx)
			return
		}
		b.mu.Unlock()
		select {
		case <-time.After(soon):
		case <-ctx.Done():
			return
		}
		b.mu.Lock()
		done, isNew := b.shared, b.sharedAt.After(now)
		b.mu.Unlock()
		if isNew { // another waiting request may have started it
			select {
			case <-done:
			case <-ctx.Done():
			}
			return
		}
	}
}

// forgetGone removes nodes whose absence is no problem: nodes that said goodbye, nodes
// whose successor answers at the same address, and guests, which have no address. The
// caller holds mu.
func (b *Board) forgetGone(now time.Time) {
	living := make(map[string]*seen)
	for _, n := range b.nodes { // order does not matter: each node is judged alone
		for _, id := range n.Left {
			// The node may be back, and may have answered in the same survey.
			left := b.nodes[id]
			if left != nil && (n.at.Sub(left.at) > slack || n.at.After(left.at) && left.at.Before(b.wholeAt)) {
				delete(b.nodes, id)
			}
		}
		if !b.isSilent(now, n) {
			living[n.Addr] = n
		}
	}
	maps.DeleteFunc(b.nodes, func(_ smoke.ID, n *seen) bool {
		return b.isSilent(now, n) && (n.Addr == "" || living[n.Addr] != nil)
	})
}

// isSilent reports whether a node is overdue: it is missing from a survey that was
// otherwise complete, or from two in a row. The caller holds mu.
func (b *Board) isSilent(now time.Time, n *seen) bool {
	if n.at.Before(b.wholeAt) {
		return true
	}
	at := n.at
	if b.lookingSince.After(at) {
		at = b.lookingSince
	}
	return now.Sub(at) > 2*b.period()+slack
}

// remark adds notices: nodes that fall silent or answer again, and a new number of parts.
func (b *Board) remark() {
	late, lost := b.tally()
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	var fell, back []string
	var views []NodeView
	for _, n := range b.nodes { // order does not matter: the names are sorted
		silent := b.isSilent(now, n)
		switch {
		case silent && !n.wasSilent:
			fell = append(fell, nameOf(n.NodeInfo))
		case !silent && n.wasSilent:
			back = append(back, nameOf(n.NodeInfo))
		}
		n.wasSilent = silent
		views = append(views, NodeView{NodeInfo: n.NodeInfo, Silent: silent})
	}
	if len(fell) > 0 {
		b.note(fmt.Sprintf("%s silent: %s", count(len(fell), "node fell", "nodes fell"), names(fell)))
	}
	if len(back) > 0 {
		b.note(fmt.Sprintf("%s again: %s", count(len(back), "node answers", "nodes answer"), names(back)))
	}
	silent := 0
	for _, v := range views {
		if v.Silent {
			silent++
		}
	}
	b.follow(now, turn{len(parts(views)), silent, len(fell)}, late, lost)
}

// nameOf returns the name of a node for people.
func nameOf(n smoke.NodeInfo) string { return cmp.Or(n.Addr, n.ID.Short()) }

// names lists the first few names.
func names(list []string) string {
	slices.Sort(list)
	if rest := len(list) - few; rest > 1 {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:few], ", "), rest)
	}
	return strings.Join(list, ", ")
}

func (b *Board) onNotice(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.note(text)
}

// note adds a notice. The caller holds mu.
func (b *Board) note(text string) {
	b.notices = append(b.notices, Notice{b.since(time.Now()), text})
	b.notices = b.notices[max(0, len(b.notices)-maxNotices):]
}
