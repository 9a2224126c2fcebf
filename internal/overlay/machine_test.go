package overlay

import (
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/census"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/netsplit"
)

func TestNeighborOfOnePartIsNeighborOfAll(t *testing.T) {
	b := newBench(t, 1, Config{})
	b.Emit(b.now, []byte("\x01a"), b)
	l := b.joins(1)
	if m, ok := wasSent[*plumtree.IHave](b, l); !ok || !m.Sync {
		t.Error("broadcast does not know the neighbour")
	}
	b.Count(b.now, 1, b)
	if _, ok := wasSent[*census.Count](b, l); !ok {
		t.Error("census does not know the neighbour")
	}
	b.get(l, &netsplit.Beacon{Origin: ident.Origin{ID: nodeID(1), Epoch: 1}, Count: 1, Addr: addr(1)})
	if b.Component() != nodeID(1) {
		t.Error("netsplit does not know the neighbour")
	}
	b.ends(l)
	if b.counts != 1 || b.Degree() != 0 || len(b.up) > 0 || len(b.conns) > 0 {
		t.Errorf("after its end: %d counts, degree %d, up %v, conns %v", b.counts, b.Degree(), b.up, b.conns)
	}
	b.get(l, &plumtree.Gossip{Origin: ident.Origin{ID: nodeID(1), Epoch: 1}, Seq: 1, Count: 1, Body: []byte{2, 1, 'e'}})
	if len(b.heard) > 0 {
		t.Error("a frame of a link that is gone was taken in")
	}
}

func TestSeedsAreResolvedAndJoined(t *testing.T) {
	b := newBench(t, 1, Config{Seeds: []string{"dns://chat", addr(1)}})
	if len(b.seeds) != 1 || b.seeds[0] != "dns://chat" || b.dialled(1, false) == nil {
		t.Fatalf("looks up %v, dials %v", b.seeds, b.dials)
	}
	b.Resolved(b.now, "dns://chat", []string{addr(7)}, nil, b)
	d := b.dialled(7, false)
	if d == nil {
		t.Fatalf("dials %v", b.dials)
	}
	l := b.linkUp(hyparview.Conn{Peer: ident.Origin{ID: nodeID(7), Epoch: 1}, Addr: addr(7)}, d)
	if m, ok := wasSent[*hyparview.Join](b, l); !ok || !m.AsSeed {
		t.Errorf("asks %+v", b.sent)
	}
}

func TestSomebodyJoinsThroughUsAsASeed(t *testing.T) {
	b := newBench(t, 1, Config{})
	l := b.linkUp(hyparview.Conn{Peer: ident.Origin{ID: nodeID(1), Epoch: 1}, Addr: addr(1)}, nil)
	b.get(l, &hyparview.Join{AsSeed: true})
	if !b.IsBeaconing() {
		t.Error("a seed does not beacon")
	}
}

// A probe that finds another component becomes a neighbour on the same link.
func TestProbeBecomesABridge(t *testing.T) {
	b := newBench(t, 1, Config{Seeds: []string{addr(1), addr(self)}, Membership: hyparview.Config{MinPeers: 1}})
	b.joins(2)
	d := b.awaitDial(1, true, time.Minute)
	l := b.linkUp(hyparview.Conn{Peer: ident.Origin{ID: nodeID(1), Epoch: 1}, Addr: addr(1)}, d)
	if _, ok := wasSent[*netsplit.Probe](b, l); !ok {
		t.Fatalf("it sends %+v", b.sent)
	}
	b.get(l, &hyparview.Join{}) // a node does not expect a JOIN on its probe
	if b.up[l] {
		t.Fatal("a probe became a neighbour by asking")
	}
	b.get(l, &netsplit.ProbeReply{Known: []netsplit.Sighting{{ID: nodeID(9)}}, Settled: time.Hour})
	if m, ok := wasSent[*hyparview.Neighbor](b, l); !ok || m.Priority != hyparview.Bridge {
		t.Fatalf("it sends %+v", b.sent)
	}
	b.get(l, &hyparview.NeighborReply{Accepted: true, Degree: 3})
	if !b.up[l] || b.Degree() != 2 {
		t.Error("the bridge is no neighbour")
	}
}

