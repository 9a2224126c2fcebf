package hyparview_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
)

// actions prints the actions that a Membership requests. A real owner dials and sends.
type actions struct{}

func (actions) Send(_ ident.Link, m hyparview.Message)   { fmt.Printf("send %T\n", m) }
func (actions) Dial(addr string)                         { fmt.Println("dial", addr) }
func (actions) Close(_ ident.Link, why hyparview.Reason) { fmt.Println("close:", why) }
func (actions) Up(l ident.Link)                          { fmt.Println("neighbour", l) }
func (actions) Down(l ident.Link, why hyparview.Reason)  { fmt.Println("lost", l, why) }
func (actions) Added(uint64, error)                      {}
func (actions) ShutOut([]hyparview.Attempt)              {}
func (actions) Twin(hyparview.Conn, string, bool)        {}

// A Membership does no I/O: the owner reports each event, and gets actions to perform.
func ExampleMembership() {
	now := time.Unix(0, 0)
	m := hyparview.New(hyparview.Config{
		Self:     hyparview.Contact{ID: ident.ID{1}, Addr: "10.0.0.1:8495"},
		MinPeers: 1, MaxPeers: 2, Rand: rand.New(rand.NewPCG(1, 1)),
	})
	m.Start(now, actions{})
	m.SetSeeds(now, []string{"10.0.0.2:8495"}, actions{})
	m.LinkUp(now, hyparview.Conn{Link: 7, Peer: ident.Origin{ID: ident.ID{2}}, Addr: "10.0.0.2:8495", Dialled: "10.0.0.2:8495"}, actions{})
	m.Handle(now, 7, &hyparview.NeighborReply{Accepted: true}, actions{})
	// Output:
	// dial 10.0.0.2:8495
	// send *hyparview.Join
	// neighbour 7
	// send *hyparview.Shuffle
}
