package smoke_test

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/batch"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/internal/signed"
	"github.com/smokesignal-go/smokesignal/internal/wire"
	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/trust"
)

// These tests are about signed events, and about neighbours that forge events.

var all = []string{smoke.AllEvents}

// insider is a stranger with a key that the node admits.
type insider struct {
	*stranger
	key *trust.Key
}

// enter makes an insider a neighbour of a node. accepted reports whether the node
// accepted it.
func enter(t testing.TB, addr string, key *trust.Key) (eve *insider, accepted bool) {
	t.Helper()
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	guard, err := trust.NewGuard(key, nil, trust.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := guard.Secure(t.Context(), raw, addr)
	if err != nil {
		t.Fatal(err)
	}
	eve = &insider{receive(t, conn), key}
	greeting := hello()
	greeting.ID, greeting.Epoch = key.ID(), uint64(time.Now().UnixNano())
	eve.say(greeting)
	eve.next()
	eve.say(&hyparview.Neighbor{})
	for {
		switch m := eve.next().(type) {
		case *hyparview.NeighborReply:
			return eve, m.Accepted
		case nil:
			t.Fatal("the node hung up")
		}
	}
}

// overhear waits for the next events and returns a copy.
func (i *insider) overhear() *plumtree.Gossip {
	i.t.Helper()
	for {
		switch m := i.next().(type) {
		case *plumtree.Gossip:
			kept := *m
			kept.Body = bytes.Clone(m.Body)
			return &kept
		case nil:
			i.t.Fatal("the node hung up")
		}
	}
}

// untilRead waits until the node has read all messages sent so far.
func (i *insider) untilRead() {
	i.t.Helper()
	i.say(&hyparview.Ping{Sent: 1})
	for {
		switch m := i.next().(type) {
		case *hyparview.Pong:
			return
		case nil:
			i.t.Fatalf("the node hung up: %v", m)
		}
	}
}

func TestEventsThatAreSigned(t *testing.T) {
	s := tell(t)
	list := []string{"vote"}
	ann := s.start(smoke.Options{Key: newKey(t), Signed: list})
	bob := s.start(smoke.Options{Key: newKey(t), Signed: list, Seeds: []string{ann.Addr()}})
	cat := s.create(smoke.Options{Key: newKey(t), Signed: list, Seeds: []string{bob.Addr()}})
	heard := make(chan string, 10)
	cat.Broadcast().OnAny(func(e smoke.Event) {
		if e.Name != "word" {
			heard <- fmt.Sprint(e.Name, " ", e.Seq, " ", e.Signed, " ", e.Len(), " ", e.Origin == ann.ID())
		}
	})
	cat.Peers().OnAdd(func(p *smoke.Peer) {
		p.On("vote", func(e smoke.Event) { heard <- fmt.Sprint("to cat only ", e.Signed) })
	})
	if err := cat.Start(); err != nil {
		t.Fatal(err)
	}
	s.wantOverlay([]*actor{ann, bob, cat}, 1)
	for _, emit := range []error{
		ann.Broadcast().Emit("vote", "yes", 1), ann.Broadcast().Emit("chat", "hm"), ann.Broadcast().Emit("vote"),
		ann.Broadcast().Emit("vote", strings.Repeat("x", 1<<20-8)),
	} {
		if emit != nil {
			t.Fatal(emit)
		}
	}
	for _, want := range []string{"vote 1 true 2 true", "chat 2 false 1 true", "vote 3 true 0 true", "vote 4 true 1 true"} {
		if got := wait(t, want, heard); got != want {
			t.Errorf("cat heard %q, want %q", got, want)
		}
	}
	if err := bob.peer(cat).Emit("vote", "psst"); err != nil {
		t.Fatal(err)
	}
	if got := wait(t, "bob's whisper", heard); got != "to cat only false" {
		t.Errorf("cat heard %q", got)
	}
	s.wantNever([]*actor{ann, bob, cat}, "gap", "remove")
}

// An insider forges the events that it relays: the body, the number, or the origin. The
// node drops three such events. Then it ends the link and does not accept the insider
// again. No forged event is delivered, and events of the origin still are.
func TestANeighbourThatForgesIsNotAcceptedAgain(t *testing.T) {
	for name, forge := range map[string]func(g *plumtree.Gossip, eve *insider){
		"the payload":   func(g *plumtree.Gossip, _ *insider) { g.Body[len(g.Body)-1]++ },
		"the name":      func(g *plumtree.Gossip, _ *insider) { g.Body[signed.Size+3] = 'W' },
		"the number":    func(g *plumtree.Gossip, _ *insider) { g.Seq += 5 },
		"a huge number": func(g *plumtree.Gossip, _ *insider) { g.Seq = wire.MaxSeq },
		"the life":      func(g *plumtree.Gossip, _ *insider) { g.Origin.Epoch++ },
		"the origin":    func(g *plumtree.Gossip, eve *insider) { g.Origin.ID = eve.key.ID() },
		"the signature": func(g *plumtree.Gossip, _ *insider) {
			body, _, _ := batch.Next(g.Body)
			g.Body = batch.Append(nil, body[signed.Size:])
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := tell(t)
			ann, bob := s.start(smoke.Options{Key: newKey(t), Signed: all}), s.start(smoke.Options{Key: newKey(t), Signed: all})
			key := newKey(t)
			ear, _ := enter(t, ann.Addr(), key)
			ann.speak(1)
			genuine := ear.overhear()

			mouth, _ := enter(t, bob.Addr(), key)
			for n := range 3 {
				lie := *genuine
				lie.Body = bytes.Clone(genuine.Body)
				forge(&lie, mouth)
				mouth.say(&lie)
				if n < 2 {
					mouth.untilRead()
				}
			}
			heard := mouth.untilHungUp()
			if !slices.ContainsFunc(heard, func(m any) bool {
				d, ok := m.(*hyparview.Disconnect)
				return ok && d.Reason == hyparview.ReasonProtocol
			}) {
				t.Errorf("eve gets no reason: %v", heard)
			}
			bob.wantLogged("not signed by its origin", "origin")
			if got := bob.Stats().Refused; got != (smoke.Refused{Forgeries: 3}) {
				t.Errorf("bob counts %+v", got)
			}
			if _, accepted := enter(t, bob.Addr(), key); accepted {
				t.Error("eve is accepted again")
			}

			honest, _ := enter(t, bob.Addr(), newKey(t))
			honest.say(genuine)
			s.wantHeard([]*actor{bob}, []*actor{ann})
			ann.add(bob)
			ann.speak(5)
			s.wantHeard([]*actor{bob}, []*actor{ann})
			s.wantNever([]*actor{ann, bob}, "gap")
		})
	}
}

