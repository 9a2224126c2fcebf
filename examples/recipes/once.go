package recipes

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// Payment is a task that must be done exactly once.
type Payment struct {
	ID     string // the same in every repetition
	To     string
	Amount int
}

// again is how long a Payer waits for an answer before it emits again.
const again = 10 * time.Second

// Payer emits payments until they are done.
type Payer struct {
	node *smoke.Node

	mu   sync.Mutex // guards open
	open map[string]chan struct{}
}

// NewPayer makes a Payer for a node that is not started yet.
func NewPayer(node *smoke.Node) *Payer {
	p := &Payer{node: node, open: make(map[string]chan struct{})}
	node.Broadcast().On("paid", func(id string) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if done := p.open[id]; done != nil {
			delete(p.open, id)
			close(done)
		}
	})
	return p
}

// Pay returns nil when the payment is done. After an error it may be done or not. Call Pay
// again with the same Payment, also in another life of the process. A Payment must not be
// in two calls at once.
func (p *Payer) Pay(ctx context.Context, payment Payment) error {
	done := make(chan struct{})
	p.mu.Lock()
	p.open[payment.ID] = done
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.open, payment.ID)
	}()
	repeat := time.NewTicker(again)
	defer repeat.Stop()
	for {
		if err := p.node.Broadcast().EmitContext(ctx, "pay", payment); err != nil {
			return err
		}
		select {
		case <-done:
			return nil
		case <-repeat.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// NewPayment makes a payment with a unique ID.
func NewPayment(to string, amount int) Payment { return Payment{rand.Text(), to, amount} }

// Account executes payments. The map represents a table of a database.
type Account struct {
	mu      sync.Mutex // guards what follows
	balance map[string]int
	done    map[string]bool // by ID; kept as long as a Payer may repeat it
}

// NewAccount makes an empty account.
func NewAccount() *Account {
	return &Account{balance: make(map[string]int), done: make(map[string]bool)}
}

// Serve executes the payments that a node receives. Exactly one node of the network has the
// Account.
func (a *Account) Serve(node *smoke.Node) {
	node.Broadcast().On("pay", func(p Payment) error {
		a.pay(p)
		return node.Broadcast().Emit("paid", p.ID) // also if it was done before: the answer may have been lost
	})
}

// pay executes a payment that is not done yet. It records the payment as done in the same
// transaction.
func (a *Account) pay(p Payment) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.done[p.ID] {
		a.done[p.ID] = true
		a.balance[p.To] += p.Amount
	}
}

// Balance returns the sum of all payments to a person.
func (a *Account) Balance(who string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.balance[who]
}
