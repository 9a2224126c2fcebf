package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

const (
	beat    = 5 * time.Second // between two "here" events
	timeout = 3 * beat        // a person who was silent for this long is offline
	answer  = time.Second     // a newcomer gets its answer within this time
	goodbye = time.Second     // the time that "bye" may take
)

// roster knows who is online. All nodes emit the same three events. "here" has their name
// and is repeated. A newcomer emits "who" to get the list at once. A node that leaves emits
// "bye".
type roster struct {
	node *smoke.Node
	name string
	out  io.Writer // receives a line for each person that comes or leaves

	mu     sync.Mutex // guards what follows; not held while emitting
	others map[smoke.ID]person
	asked  chan struct{} // has a token if another node has asked for the list
}

// person is a person whose "here" was received.
type person struct {
	name  string
	heard time.Time
}

func newRoster(node *smoke.Node, name string, out io.Writer) *roster {
	r := &roster{node: node, name: name, out: out, others: make(map[smoke.ID]person), asked: make(chan struct{}, 1)}
	b := node.Broadcast()
	smoke.On(b, "here", func(e smoke.Event, name string) { r.came(e.Origin, name) })
	b.On("bye", func(e smoke.Event) { r.went(e.Origin, "left") })
	b.On("who", r.ask)
	node.OnConnect(func() {
		b.Emit("here", r.name) // an error means that the node stops
		b.Emit("who")
	})
	return r
}

// run announces this node again and again, and removes people who were silent for too long,
// until ctx ends.
func (r *roster) run(ctx context.Context) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.dropSilent()
		case <-r.asked:
			// The random wait keeps nodes from answering all at once. One answer serves
			// all requests in the meantime.
			select {
			case <-time.After(rand.N(answer)):
			case <-ctx.Done():
			}
		case <-ctx.Done():
			farewell, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
			defer cancel()
			r.node.Broadcast().EmitContext(farewell, "bye")
			return
		}
		r.node.Broadcast().EmitContext(ctx, "here", r.name) // an error means that the node stops
	}
}

// ask makes run answer.
func (r *roster) ask() {
	select {
	case r.asked <- struct{}{}:
	default: // an answer is due already
	}
}

func (r *roster) came(id smoke.ID, name string) {
	r.mu.Lock()
	before := r.others[id]
	r.others[id] = person{name, time.Now()}
	r.mu.Unlock()
	if before.name != name {
		fmt.Fprintf(r.out, "+ %q\n", name)
	}
}

func (r *roster) went(id smoke.ID, why string) {
	r.mu.Lock()
	p, known := r.others[id]
	delete(r.others, id)
	r.mu.Unlock()
	if known {
		fmt.Fprintf(r.out, "- %q %s\n", p.name, why)
	}
}

// dropSilent removes people who were silent for too long, because of a crash or a
// partition.
func (r *roster) dropSilent() {
	r.mu.Lock()
	var silent []smoke.ID
	for id, p := range r.others {
		if time.Since(p.heard) > timeout {
			silent = append(silent, id)
		}
	}
	r.mu.Unlock()
	for _, id := range silent {
		r.went(id, "is silent")
	}
}

// Online returns the names of the people who are online, sorted, including this node's own
// name.
func (r *roster) Online() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := []string{r.name}
	for _, p := range r.others {
		names = append(names, p.name)
	}
	slices.Sort(names)
	return names
}
