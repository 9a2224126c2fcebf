// Package recipes holds the parts of docs/recipes.md that are not programs.
package recipes

import (
	"context"
	"sync"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// Asker sends questions to neighbours and answers theirs.
type Asker struct {
	answer func(question string) string

	mu      sync.Mutex // guards what follows
	last    uint64
	waiting map[call]chan string
}

// call is one question to one neighbour. Answers of other neighbours are ignored.
type call struct {
	peer smoke.ID
	n    uint64
}

// NewAsker makes an Asker for a node that is not started yet. The handlers of the asking
// neighbour call answer.
func NewAsker(node *smoke.Node, answer func(question string) string) *Asker {
	a := &Asker{answer: answer, waiting: make(map[call]chan string)}
	node.Peers().OnAdd(func(p *smoke.Peer) {
		p.On("ask", func(n uint64, question string) error { return p.Emit("answer", n, a.answer(question)) })
		p.On("answer", func(n uint64, answer string) { a.onAnswer(call{p.ID(), n}, answer) })
	})
	return a
}

// Ask sends a question to a neighbour and waits for the answer or the end of ctx. A
// neighbour that has left never answers. Do not call Ask in a handler of that neighbour:
// the handler would wait for itself.
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
