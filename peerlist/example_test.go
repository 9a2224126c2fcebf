package peerlist_test

import (
	"fmt"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/peerlist"
)

type peer struct {
	id   ident.ID
	name string
}

func (p peer) ID() ident.ID { return p.id }

// A list of peers with hooks. In a program, Node.Peers returns the list and the node
// fills it.
func ExamplePeerlist() {
	list := peerlist.New[peer](1, 2, nil)
	off := list.OnAdd(func(p peer) { fmt.Println("added", p.name) })
	list.OnRemove(func(p peer) { fmt.Println("removed", p.name) })

	list.Add(peer{ident.ID{1}, "ann"})
	list.Add(peer{ident.ID{2}, "bob"})
	fmt.Println(list.Len(), "of", list.Min(), "to", list.Max(), list.IsFilled(), list.IsFull())
	list.Remove(ident.ID{1})
	off()
	list.Add(peer{ident.ID{3}, "eve"})
	for p := range list.All() {
		fmt.Println(p.name)
	}
	_, ok := list.Get(ident.ID{1})
	fmt.Println(ok, list.Has(ident.ID{2}))
	// Output:
	// added ann
	// added bob
	// 2 of 1 to 2 true true
	// removed ann
	// bob
	// eve
	// false true
}
