package smoketest

import (
	"slices"
	"sync"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// Recorder records the events that the nodes receive under one name. Only the goroutine of
// the test may call its methods.
type Recorder[T any] struct {
	net *Network

	mu    sync.Mutex // guards heard
	heard map[int][]heard[T]
}

type heard[T any] struct {
	origin smoke.ID
	value  T
}

// Record starts to record the broadcasts of one name at all nodes, including nodes that are
// added or restarted later. T is the type of the first argument. If an event has another
// type, the test fails.
//
// Like handlers, recorders receive the events of other nodes only.
func Record[T any](net *Network, name string) *Recorder[T] {
	r := &Recorder[T]{net: net, heard: make(map[int][]heard[T])}
	listen := func(i int, node *smoke.Node) {
		node.Broadcast().On(name, func(e smoke.Event) {
			h := heard[T]{origin: e.Origin}
			if err := e.Bind(&h.value); err != nil {
				net.t.Errorf("record the events of node %d: %v", i, err)
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

// Heard returns what node i has received in all its lives, in that order.
func (r *Recorder[T]) Heard(i int) []T {
	return r.values(i, func(heard[T]) bool { return true })
}

// HeardFrom returns what node i has received from node origin. Only such events have the
// same order at every node.
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
