// Package room has the code that example_chat and `smoke chat` share: the events of the
// chat, the list of the people in it, and the search for people whose nodes have crashed.
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

// The events of the chat. "say" carries a line of text. The others carry the name of a
// person: "join" is emitted by a newcomer, "here" in answer to it, "name" after a change
// of name, "leave" by a person who leaves, and "gone" by a chat that has found a person
// dead.
type (
	Utterance struct{ Name, Text string }
	Presence  struct{ Name string }
)

const (
	// Network is the name of the network of chats.
	Network = "chat"
	// Port is the port at which the chats of one machine meet if neither a port nor a
	// seed is given. Other programs of this repository use other ports.
	Port = 8494
	// MaxName is the number of runes that a name may have.
	MaxName = 32
)

const (
	// size is the number of people up to which a newcomer is answered with "here". In a
	// larger room there would be more answers than lines, and a newcomer learns a name
	// when it is used.
	size = 50
	// answerWithin spreads the answers to a newcomer. One answer serves all who join
	// meanwhile.
	answerWithin = time.Second
)

// Home returns the options of the first chat on a machine, which listens on port, and of
// the others, which join it there. All chats have that address as their seed. The first one
// has it too, so that it knows that it is a seed. If it dies, the next chat that starts
// takes the port, and the remaining chats find it there.
func Home(o smoke.Options, port int) (first, other smoke.Options) {
	if o.Address == "" {
		o.Address = "127.0.0.1"
	}
	o = o.Canonical() // removes brackets around the address
	o.Seeds = []string{net.JoinHostPort(o.Address, strconv.Itoa(port))}
	first = o
	first.Port = port
	return first, o
}

// People are the people in the chat. All methods may be called from any goroutine.
type People struct {
	node   *smoke.Node
	onGone func(Person)

	ctx    context.Context // ends with Close
	end    context.CancelFunc
	asking sync.WaitGroup // the goroutine that asks all nodes

	mu       sync.Mutex // guards all below; not held while onGone runs or an event is emitted
	roster   *roster
	answer   *time.Timer // not nil while an answer to newcomers is scheduled
	isClosed bool
	isAsking bool // a goroutine is asking all nodes
	askAgain bool // that goroutine must ask once more
}

// Watch creates the People of a node that is not started yet. name is the name of the
// node's own person. onGone is called for each person whose node was found dead.
func Watch(node *smoke.Node, name string, onGone func(Person)) *People {
	p := &People{node: node, onGone: onGone, roster: newRoster(node.ID(), name)}
	p.ctx, p.end = context.WithCancel(context.Background())
	node.Peers().OnRemove(func(*smoke.Peer) { p.suspect() })
	smoke.On(node.Broadcast(), "gone", func(smoke.Event, Presence) { p.suspect() })
	return p
}

// Close ends the search for dead nodes and the scheduled answers, and waits for their
// goroutines.
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

// Heard records that a person was heard under a name. It returns the labels before and
// after that, and what has changed.
func (p *People) Heard(id smoke.ID, name string) (before, label string, change Change) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before = p.roster.label(id)
	change = p.roster.heard(id, name, time.Now())
	return before, p.roster.label(id), change
}

// Left removes a person who said goodbye. It returns the label, and whether the person
// was known.
func (p *People) Left(id smoke.ID) (label string, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	label = p.roster.label(id)
	return label, p.roster.remove(id)
}

// Label returns the name that is shown for a person. If another person has the same name,
// the start of the id is added. A person who was never heard has only the start of the
// id.
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

// AnswerSoon calls say within a second, unless the room is too large for answers. Calls
// in the meantime have no further effect.
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
