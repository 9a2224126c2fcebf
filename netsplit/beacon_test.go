package netsplit

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

func TestBeaconIsFloodedOnce(t *testing.T) {
	b := newBench(t)
	b.neighbors(1, 2, 3)
	msg := &Beacon{Origin: ident.Origin{ID: nodeID(9), Epoch: 1}, Count: 5, Addr: addr(9)}
	for _, l := range []int{1, 2, 3, 1} {
		b.get(l, msg)
	}
	b.get(2, &Beacon{Origin: msg.Origin, Count: 4, Addr: addr(9)}) // an old beacon
	b.get(77, msg)                                                 // from an unknown link
	for l, want := range map[ident.Link]int{1: 0, 2: 1, 3: 1} {
		if got := sentTo[*Beacon](b, l); len(got) != want || want == 1 && *got[0] != *msg {
			t.Errorf("link %d got %v", l, got)
		}
	}
	if b.Component() != nodeID(9) {
		t.Errorf("the component is called %v", b.Component())
	}
	b.sent = nil
	next := *msg
	next.Count, next.Origin.Epoch = 1, 2 // the node has restarted
	b.get(1, &next)
	if len(sentTo[*Beacon](b, 2)) != 1 {
		t.Error("the first beacon of a new life was not passed on")
	}
	b.get(2, &Beacon{Origin: msg.Origin, Count: 900, Addr: addr(9)})
	if len(sentTo[*Beacon](b, 3)) != 1 {
		t.Error("a beacon of an earlier life was passed on")
	}
}

func TestOwnBeaconThatComesBackIsNoNews(t *testing.T) {
	b := newBench(t, addr(self))
	b.neighbors(1, 2)
	b.get(1, &Beacon{Origin: ident.Origin{ID: nodeID(self), Epoch: 99}, Count: 99})
	if len(b.known) > 0 || b.count != 1 || len(sentTo[*Beacon](b, 2)) > 0 {
		t.Errorf("known %v, count %d", b.known, b.count)
	}
}

// An address that is valid only on one machine is neither sent to other machines nor
// accepted from them.
func TestLoopbackAddressStaysOnItsMachine(t *testing.T) {
	b := newBench(t)
	b.NeighborUp(b.now, 1, nodeID(1), "127.0.0.1:1", "", true, b)
	b.NeighborUp(b.now, 2, nodeID(2), "127.0.0.1:2", "", true, b)
	b.NeighborUp(b.now, 3, nodeID(3), addr(3), "", false, b)
	b.get(1, &Beacon{Origin: ident.Origin{ID: nodeID(9)}, Count: 1, Addr: "127.0.0.1:9"})
	b.get(3, &Beacon{Origin: ident.Origin{ID: nodeID(8)}, Count: 1, Addr: "127.0.0.1:8"})
	want := map[ident.Link]map[int]string{2: {9: "127.0.0.1:9", 8: ""}, 3: {9: ""}, 1: {8: ""}}
	for l, addrs := range want {
		for _, m := range sentTo[*Beacon](b, l) {
			if a, ok := addrs[int(m.Origin.ID[0])]; !ok || a != m.Addr {
				t.Errorf("link %d got the address %q", l, m.Addr)
			}
		}
	}
	b.sent = nil
	b.NeighborUp(b.now, 4, nodeID(4), addr(4), "", false, b)
	for _, m := range sentTo[*Beacon](b, 4) {
		if m.Addr != "" {
			t.Errorf("a new neighbour got the address %q", m.Addr)
		}
	}
	b.pass(time.Minute)
	if slices.Contains(b.dials, "127.0.0.1:8") {
		t.Error("it dials what another machine calls its own")
	}
}

func TestSeedsBeaconAndOthersListen(t *testing.T) {
	seed, other := newBench(t, addr(self), addr(1)), newBench(t, addr(1))
	for _, b := range []*bench{seed, other} {
		if b.IsBeaconing() {
			t.Fatal("it beacons, and has no neighbour")
		}
		b.neighbors(1)
		b.hear(30*time.Second, 1, 1)
	}
	if !seed.IsBeaconing() || other.IsBeaconing() {
		t.Errorf("the seed beacons: %v, the other one: %v", seed.IsBeaconing(), other.IsBeaconing())
	}
	if n := len(sentTo[*Beacon](seed, 1)); n < 9 || n > 11 {
		t.Errorf("%d beacons in 30 s", n)
	}
	other.CalledSeed() // a node joined through this one
	other.hear(3*time.Second, 1, 1)
	if !other.IsBeaconing() {
		t.Error("a seed of another node does not beacon")
	}
}

