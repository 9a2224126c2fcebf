// Package room has what the programs of the chat share: its events, who is in it, and
// which of them have died. example_chat and `smoke chat` are two faces of it.
package room

import (
	"context"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// The events of the chat. "say" carries what was said. The others carry the name of a
// person: "join" of one that comes in, "here" in answer to it, "name" of one that has
// changed it, "leave" of one that goes, and "gone" of one that has found another one
// dead.
type (
	Utterance struct{ Name, Text string }
	Presence  struct{ Name string }
)

const (
	// Network is the name of the network of chats.
	Network = "chat"
	// Port is where the chats of one machine meet if neither a port nor a seed is given.
	// It is the chats' own: other programs of these pages use other ports.
	Port = 8494
	// MaxName is the number of runes that a name may have.
	MaxName = 32
)

const (
	// size is the number of people up to which a newcomer is answered with "here". In a
	// larger room the answers would outnumber what is said, and a newcomer learns a name
	// when it is used.
	size = 50
	// answerWithin spreads the answers to a newcomer. One answer does for all that come
	// in meanwhile.
	answerWithin = time.Second
)

// Home returns the options of the first chat on a machine, which listens on port, and
// those of the others, which join it there. All of them have that address as their seed,
// the first one too: so it knows that it is a seed, and if it dies, the next chat that
// comes takes the port, and those that are left find it.
func Home(o smoke.Options, port int) (first, other smoke.Options) {
	if o.Address == "" {
		o.Address = "127.0.0.1"
	}
	o = o.Canonical() // no brackets around the address
	o.Seeds = []string{net.JoinHostPort(o.Address, strconv.Itoa(port))}
	first = o
	first.Port = port
	return first, o
}

// People are the people in the chat. Many goroutines may use them.
type People struct {
	node   *smoke.Node
	onGone func(Person)

	ctx    context.Context // ends with Close
	end    context.CancelFunc
	asking sync.WaitGroup // the goroutine that asks all nodes

	mu       sync.Mutex // guards all below; not held while onGone runs or an event is emitted
	roster   *roster
	answer   *time.Timer // set while an answer to newcomers is under way
	isClosed bool
	isAsking bool // a goroutine asks all nodes
	askAgain bool // it must do so once more
}

// Watch follows the people of a node that is not started yet. name is that of the node's
// own person. onGone runs if a person's node was found dead.
func Watch(node *smoke.Node, name string, onGone func(Person)) *People {
	p := &People{node: node, onGone: onGone, roster: newRoster(node.ID(), name)}
	p.ctx, p.end = context.WithCancel(context.Background())
	node.Peers().OnRemove(func(*smoke.Peer) { p.suspect() })
	smoke.On(node.Broadcast(), "gone", func(smoke.Event, Presence) { p.suspect() })
	return p
}

// Close ends the search for the dead and the answers, and waits for what is under way.
func (p *People) Close() {
	p.mu.Lock()
	p.isClosed = true
	if p.answer != nil {
		p.answer.Stop()
	}
	p.mu.Unlock()
	p.end()
	p.asking.Wait()
}

// IsClosed reports whether Close was called.
func (p *People) IsClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.isClosed
}

// Self returns the name of the node's own person.
func (p *People) Self() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.roster.self
}

// Rename changes the name of the node's own person.
func (p *People) Rename(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.roster.self = name
}

// Heard notes that a person was heard under a name. It returns the labels before and
// after that, and what is new.
func (p *People) Heard(id smoke.ID, name string) (before, label string, change Change) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before = p.roster.label(id)
	change = p.roster.heard(id, name, time.Now())
	return before, p.roster.label(id), change
}

// Left removes a person that said goodbye. It returns its label, and whether it was known.
func (p *People) Left(id smoke.ID) (label string, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	label = p.roster.label(id)
	return label, p.roster.remove(id)
}

// Label returns the name that is shown for a person: its name, with the start of its id
// if another person has that name, or only that if it was never heard.
func (p *People) Label(id smoke.ID) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.roster.label(id)
}

// Len returns the number of people.
func (p *People) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.roster.len()
}

// All returns the people, sorted by label.
func (p *People) All() []Person {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.roster.all()
}

// AnswerSoon calls say within a second, once for all newcomers until then, unless the
// room is too large for answers.
func (p *People) AnswerSoon(say func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.answer != nil || p.isClosed || p.roster.len() >= size {
		return
	}
	p.answer = time.AfterFunc(rand.N(answerWithin), func() {
		p.mu.Lock()
		p.answer = nil
		isClosed := p.isClosed
		p.mu.Unlock()
		if !isClosed {
			say()
		}
	})
}
