package room

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// A chat that crashes says no goodbye. Its neighbours notice the end of the link: a
// moment after kill -9, or within five seconds if the node is silent. They then survey
// all nodes of the network (smoke.Node.Survey). A person whose node is missing from two
// complete answers in a row is gone. A chat that finds such a person asks the other chats
// to survey too, because not all of them were neighbours of the dead node.
const (
	// askPause precedes each survey, or up to twice as long. By then replaced links are up
	// again, and the chats do not all ask in the same second. A node relays eight surveys a
	// second for a neighbour and answers the rest as partial.
	askPause = time.Second
	// mostAsks limits the surveys of a chat while some node prevents a complete answer. A
	// dead node that is not detected yet does so for 5 s.
	mostAsks = 6
	// answersWithin limits one survey.
	answersWithin = 5 * time.Second
)

// suspect starts a search soon. In a large room it does nothing, because the searches of
// all chats would cost too much; there only Count finds dead people.
func (p *People) suspect() {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.isClosed || p.roster.len() == 0 || p.roster.len() > size:
	case p.isAsking:
		p.askAgain = true
	default:
		p.isAsking = true
		// Close ends the goroutine by p.ctx, and waits for it.
		p.asking.Go(p.askAround)
	}
}

// askAround searches once, and once more if a link ended meanwhile.
func (p *People) askAround() {
	for again := true; again; {
		p.search()
		p.mu.Lock()
		again = p.askAgain && p.ctx.Err() == nil
		p.askAgain, p.isAsking = false, again
		p.mu.Unlock()
	}
}

// search surveys all nodes, up to mostAsks times. People who were missing from two
// complete answers in a row, or from all answers, are gone.
func (p *People) search() {
	absent := 0 // complete answers in a row in which the same people were missing
	var missing map[smoke.ID]bool
	for range mostAsks {
		select {
		case <-time.After(askPause + rand.N(askPause)):
		case <-p.ctx.Done():
			return
		}
		began := time.Now()
		heard, _, whole, err := p.ask(p.ctx)
		if err != nil {
			return // the node is stopped
		}
		missing = p.missingFrom(heard, began, missing)
		if len(missing) == 0 {
			return
		}
		if absent++; !whole {
			absent = 0
		}
		if absent == 2 {
			break
		}
	}
	if p.bury(missing) > 0 {
		p.node.Broadcast().Emit("gone", Presence{Name: p.Self()}) // so that the others survey too; this fails only if the node stops
	}
}

// ask surveys all nodes. whole is false if some did not answer.
func (p *People) ask(ctx context.Context) (heard map[smoke.ID]bool, nodes int, whole bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	heard = make(map[smoke.ID]bool)
	nodes, err = p.node.Survey(ctx, func(n smoke.NodeInfo) { heard[n.ID] = true })
	if errors.Is(err, smoke.ErrIncomplete) {
		return heard, nodes, false, nil
	}
	return heard, nodes, nodes == len(heard), err
}

// missingFrom returns the people who were known when the survey began and who did not
// answer. If before is not nil, it returns only those who are in before, too.
func (p *People) missingFrom(heard map[smoke.ID]bool, began time.Time, before map[smoke.ID]bool) map[smoke.ID]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	missing := make(map[smoke.ID]bool)
	for id, person := range p.roster.people { // order does not matter: it makes a set
		if !heard[id] && person.Heard.Before(began) && (before == nil || before[id]) {
			missing[id] = true
		}
	}
	return missing
}

// bury removes people, and returns how many of them were still listed.
func (p *People) bury(dead map[smoke.ID]bool) (buried int) {
	var gone []Person
	p.mu.Lock()
	for _, person := range p.roster.all() {
		if dead[person.ID] {
			gone = append(gone, person)
		}
	}
	for id := range dead { // order does not matter: all of them go
		p.roster.remove(id)
	}
	p.mu.Unlock()
	for _, person := range gone {
		p.onGone(person)
	}
	return len(gone)
}

// Count surveys all nodes. It returns the number of nodes, and the number of people who
// did not answer, if some nodes may not have been reached. People who are missing from a
// complete answer are removed.
func (p *People) Count(ctx context.Context) (nodes, silent int, err error) {
	began := time.Now()
	heard, nodes, whole, err := p.ask(ctx)
	if err != nil {
		return 0, 0, err
	}
	missing := p.missingFrom(heard, began, nil)
	if whole {
		p.bury(missing)
		return nodes, 0, nil
	}
	return nodes, len(missing), nil
}
