package hyparview

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// life accepts a link from one life of node n, which then sends a request.
func (b *bench) life(n int, epoch uint64, at string) ident.Link {
	b.last++
	b.LinkUp(b.now, Conn{Link: b.last, Peer: ident.Origin{ID: nodeID(n), Epoch: epoch}, Addr: at, From: at}, b)
	b.get(b.last, &Neighbor{})
	return b.last
}

// A common neighbour of two lives informs both: the one that is evicted, the one that is
// refused, and the one that stays.
func TestBothTwinsLearnOfEachOther(t *testing.T) {
	b := newBench(t, Config{})
	older := b.life(1, 100, addr(11))
	later := b.life(1, 200, addr(12))
	d, ok := sentTo[*Disconnect](b, older)
	if !ok || d.Reason != ReasonTwin || !slices.Equal(d.Try, []Contact{{nodeID(1), addr(12)}}) {
		t.Fatalf("the older life is told %+v", d)
	}
	if !b.up[later] || b.Degree() != 1 {
		t.Fatal("the later life is no neighbour")
	}
	b.sent = nil
	again := b.life(1, 100, addr(11))
	r, ok := sentTo[*NeighborReply](b, again)
	if !ok || r.Accepted || r.Reason != ReasonTwin || !slices.Equal(r.Sample, []Contact{{nodeID(1), addr(12)}}) {
		t.Errorf("the older life is told %+v", r)
	}
	if r, ok := sentTo[*NeighborReply](b, later); !ok || r.Accepted || r.Reason != ReasonTwin || !slices.Equal(r.Sample, []Contact{{nodeID(1), addr(11)}}) {
		t.Errorf("the later life is told %+v", b.take(later))
	}
	told := 0
	for range 60 { // the other life asks again and again for a minute
		b.sent = nil
		b.life(1, 100, addr(11))
		if _, ok := sentTo[*NeighborReply](b, later); ok {
			told++
		}
		b.get(later, &Ping{})
		b.pass(time.Second)
	}
	if told > 1 || !b.up[later] {
		t.Errorf("it is told %d times a minute", told)
	}
}

// The program learns what a neighbour reports about another node with its ID: the
// address, and which of the two yields.
func TestATwinIsReported(t *testing.T) {
	for _, c := range []struct {
		what   string
		happen func(b *bench, l ident.Link)
		want   string
	}{
		{"it loses its place", func(b *bench, l ident.Link) {
			b.get(l, &Disconnect{Reason: ReasonTwin, Try: []Contact{{selfID, addr(9)}}})
		}, addr(9) + " by " + addr(1) + ", yields: true"},
		{"an old node says no more", func(b *bench, l ident.Link) {
			b.get(l, &Disconnect{Reason: ReasonTwin})
		}, " by " + addr(1) + ", yields: true"},
		{"it keeps its place", func(b *bench, l ident.Link) {
			b.get(l, &NeighborReply{Reason: ReasonTwin, Sample: []Contact{{selfID, addr(9)}}})
			if !b.up[l] {
				b.t.Error("the link is gone")
			}
		}, addr(9) + " by " + addr(1) + ", yields: false"},
	} {
		b := newBench(t, Config{})
		links := b.neighbors(1)
		c.happen(b, links[0])
		if !slices.Equal(b.twins, []string{c.want}) || b.book.has(9) {
			t.Errorf("%s: %q, want %q", c.what, b.twins, c.want)
		}
	}
	b := newBench(t, Config{})
	b.SetSeeds(b.now, []string{addr(1)}, b)
	b.Add(b.now, addr(1), 5, b)
	l := b.reaches(1)
	b.get(l, &NeighborReply{Reason: ReasonTwin, Sample: []Contact{{selfID, addr(9)}}})
	if !slices.Equal(b.twins, []string{addr(9) + " by " + addr(1) + ", yields: true"}) || b.added[5] != ErrTwin {
		t.Errorf("refused: %q, added %v", b.twins, b.added[5])
	}
	b.get(l, &NeighborReply{Reason: ReasonTwin}) // the link is closed
	b.get(b.accepts(2), &NeighborReply{Reason: ReasonTwin})
	if len(b.twins) != 1 {
		t.Errorf("strangers are believed: %q", b.twins)
	}
}

