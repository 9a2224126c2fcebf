package peerlist

import (
	"slices"
	"sync"
	"testing"

	"github.com/smokesignal-go/smokesignal/ident"
)

type member int

func nodeID(n int) ident.ID { return ident.ID{byte(n >> 8), byte(n)} }

func (m member) ID() ident.ID { return nodeID(int(m)) }

func TestHooksTellOfEveryChangeInOrder(t *testing.T) {
	var queue []func()
	l := New[member](1, 3, func(hook func()) { queue = append(queue, hook) })
	var story []int
	offAdd := l.OnAdd(func(m member) { story = append(story, int(m)) })
	l.OnRemove(func(m member) { story = append(story, -int(m)) })
	l.Add(1)
	l.Add(2)
	l.Remove(nodeID(1))
	l.Remove(nodeID(9)) // not in the list
	offAdd()
	offAdd() // a second call has no effect
	l.Add(3)
	l.Remove(nodeID(3))
	if len(story) > 0 {
		t.Error("a hook ran by itself")
	}
	for _, hook := range queue {
		hook()
	}
	if !slices.Equal(story, []int{1, 2, -1, -3}) {
		t.Errorf("the hooks told %v", story)
	}
}

func TestHooksMayUseTheList(t *testing.T) {
	l := New[member](1, 3, nil)
	calls := 0
	var off func()
	off = l.OnAdd(func(m member) {
		calls++
		if !l.Has(m.ID()) || l.Len() != 1 {
			t.Error("the peer is not in the list")
		}
		l.OnRemove(func(member) { calls++ })
		off()
	})
	l.Add(1)
	l.Remove(nodeID(1))
	l.Add(2)
	if calls != 2 {
		t.Errorf("%d calls", calls)
	}
	l.OnAdd(nil)()
	l.OnRemove(nil)()
	l.Add(3)
}

// A hook that panics does not affect the other hooks: each has a call of its own.
func TestOneHookDoesNotHarmAnother(t *testing.T) {
	l := New[member](1, 3, func(hook func()) {
		defer func() { _ = recover() }()
		hook()
	})
	called := false
	l.OnAdd(func(member) { panic("mine") })
	l.OnAdd(func(member) { called = true })
	l.Add(1)
	if !called {
		t.Error("the second hook was not called")
	}
}

func TestListAnswers(t *testing.T) {
	l := New[member](1, 2, nil)
	if l.IsFilled() || l.IsFull() || l.Len() != 0 {
		t.Error("an empty list is not empty")
	}
	l.Add(5)
	if !l.IsFilled() || l.IsFull() {
		t.Error("with one of at least one")
	}
	l.Add(4)
	if !l.IsFull() || !l.Has(nodeID(4)) || l.Has(nodeID(6)) {
		t.Error("with two of at most two")
	}
	if m, ok := l.Get(nodeID(5)); !ok || m != 5 {
		t.Errorf("got %v, %v", m, ok)
	}
	if _, ok := l.Get(nodeID(6)); ok {
		t.Error("got a stranger")
	}
	if got := slices.Collect(l.All()); !slices.Equal(got, []member{5, 4}) {
		t.Errorf("all: %v", got)
	}
}

// A loop visits the peers as they were when it began.
func TestALoopSeesThePeersOfItsBeginning(t *testing.T) {
	l := New[member](1, 9, nil)
	for n := range 4 {
		l.Add(member(n))
	}
	var seen []member
	for m := range l.All() {
		seen = append(seen, m)
		l.Remove(m.ID())
		l.Add(m + 10)
	}
	if !slices.Equal(seen, []member{0, 1, 2, 3}) {
		t.Errorf("the loop saw %v", seen)
	}
	if got := slices.Collect(l.All()); !slices.Equal(got, []member{10, 11, 12, 13}) {
		t.Errorf("and left %v", got)
	}
	for range l.All() {
		break // which must have no side effect
	}
}

// The owner changes the list while programs read it and register hooks.
func TestListIsSafeForManyGoroutines(t *testing.T) {
	l := New[member](1, 9, nil)
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		readers.Go(func() { // ends at stop; the test waits
			for {
				select {
				case <-stop:
					return
				default:
				}
				n := 0
				for range l.All() {
					n++
				}
				if n > 50 {
					t.Error("more than there ever were")
				}
				l.IsFull()
				l.Has(nodeID(7))
				l.OnAdd(func(member) {})()
			}
		})
	}
	for range 50 {
		for n := range 50 {
			l.Add(member(n))
		}
		for n := range 50 {
			l.Remove(nodeID(n))
		}
	}
	close(stop)
	readers.Wait()
}
