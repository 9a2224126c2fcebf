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
	beat    = 5 * time.Second // between two signs of life
	timeout = 3 * beat        // without one, somebody is gone
	answer  = time.Second     // within which a newcomer is answered
	goodbye = time.Second     // that saying it may take
)

// roster knows who is online. All nodes emit the same three events: "here" with their
// name, again and again; "who", when they have come in and want to know at once;
// "bye", when they go.
type roster struct {
	node *smoke.Node
	name string
	out  io.Writer // is told who comes and goes

	mu     sync.Mutex // guards what follows; not held while emitting
	others map[smoke.ID]person
	asked  chan struct{} // somebody wants to know who is here
}

// person is somebody who was heard.
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

// run shows that this node is online, and notices who is not any more, until ctx ends.
func (r *roster) run(ctx context.Context) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.dropSilent()
		case <-r.asked:
			// Not all at once. One answer does for all who ask meanwhile.
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

// ask has run answer.
func (r *roster) ask() {
	select {
	case r.asked <- struct{}{}:
	default: // it is about to
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

// dropSilent lets those go who were not heard for too long: they crashed, or a netsplit
// lies between.
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

// Online gives the names of who is online, in order, with the own one.
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
