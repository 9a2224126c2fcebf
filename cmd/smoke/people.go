package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// people are those who were heard in a chat, and notices those whose nodes die: see
// example_chat/dead.go, which does the same with more comfort.
type people struct {
	node *smoke.Node
	gone func(id smoke.ID, name string)

	ctx    context.Context // ends with stop
	end    context.CancelFunc
	asking sync.WaitGroup // the goroutine that asks around

	mu       sync.Mutex // guards all below
	names    map[smoke.ID]string
	since    map[smoke.ID]time.Time // when each was heard last
	isAsking bool
	isOver   bool
	answer   *time.Timer // to those who came in; nil: none is under way
}

const (
	mostPeople = 50          // in a larger room asking around costs too much
	askPause   = time.Second // before each question
	mostAsks   = 6           // while some node keeps a chat from a whole answer
)

// watch begins with a node that is not started. gone runs when a node was found dead.
func (p *people) watch(node *smoke.Node, gone func(id smoke.ID, name string)) {
	p.node, p.gone = node, gone
	p.ctx, p.end = context.WithCancel(context.Background())
	p.mu.Lock()
	p.names, p.since = make(map[smoke.ID]string), make(map[smoke.ID]time.Time)
	p.isOver = false
	p.mu.Unlock()
	node.Peers().OnRemove(func(*smoke.Peer) { p.suspect() })
	node.Broadcast().On("gone", func(smoke.Event) { p.suspect() })
}

// stop ends what looks for the dead, and waits for it.
func (p *people) stop() {
	p.mu.Lock()
	p.isOver = true
	if p.answer != nil {
		p.answer.Stop()
	}
	p.mu.Unlock()
	p.end()
	p.asking.Wait()
}

// heard notes a name, and returns true if it is a new one.
func (p *people) heard(id smoke.ID, name string) (isNew bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, known := p.names[id]
	if known || len(p.names) <= mostPeople {
		p.names[id], p.since[id] = name, time.Now()
	}
	return !known
}

// answerSoon has say run within a second, once for all who came in until then. In a
// large room the answers would outnumber what is said.
func (p *people) answerSoon(say func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isOver || p.answer != nil || len(p.names) > mostPeople {
		return
	}
	p.answer = time.AfterFunc(rand.N(time.Second), func() {
		p.mu.Lock()
		p.answer = nil
		isOver := p.isOver
		p.mu.Unlock()
		if !isOver {
			say()
		}
	})
}

func (p *people) left(id smoke.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.names, id)
	delete(p.since, id)
}

func (p *people) suspect() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isOver || p.isAsking || len(p.names) == 0 || len(p.names) > mostPeople {
		return
	}
	p.isAsking = true
	p.asking.Go(p.search) // stop ends it by ctx, and waits
}

// search asks all nodes until none is missing, or the same people were missing from
// two whole answers in a row.
func (p *people) search() {
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.isAsking = false
	}()
	var missing map[smoke.ID]string
	whole := 0 // answers in a row
	for n := 0; n < mostAsks && whole < 2; n++ {
		select {
		case <-time.After(askPause):
		case <-p.ctx.Done():
			return
		}
		began := time.Now()
		answered := make(map[smoke.ID]bool)
		nodes, err := p.node.Survey(p.ctx, func(i smoke.NodeInfo) { answered[i.ID] = true })
		if err != nil && !errors.Is(err, smoke.ErrIncomplete) {
			return // the chat is over
		}
		if missing = p.missing(answered, began, missing); len(missing) == 0 {
			return
		}
		if whole++; err != nil || nodes != len(answered) {
			whole = 0
		}
	}
	for id, name := range missing { // order does not matter to those who read it
		p.left(id)
		p.gone(id, name)
	}
	p.node.Broadcast().Emit("gone", presence{}) // so that others ask too; fails only if the node stops
}

// missing are the people who did not answer a question, nor the one before.
func (p *people) missing(answered map[smoke.ID]bool, began time.Time, before map[smoke.ID]string) map[smoke.ID]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	missing := make(map[smoke.ID]string)
	for id, name := range p.names { // order does not matter: it makes a set
		_, was := before[id]
		if !answered[id] && p.since[id].Before(began) && (before == nil || was) {
			missing[id] = name
		}
	}
	return missing
}
