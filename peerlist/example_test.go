package peerlist_test

import (
	"fmt"
	"math/rand/v2"
	"time"

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

// actions prints what a Membership wants done. A real owner dials and sends.
type actions struct{}

func (actions) Send(_ ident.Link, m peerlist.Message)   { fmt.Printf("send %T\n", m) }
func (actions) Dial(addr string)                        { fmt.Println("dial", addr) }
func (actions) Close(_ ident.Link, why peerlist.Reason) { fmt.Println("close:", why) }
func (actions) Up(l ident.Link)                         { fmt.Println("neighbour", l) }
func (actions) Down(l ident.Link, why peerlist.Reason)  { fmt.Println("lost", l, why) }
func (actions) Added(uint64, error)                     {}
func (actions) ShutOut([]peerlist.Attempt)              {}
func (actions) Twin(peerlist.Conn, string, bool)        {}

// A Membership without I/O: the owner reports what happened, and gets actions.
func ExampleMembership() {
	now := time.Unix(0, 0)
	m := peerlist.NewMembership(peerlist.Config{
		Self:     peerlist.Contact{ID: ident.ID{1}, Addr: "10.0.0.1:8495"},
		MinPeers: 1, MaxPeers: 2, Rand: rand.New(rand.NewPCG(1, 1)),
	})
	m.Start(now, actions{})
	m.SetSeeds(now, []string{"10.0.0.2:8495"}, actions{})
	m.LinkUp(now, peerlist.Conn{Link: 7, Peer: ident.Origin{ID: ident.ID{2}}, Addr: "10.0.0.2:8495", Dialled: "10.0.0.2:8495"}, actions{})
	m.Handle(now, 7, &peerlist.NeighborReply{Accepted: true}, actions{})
	// Output:
	// dial 10.0.0.2:8495
	// send *peerlist.Join
	// neighbour 7
	// send *peerlist.Shuffle
}
