package smoketest

import (
	"slices"
	"sync"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// Recorder notes down what the nodes hear under one name. Its methods are for the
// goroutine of the test, like those of its Network.
type Recorder[T any] struct {
	net *Network

	mu    sync.Mutex // guards heard
	heard map[int][]heard[T]
}

type heard[T any] struct {
	origin smoke.ID
	value  T
}

// Record begins to note down the broadcasts of one name that nodes hear from now
// on, those that are added or get a new life later among them. T is the type of the
// first argument; an event that has none of that type fails the test.
//
// Like handlers, recorders hear what others emit, and not what the node itself does.
func Record[T any](net *Network, name string) *Recorder[T] {
	r := &Recorder[T]{net: net, heard: make(map[int][]heard[T])}
	listen := func(i int, node *smoke.Node) {
		node.Broadcast().On(name, func(e smoke.Event) {
			h := heard[T]{origin: e.Origin}
			if err := e.Bind(&h.value); err != nil {
				net.t.Errorf("record what node %d hears: %v", i, err)
				return
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			r.heard[i] = append(r.heard[i], h)
		})
	}
	net.onLife(listen)
	for i, node := range net.Nodes() {
		listen(i, node)
	}
	return r
}

// Heard is what node i has heard in all its lives, in that order.
func (r *Recorder[T]) Heard(i int) []T {
	return r.values(i, func(heard[T]) bool { return true })
}

// HeardFrom is what node i has heard of node origin. Only such events have an order
// that is the same at every node.
func (r *Recorder[T]) HeardFrom(i, origin int) []T {
	return r.values(i, func(h heard[T]) bool { return r.net.numbers[h.origin] == origin })
}

func (r *Recorder[T]) values(i int, wanted func(heard[T]) bool) []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	var values []T
	for _, h := range r.heard[i] {
		if wanted(h) {
			values = append(values, h.value)
		}
	}
	return slices.Clip(values)
}