// The clock of a new life may be behind. The new life is accepted as soon as the link of
// the former life has ended, for whatever reason, and it does not wait long before it
// asks again.
func TestTheEndOfALifeMakesRoomForAnother(t *testing.T) {
	for what, end := range map[string]func(b *bench, l ident.Link){
		"it says goodbye": func(b *bench, l ident.Link) { b.get(l, &Disconnect{Reason: ReasonLeave}) },
		"its link ends":   func(b *bench, l ident.Link) { b.LinkDown(b.now, l, ReasonNone, b) },
		"it is silent":    func(b *bench, l ident.Link) { b.pass(6 * time.Second) },
	} {
		b := newBench(t, Config{})
		old := b.life(1, 200, addr(11))
		if refused := b.life(1, 100, addr(12)); b.up[refused] || !b.up[old] {
			t.Fatal("the earlier life takes the place of one that lives")
		}
		end(b, old)
		if l := b.life(1, 100, addr(12)); !b.up[l] {
			t.Errorf("%s: the next life is refused", what)
		}
	}
	// The other end of the link: a node that is refused as a twin asks again soon.
	b := newBench(t, Config{})
	b.SetSeeds(b.now, []string{addr(1)}, b)
	asked := []time.Duration{}
	for began := b.now; b.now.Sub(began) < time.Minute; b.pass(100 * time.Millisecond) {
		if b.dialled(addr(1)) {
			b.last++
			b.LinkUp(b.now, Conn{Link: b.last, Peer: ident.Origin{ID: nodeID(1), Epoch: 1}, Addr: addr(1), Dialled: addr(1)}, b)
			if _, ok := sentTo[*Join](b, b.last); ok {
				asked = append(asked, b.now.Sub(began))
				b.get(b.last, &NeighborReply{Reason: ReasonTwin})
			}
		}
	}
	if len(asked) < 4 || len(asked) > 20 || asked[1] > 8*time.Second {
		t.Errorf("it asks after %v", asked)
	}
}

// Two running twins do not evict each other again and again, whatever their epochs are.
func TestTwinsDoNotFlap(t *testing.T) {
	for _, epochs := range [][2]uint64{{100, 200}, {100, 100}} {
		b := newBench(t, Config{})
		swaps := 0
		now := [2]ident.Link{}
		for second := range 300 {
			i := second % 2
			if !b.up[now[i]] {
				now[i] = b.life(1, epochs[i], addr(11+i))
				if b.up[now[i]] {
					swaps++
				}
			}
			for i := range now {
				if b.up[now[i]] {
					b.get(now[i], &Ping{})
				}
			}
			b.pass(time.Second)
		}
		if swaps > 7 { // the first link replaces no other, so it is not counted
			t.Errorf("epochs %v: %d swaps in five minutes", epochs, swaps)
		}
	}
}

// Only one address among many answers. Whatever its position, it is dialled within a
// second.
func TestOneSeedOfManyIsFound(t *testing.T) {
	const many = 400
	for _, good := range []int{0, 200, 399} {
		b := newBench(t, Config{})
		var all []string
		for n := range many {
			all = append(all, fmt.Sprintf("10.1.%d.%d:1", n/200, n%200+1))
		}
		began := b.now
		b.SetSeeds(b.now, all, b)
		if len(b.dials) != maxDials {
			t.Fatalf("it begins with %d dials", len(b.dials))
		}
		for !slices.Contains(b.dials, all[good]) && b.now.Sub(began) < 10*time.Second {
			b.pass(10 * time.Millisecond)
		}
		if took := b.now.Sub(began); took > 1500*time.Millisecond {
			t.Errorf("number %d is dialled after %v", good, took)
		}
		if len(b.dials) > maxSweep {
			t.Errorf("%d dials are under way", len(b.dials))
		}
	}
}

// Many dead seeds cost a bounded number of dials, however long they are dead.
func TestManyDeadSeedsAreDialledRarely(t *testing.T) {
	b := newBench(t, Config{})
	var all []string
	for n := range 400 {
		all = append(all, fmt.Sprintf("10.1.%d.%d:1", n/200, n%200+1))
	}
	b.SetSeeds(b.now, all, b)
	dials := 0
	for began := b.now; b.now.Sub(began) < 10*time.Minute; b.pass(500 * time.Millisecond) {
		for _, addr := range slices.Clone(b.dials) {
			b.dials = b.dials[1:]
			dials++
			b.DialFailed(b.now, addr, ErrTimeout, b)
		}
	}
	if dials < 10*400 || dials > 30*400 {
		t.Errorf("%d dials in ten minutes", dials)
	}
}
