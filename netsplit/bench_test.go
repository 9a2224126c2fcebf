package netsplit

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

var (
	birth     = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	errNoNode = errors.New("no node is there")
)

// bench is one Watch and a record of its actions. The test plays all other nodes.
type bench struct {
	t *testing.T
	*Watch
	now     time.Time
	last    ident.Link
	sent    []sent
	dials   []string
	closed  []ident.Link
	bridges []ident.Link
	lookups []string
	seeds   []string
	noticed []Notice
	counts  map[ident.ID]uint64
}

type sent struct {
	to  ident.Link
	msg Message
}

// self is in the middle of the ID space: nodeID(n) is lower for n < 128.
const self = 128

func nodeID(n int) ident.ID { return ident.ID{byte(n)} }

func addr(n int) string { return fmt.Sprintf("10.0.0.%d:1", n) }

func newBench(t *testing.T, seeds ...string) *bench {
	b := &bench{t: t, now: birth, counts: make(map[ident.ID]uint64), Watch: NewWatch(Config{
		Self: ident.Origin{ID: nodeID(self), Epoch: 1}, Addr: addr(self), Seeds: seeds,
		Rand: rand.New(rand.NewPCG(1, 1)),
	})}
	b.Start(b.now, b)
	return b
}

func (b *bench) Send(to ident.Link, m Message) { b.sent = append(b.sent, sent{to, m}) }
func (b *bench) Dial(addr string)              { b.dials = append(b.dials, addr) }
func (b *bench) Close(l ident.Link)            { b.closed = append(b.closed, l) }
func (b *bench) Bridge(l ident.Link)           { b.bridges = append(b.bridges, l) }
func (b *bench) Resolve(name string)           { b.lookups = append(b.lookups, name) }
func (b *bench) SetSeeds(addrs []string)       { b.seeds = addrs }
func (b *bench) Notify(n Notice)               { b.noticed = append(b.noticed, n) }

// pass advances the clock and calls Advance at each deadline.
func (b *bench) pass(d time.Duration) {
	b.t.Helper()
	b.each(d, func() {})
}

// each advances the clock and calls do after each call of Advance.
func (b *bench) each(d time.Duration, do func()) {
	b.t.Helper()
	end := b.now.Add(d)
	for range 1_000_000 {
		at, ok := b.Deadline()
		if !ok || at.After(end) {
			b.now = end
			return
		}
		if at.After(b.now) {
			b.now = at
		}
		b.Advance(b.now, b)
		do()
	}
	b.t.Fatal("Advance is wanted again and again")
}

// neighbors adds neighbours that dialled from other machines.
func (b *bench) neighbors(list ...int) {
	for _, n := range list {
		b.NeighborUp(b.now, ident.Link(n), nodeID(n), addr(n), "", false, b)
	}
	b.sent = nil
	b.last = max(b.last, 1000)
}

func (b *bench) get(l int, m Message) { b.Handle(b.now, ident.Link(l), m, b) }

// beacon delivers the next beacon of node n on a link.
func (b *bench) beacon(l, n int) {
	id := nodeID(n)
	b.counts[id]++
	b.get(l, &Beacon{Origin: ident.Origin{ID: id, Epoch: 1}, Count: b.counts[id], Addr: addr(n)})
}

// hear delivers beacons of some nodes regularly, for the given time.
func (b *bench) hear(d time.Duration, l int, nodes ...int) {
	b.t.Helper()
	for end := b.now.Add(d); b.now.Before(end); b.pass(b.cfg.Interval) {
		for _, n := range nodes {
			b.beacon(l, n)
		}
	}
}

// reaches completes the dial of node n's address with a link.
func (b *bench) reaches(n int) ident.Link {
	b.t.Helper()
	at := slices.Index(b.dials, addr(n))
	if at < 0 {
		b.t.Fatalf("node %d was not dialled, but %v", n, b.dials)
	}
	b.dials = slices.Delete(b.dials, at, at+1)
	b.last++
	b.LinkUp(b.now, b.last, nodeID(n), addr(n), b)
	return b.last
}

// fails makes all dials fail and returns their number.
func (b *bench) fails() int {
	dials := b.dials
	b.dials = nil
	for _, a := range dials {
		b.DialFailed(b.now, a, errNoNode, b)
	}
	return len(dials)
}

// awaitDial advances the clock until an address is dialled.
func (b *bench) awaitDial(n int, within time.Duration) {
	b.t.Helper()
	for end := b.now.Add(within); !b.now.After(end); b.pass(50 * time.Millisecond) {
		if slices.Contains(b.dials, addr(n)) {
			return
		}
	}
	b.t.Fatalf("node %d is not dialled within %v, but %v", n, within, b.dials)
}

// sentTo returns the messages of one kind that were sent on a link.
func sentTo[M Message](b *bench, l ident.Link) (list []M) {
	for _, s := range b.sent {
		if m, ok := s.msg.(M); ok && s.to == l {
			list = append(list, m)
		}
	}
	return list
}

// notices returns the notices of one kind.
func notices[N Notice](b *bench) (list []N) {
	for _, x := range b.noticed {
		if n, ok := x.(N); ok {
			list = append(list, n)
		}
	}
	return list
}

func hears(nodes ...int) (list []Sighting) {
	for _, n := range nodes {
		list = append(list, Sighting{ID: nodeID(n)})
	}
	return list
}

const long = time.Hour // age of a component that is not young
