// Package recipes holds the pieces of docs/recipes.md that are no program of their own.
package recipes

import (
	"context"
	"sync"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// Asker asks neighbours, and answers them.
type Asker struct {
	answer func(question string) string

	mu      sync.Mutex // guards what follows
	last    uint64
	waiting map[call]chan string
}

// call is one question to one neighbour. Answers of others do not count.
type call struct {
	peer smoke.ID
	n    uint64
}

// NewAsker makes an Asker of a node that is yet to be started. answer runs among the
// handlers of the neighbour that asks.
func NewAsker(node *smoke.Node, answer func(question string) string) *Asker {
	a := &Asker{answer: answer, waiting: make(map[call]chan string)}
	node.Peers().OnAdd(func(p *smoke.Peer) {
		p.On("ask", func(n uint64, question string) error { return p.Emit("answer", n, a.answer(question)) })
		p.On("answer", func(n uint64, answer string) { a.onAnswer(call{p.ID(), n}, answer) })
	})
	return a
}

// Ask asks a neighbour and waits for its answer, or for the end of ctx: a neighbour that
// is gone answers nothing. It is not for handlers of that neighbour, which would wait
// for themselves.
func (a *Asker) Ask(ctx context.Context, p *smoke.Peer, question string) (string, error) {
	answers := make(chan string, 1)
	a.mu.Lock()
	a.last++
	this := call{p.ID(), a.last}
	a.waiting[this] = answers
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.waiting, this)
	}()

	if err := p.EmitContext(ctx, "ask", this.n, question); err != nil {
		return "", err
	}
	select {
	case answer := <-answers:
		return answer, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

func (a *Asker) onAnswer(c call, answer string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if answers := a.waiting[c]; answers != nil {
		delete(a.waiting, c) // the first answer counts
		answers <- answer
	}
}