// If every node of a cluster is a seed, only a few of them beacon.
func TestWithThreeLowerBeaconsASeedKeepsQuiet(t *testing.T) {
	b := newBench(t, addr(self))
	b.neighbors(1)
	b.hear(8*time.Second, 1, 1, 2, 200)
	if !b.IsBeaconing() {
		t.Fatal("with two lower ones it does not beacon")
	}
	b.hear(6*time.Second, 1, 1, 2, 3, 200)
	if !b.IsBeaconing() {
		t.Error("it stops at once, before all have heard it after a split")
	}
	b.hear(9*time.Second, 1, 1, 2, 3, 200)
	if b.IsBeaconing() {
		t.Error("with three lower ones it still beacons")
	}
	b.hear(30*time.Second, 1, 1, 2, 200)
	if !b.IsBeaconing() {
		t.Error("one of them is gone, and it keeps quiet")
	}
}

// If no node beacons, the one with the shortest wait starts.
func TestANodeBeaconsIfNoOtherDoes(t *testing.T) {
	b := newBench(t)
	b.neighbors(1)
	b.pass(9 * time.Second)
	if !b.IsBeaconing() || b.Component() != nodeID(self) {
		t.Fatal("after three intervals no node beacons")
	}
	b.hear(3*time.Second, 1, 200)
	if !b.IsBeaconing() {
		t.Error("it gives way to a higher one")
	}
	b.hear(3*time.Second, 1, 7)
	if b.IsBeaconing() || b.Component() != nodeID(7) {
		t.Error("it does not give way to a lower one")
	}
	b.pass(10 * time.Second)
	if b.IsBeaconing() {
		t.Error("it begins again before the silence is one")
	}
	b.pass(10 * time.Second)
	if !b.IsBeaconing() {
		t.Error("after the silence no node beacons")
	}
	b.NeighborDown(b.now, 1)
	if b.IsBeaconing() {
		t.Error("it beacons, and has no neighbour")
	}
}

func TestANewNeighborGetsTheFreshBeacons(t *testing.T) {
	b := newBench(t, addr(self))
	b.neighbors(1)
	b.beacon(1, 9)
	b.pass(6 * time.Second)
	b.beacon(1, 200)
	b.sent = nil
	b.NeighborUp(b.now, 2, nodeID(2), addr(2), "", false, b)
	var beacons []byte
	for _, m := range sentTo[*Beacon](b, 2) {
		beacons = append(beacons, m.Origin.ID[0])
	}
	if !slices.Equal(beacons, []byte{200, self}) {
		t.Errorf("it gets the beacons of %v", beacons)
	}
}

// However many false beacons arrive, the tables stay small, and the beacons with the
// lowest IDs name the component.
func TestFloodOfBeaconsIsBounded(t *testing.T) {
	b := newBench(t, addr(50), addr(51))
	b.neighbors(1, 2)
	for n := range uint32(20_000) {
		id := ident.ID{100}
		binary.BigEndian.PutUint32(id[1:], n*2654435761) // IDs in no particular order
		a := addr(int(n % 250))
		b.get(1, &Beacon{Origin: ident.Origin{ID: id, Epoch: uint64(n)}, Count: uint64(n), Addr: a})
		if n%100 == 0 {
			b.pass(time.Second)
			b.beacon(1, 1)
			b.fails()
			b.sent, b.noticed = b.sent[:0], b.noticed[:0]
		}
		if len(b.known) > maxKnown || len(b.targets) > 2+2*maxLost || !slices.IsSortedFunc(b.known, func(x, y *beacon) int {
			return x.Origin.ID.Compare(y.Origin.ID)
		}) {
			t.Fatalf("%d beacons known, %d targets", len(b.known), len(b.targets))
		}
	}
	if b.Component() != nodeID(1) {
		t.Errorf("the component is called %v", b.Component())
	}
	b.pass(time.Minute)
	b.beacon(1, 9)
	if b.Component() != nodeID(9) {
		t.Errorf("a minute later the component is called %v", b.Component())
	}
}

// If a beacon falls silent and its address is an IP address, that address is dialled. A
// name never reaches a resolver, which could return any host, or this machine.
func TestANameOfABeaconIsNeverDialled(t *testing.T) {
	for addr, want := range map[string]bool{
		"192.0.2.9:9": true, "a.example.org:7777": false, "ip6-loopback:7777": false, "127.1:7777": false, "0:7777": false, "2130706433:7777": false, "0x7f000001:7777": false, "010.0.0.1:7777": false,
	} {
		b := newBench(t)
		b.neighbors(1, 2)
		b.get(1, &Beacon{Origin: ident.Origin{ID: nodeID(9)}, Count: 1, Addr: addr})
		b.beaconing = true
		b.each(10*time.Minute, func() { b.beaconing = true })
		if got := slices.Contains(b.dials, addr); got != want || len(b.lookups) > 0 {
			t.Errorf("%q: dialled: %v, looked up: %v", addr, got, b.lookups)
		}
	}
}