// A node without Options.Signed accepts unsigned events. It still verifies each
// signature.
func TestASignatureIsVerifiedEvenWithoutAList(t *testing.T) {
	s := tell(t)
	ann, bob := s.start(smoke.Options{Key: newKey(t), Signed: all}), s.start(smoke.Options{Key: newKey(t)})
	ear, _ := enter(t, ann.Addr(), newKey(t))
	ann.speak(1)
	lie := ear.overhear()
	lie.Body[len(lie.Body)-1]++
	mouth, _ := enter(t, bob.Addr(), newKey(t))
	for range 3 {
		mouth.say(lie)
	}
	mouth.untilHungUp()
	bob.wantLogged("its link was closed", "")
	ann.add(bob)
	ann.speak(2)
	s.wantHeard([]*actor{bob}, []*actor{ann})
}

// A node has another Options.Signed than its peers, and these end the link. The logs of
// both name the option.
func TestADifferentListIsLoggedAtBothEnds(t *testing.T) {
	s := tell(t)
	ann, odd := s.start(smoke.Options{Key: newKey(t), Signed: all}), s.start(smoke.Options{Key: newKey(t)})
	ann.add(odd)
	s.eventually("the link is gone", func() bool {
		odd.speak(1) // a frame can have one word or several
		return ann.Peers().Len() == 0 && odd.Peers().Len() == 0
	})
	ann.wantLogged("Options.Signed", odd.ID().Short())
	odd.wantLogged("Options.Signed", ann.ID().Short())
	if got := ann.from(odd.ID()); got.count > 0 {
		t.Errorf("ann heard %d words that are not signed", got.count)
	}
}