func TestProbeOfAWellComponentIsClosed(t *testing.T) {
	b := newBench(t, 1, Config{Seeds: []string{addr(1), addr(self)}, Membership: hyparview.Config{MinPeers: 1}})
	b.joins(2)
	d := b.awaitDial(1, true, time.Minute)
	l := b.linkUp(hyparview.Conn{Peer: ident.Origin{ID: nodeID(1), Epoch: 1}, Addr: addr(1)}, d)
	b.get(l, &netsplit.ProbeReply{Known: []netsplit.Sighting{{ID: nodeID(self)}}, Settled: time.Hour})
	if b.open[l] || b.Degree() != 1 || len(b.conns) != 1 {
		t.Errorf("open %v, degree %d", b.open, b.Degree())
	}
}

func TestDiallingOneselfIsRemembered(t *testing.T) {
	for _, probe := range []bool{false, true} {
		b := newBench(t, 1, Config{Seeds: []string{addr(1)}})
		d := b.dialled(1, false)
		if probe {
			b.DialFailed(b.now, *d, errNobody, b)
			b.joins(2)
			d = b.awaitDial(1, true, time.Minute)
		}
		out := b.linkUp(hyparview.Conn{Peer: b.self, Addr: addr(self)}, d)
		in := b.linkUp(hyparview.Conn{Peer: b.self, Addr: addr(self)}, nil)
		if b.open[out] || b.open[in] {
			t.Error("a link to ourselves stays")
		}
		// Another node may get this address later, so it is tried again, but rarely.
		again := 0
		for range 600 {
			b.pass(time.Second)
			for _, p := range []bool{false, true} {
				if d := b.dialled(1, p); d != nil {
					again++
					b.linkUp(hyparview.Conn{Peer: b.self, Addr: addr(self)}, d)
				}
			}
		}
		if again < 5 || again > 25 || len(b.conflicts) > 0 {
			t.Errorf("it dials itself %d times in ten minutes; conflicts %v", again, b.conflicts)
		}
	}
}

// Three frames with a false signature end the link of the node that sent them. The links
// of the origin that they name, and of the next neighbour, stay.
func TestForgerIsDisconnected(t *testing.T) {
	b := newBench(t, 1, Config{Tree: plumtree.Config{
		VerifyAll: true, Verify: func(_ ident.Origin, _ uint64, body []byte) bool { return body[1] == 'e' },
	}})
	liar, honest := b.joins(1), b.joins(2)
	event := func(seq uint64, name byte) *plumtree.Gossip {
		return &plumtree.Gossip{Origin: ident.Origin{ID: nodeID(2), Epoch: 1}, Seq: seq, Count: 1, Body: []byte{2, 1, name}}
	}
	for seq := range uint64(maxRefused) {
		if !b.up[liar] {
			t.Fatalf("the forger was disconnected after %d frames", seq)
		}
		b.get(liar, event(7+seq, 'x'))
	}
	if b.up[liar] || b.open[liar] || !b.up[honest] || b.refused != maxRefused || b.Stats().Refused != maxRefused {
		t.Errorf("after %d the liar is a neighbour: %v; the other one: %v", b.refused, b.up[liar], b.up[honest])
	}
	if m, ok := wasSent[*hyparview.Disconnect](b, liar); !ok || m.Reason != hyparview.ReasonProtocol {
		t.Errorf("it was sent %+v", b.sent)
	}
	b.get(liar, event(1, 'e')) // this frame was in flight when the link ended
	b.get(honest, event(1, 'e'))
	b.get(honest, event(2, 'e'))
	if b.heard[ident.Origin{ID: nodeID(2), Epoch: 1}] != 2 {
		t.Errorf("heard %v", b.heard)
	}
	again := b.linkUp(hyparview.Conn{Peer: ident.Origin{ID: nodeID(1), Epoch: 1}, Addr: addr(1)}, nil)
	b.get(again, &hyparview.Neighbor{Priority: hyparview.High})
	if b.up[again] {
		t.Error("it came back")
	}
}