// An attacker records all events and sends them again with age 0: at once, after the
// receiver has restarted, and after the origin has restarted with its key. No event is
// delivered twice, and new events are delivered.
func TestReplayedEventsAreDeliveredOnce(t *testing.T) {
	s := tell(t)
	annOptions := smoke.Options{Key: newKey(t), Signed: all}
	ann, bob := s.start(annOptions), s.start(smoke.Options{Key: newKey(t), Signed: all})
	ann.add(bob)
	key := newKey(t)
	var kept []*plumtree.Gossip
	listen := func(words int) {
		ear, _ := enter(t, bob.Addr(), key)
		ear.say(&plumtree.Graft{Eager: true})
		ear.untilRead()
		ann.speak(words)
		for got := 0; got < words; {
			g := ear.overhear()
			if g.Origin.ID == ann.ID() {
				kept, got = append(kept, g), got+int(g.Count)
			}
		}
		s.wantHeard([]*actor{bob}, []*actor{ann})
		ear.conn.Close()
	}
	replay := func() {
		for range 2 {
			mouth, accepted := enter(t, bob.Addr(), key)
			if !accepted {
				t.Fatal("a peer that sends genuine events is not accepted")
			}
			for _, g := range kept {
				g.Age = 0
				mouth.say(g)
			}
			mouth.untilRead()
			mouth.conn.Close()
		}
	}
	again := func(a *actor) {
		if err := a.Stop(); err != nil {
			t.Fatal(err)
		}
		if err := a.Start(); err != nil {
			t.Fatal(err)
		}
	}
	listen(3)
	replay() // hear fails the test if a word comes twice
	again(bob)
	replay()
	ann.add(bob)
	listen(3)
	again(ann)
	ann.add(bob)
	replay()
	listen(3)
	replay()
	if got := bob.from(ann.ID()); got.count != 9 {
		t.Errorf("bob heard %d words", got.count)
	}
	s.wantNever([]*actor{ann, bob}, "gap")
}

// In a network where all events are signed, every node receives them.
func TestANetworkWhereAllIsSigned(t *testing.T) {
	s := tell(t)
	first := s.start(smoke.Options{Key: newKey(t), Signed: all})
	cast := []*actor{first}
	for range 11 {
		cast = append(cast, s.create(smoke.Options{Key: newKey(t), Signed: all, Seeds: []string{first.Addr()}}))
	}
	each(cast[1:], func(a *actor) {
		if err := a.Start(); err != nil {
			s.Errorf("start: %v", err)
		}
	})
	s.wantOverlay(cast, 3)
	each(cast, func(a *actor) { a.speak(20) })
	first.speak(500) // faster than a node verifies
	s.wantHeard(cast, cast)
	s.wantNever(cast, "gap", "netsplit")
}

// BenchmarkEmit measures the emission of an event by a node without neighbours.
func BenchmarkEmit(b *testing.B) {
	for _, list := range [][]string{nil, all} {
		b.Run(fmt.Sprintf("signed=%v", list != nil), func(b *testing.B) {
			key, err := trust.NewKey()
			if err != nil {
				b.Fatal(err)
			}
			n := smoke.CreateNode(smoke.Options{Network: storyNetwork, Key: key, Signed: list})
			if err := n.Start(); err != nil {
				b.Fatal(err)
			}
			defer n.Stop()
			payload := strings.Repeat("x", 128)
			var once sync.Once
			for b.Loop() {
				if err := n.Broadcast().Emit("word", payload); err != nil {
					once.Do(func() { b.Error(err) })
				}
			}
		})
	}
}
