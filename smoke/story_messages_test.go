package smoke_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/batch"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/internal/wire"
	"github.com/smokesignal-go/smokesignal/smoke"
)

// SM7. One node emits fifty broadcasts. Each other node receives each of them once, in
// order. The node itself receives none.
func TestFiftyBroadcastsReachAllOthersOnce(t *testing.T) {
	s := tell(t)
	ann := s.start(smoke.Options{})
	cast := append(s.startAtOnce(9, smoke.Options{Seeds: []string{ann.Addr()}}), ann)
	s.wantOverlay(cast, 3)
	ann.speak(50)
	s.wantHeard(cast, cast)
	s.end()
	for _, a := range cast[:9] {
		if got := a.from(ann.ID()); got.count != 50 {
			t.Errorf("%s heard %d of 50", a.ID().Short(), got.count)
		}
	}
	if got := ann.from(ann.ID()); got.count != 0 {
		t.Errorf("ann heard %d words of her own", got.count)
	}
}

// SM8. The original silently drops an empty message. Ours delivers an event without
// arguments, and empty arguments.
func TestEmptyMessagesAreDelivered(t *testing.T) {
	s := tell(t)
	ann, bob := s.start(smoke.Options{}), s.start(smoke.Options{})
	var heard []string
	done := make(chan struct{})
	bob.Broadcast().On("nothing", func(e smoke.Event) { heard = append(heard, fmt.Sprint(e.Len())) })
	bob.Broadcast().On("empty", func(text string, bytes []byte, list []int, v any) {
		heard = append(heard, fmt.Sprintf("%q %d %d %v", text, len(bytes), len(list), v))
		close(done)
	})
	ann.add(bob)
	for _, err := range []error{
		ann.Broadcast().Emit("nothing"),
		ann.Broadcast().Emit("empty", "", []byte{}, []int{}, nil),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	wait(t, "both events", done)
	if want := []string{"0", `"" 0 0 <nil>`}; !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
}

// SM9. In the original, no event to a single peer ever arrived. Ours arrives with its
// arguments, and only at that peer.
func TestADirectEventReachesOnePeer(t *testing.T) {
	s := tell(t)
	ann, bob, cem := s.start(smoke.Options{}), s.start(smoke.Options{}), s.start(smoke.Options{})
	type point struct{ X, Y int }
	got := make(chan string, 10)
	for _, a := range []*actor{bob, cem} {
		a.Peers().OnAdd(func(p *smoke.Peer) {
			p.On("whisper", func(e smoke.Event, text string, n int, at point) {
				if e.Origin != ann.ID() {
					t.Errorf("from %s", e.Origin)
				}
				got <- fmt.Sprintf("%t %s %d %v", a == bob, text, n, at)
			})
			p.On("over", func() { got <- fmt.Sprintf("%t over", a == bob) })
		})
		a.Broadcast().OnAny(func(e smoke.Event) { t.Errorf("a direct event was broadcast: %s", e.Name) })
	}
	ann.add(bob)
	ann.add(cem)
	for _, err := range []error{
		ann.peer(bob).Emit("whisper", "psst", 7, point{3, 4}),
		ann.peer(bob).Emit("over"),
		ann.peer(cem).Emit("over"),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	// The last event for cem has arrived, so an earlier one would have arrived, too.
	heard := []string{wait(t, "an event", got), wait(t, "an event", got), wait(t, "an event", got)}
	slices.Sort(heard)
	if want := []string{"false over", "true over", "true psst 7 {3 4}"}; !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
}

// SM15. The original marks an event as seen before it checks it, so a broken copy keeps
// the intact one out. In ours a broken copy ends its link, and the intact event is
// delivered.
func TestABrokenCopyDoesNotKeepTheEventOut(t *testing.T) {
	s := tell(t)
	ann, bob := s.start(smoke.Options{}), s.start(smoke.Options{})
	// A relay of an event of ann must know the epoch of ann's life.
	life := visit(t, ann.Addr()).befriend()
	origin := ident.Origin{ID: life.ID, Epoch: life.Epoch}

	body, err := wire.AppendBody(nil, "word", []byte{0x91, 1})
	if err != nil {
		t.Fatal(err)
	}
	gossip := &plumtree.Gossip{Origin: origin, Seq: 1, Count: 1, Round: 1, Body: batch.Append(nil, body)}
	for _, spoilt := range []struct {
		reason string
		how    func(frame, body []byte)
	}{
		{"signature is cut short", func(_, b []byte) { b[0] = 0 }},
		{"name is cut short", func(_, b []byte) { b[0] = 200 }},
		{"over every limit", func(f, _ []byte) { f[0], f[1], f[2] = 0xff, 0xff, 0xff }},
	} {
		liar := visit(t, bob.Addr())
		liar.befriend()
		frame, err := liar.enc.Append(nil, gossip)
		if err != nil {
			t.Fatal(err)
		}
		spoilt.how(frame, frame[len(frame)-len(body):])
		liar.mumble(frame)
		liar.untilHungUp()
		bob.wantLogged("broke the protocol", spoilt.reason)
	}
	ann.add(bob)
	ann.speak(1)
	s.wantHeard([]*actor{bob}, []*actor{ann})
}

// M1. Two nodes send each other values of a type that the program defines.
func TestTwoNodesTalkBothWays(t *testing.T) {
	s := tell(t)
	type note struct {
		Beep string
		Tags []string
		At   map[string]int
	}
	sent := note{"boop", []string{"a", "b"}, map[string]int{"x": 1}}
	ann, bob := s.start(smoke.Options{}), s.start(smoke.Options{})
	back := make(chan note, 1)
	bob.Peers().OnAdd(func(p *smoke.Peer) {
		smoke.On(p, "note", func(_ smoke.Event, n note) {
			if err := p.Emit("note", n); err != nil {
				t.Error(err)
			}
		})
	})
	ann.Peers().OnAdd(func(p *smoke.Peer) {
		smoke.On(p, "note", func(_ smoke.Event, n note) { back <- n })
		if err := p.Emit("note", sent); err != nil {
			t.Error(err)
		}
	})
	ann.add(bob)
	if got := wait(t, "the answer", back); fmt.Sprint(got) != fmt.Sprint(sent) {
		t.Errorf("sent %v, got back %v", sent, got)
	}
}

// rally makes two nodes play ping-pong with direct events: each answers a ball with the
// next number, up to last. at is called for each ball.
func rally(ann, bob *actor, last int, at func(ball int)) (over chan struct{}) {
	t := ann.story
	over = make(chan struct{})
	var mu sync.Mutex // guards next: each node has its own goroutine
	next := 1
	for _, a := range []*actor{ann, bob} {
		a.Peers().OnAdd(func(p *smoke.Peer) {
			p.On("ball", func(ball int) {
				mu.Lock()
				if ball != next {
					t.Errorf("ball %d comes when it is the turn of %d", ball, next)
				}
				next = ball + 1
				mu.Unlock()
				at(ball)
				if ball == last {
					close(over)
				} else if err := p.Emit("ball", ball+1); err != nil {
					t.Errorf("play ball %d: %v", ball+1, err)
				}
			})
		})
	}
	return over
}

func (a *actor) serve(to *actor) {
	if err := a.peer(to).Emit("ball", 1); err != nil {
		a.story.Error(err)
	}
}

// M3. A node that is dialled dials back as soon as there is a link, at another address,
// so that there is a second connection. The events on the first link are not disturbed.
func TestDialledNodeDialsBack(t *testing.T) {
	s := tell(t)
	ann, bob := s.start(smoke.Options{}), s.start(smoke.Options{})
	door := newDoor(t, ann.Addr())
	dialled := make(chan error, 1)
	over := rally(ann, bob, 10, func(int) {})
	bob.Peers().OnAdd(func(p *smoke.Peer) { dialled <- bob.AddPeer(t.Context(), door.addr) })
	ann.add(bob)
	ann.serve(bob)
	wait(t, "the end of the rally", over)
	if err := wait(t, "the dial back", dialled); err != nil {
		t.Errorf("dial back: %v", err)
	}
	wantOneLink(s, ann, bob, door)
}

// M4. Each of two nodes dials the other three times at once. One link is left, and ten
// events on it arrive in order.
func TestManyDialsMakeOneLink(t *testing.T) {
	s := tell(t)
	ann, bob := s.start(smoke.Options{}), s.start(smoke.Options{})
	over := rally(ann, bob, 10, func(int) {})
	var wg sync.WaitGroup
	for _, to := range []string{ann.Addr(), newDoor(t, ann.Addr()).addr, newDoor(t, ann.Addr()).addr} {
		wg.Go(func() {
			if err := bob.AddPeer(t.Context(), to); err != nil {
				t.Error(err)
			}
		})
	}
	for _, to := range []string{bob.Addr(), newDoor(t, bob.Addr()).addr, newDoor(t, bob.Addr()).addr} {
		wg.Go(func() {
			if err := ann.AddPeer(t.Context(), to); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	ann.serve(bob)
	wait(t, "the end of the rally", over)
	wantOneLink(s, ann, bob)
}

// M6. In the middle of an exchange of a hundred events, each node dials the other again.
// No event is lost, doubled or late.
func TestASecondDialDoesNotDisturb(t *testing.T) {
	s := tell(t)
	ann, bob := s.start(smoke.Options{}), s.start(smoke.Options{})
	doors := []*door{newDoor(t, ann.Addr()), newDoor(t, bob.Addr())}
	dialled := make(chan error, 2)
	over := rally(ann, bob, 100, func(ball int) {
		switch ball {
		case 50:
			go func() { dialled <- bob.AddPeer(t.Context(), doors[0].addr) }() // the test waits for it at dialled
		case 51:
			go func() { dialled <- ann.AddPeer(t.Context(), doors[1].addr) }()
		}
	})
	ann.add(bob)
	ann.serve(bob)
	wait(t, "the end of the rally", over)
	for range 2 {
		if err := wait(t, "the second dial", dialled); err != nil {
			t.Errorf("second dial: %v", err)
		}
	}
	wantOneLink(s, ann, bob, doors...)
}

// wantOneLink checks that the two had one link from the beginning, that each door was
// used, and that no connection through a door is left.
func wantOneLink(s *story, ann, bob *actor, doors ...*door) {
	s.Helper()
	for _, d := range doors {
		s.eventually("the connection through the door is closed", func() bool { return d.used() > 0 && d.open() == 0 })
	}
	s.end()
	for _, a := range []*actor{ann, bob} {
		if a.times("add") != 1 || a.times("remove") != 1 || a.times("disconnect") != 1 {
			s.Errorf("from start to stop %s saw %v", a.ID().Short(), a.saw)
		}
	}
}

// M8. When a node stops, its neighbour removes it and calls OnRemove with its ID.
func TestTheEndOfANodeIsNoticed(t *testing.T) {
	s := tell(t)
	ann, bob := s.start(smoke.Options{}), s.start(smoke.Options{})
	gone := make(chan smoke.ID, 1)
	ann.Peers().OnRemove(func(p *smoke.Peer) { gone <- p.ID() })
	ann.add(bob)
	p := ann.peer(bob)
	start := time.Now()
	if err := bob.Stop(); err != nil {
		t.Error(err)
	}
	if id := wait(t, "bob's end", gone); id != bob.ID() {
		t.Errorf("%s is gone, and not bob", id)
	}
	t.Logf("noticed within %v", time.Since(start))
	s.eventually("ann has no neighbour", func() bool { return ann.times("disconnect") == 1 })
	if err := p.Emit("late"); !errors.Is(err, smoke.ErrPeerGone) {
		t.Errorf("emit to a peer that is gone: %v", err)
	}
}

// G1. Three nodes in a line. The event of one end is received once by the middle and by
// the far end, with its origin. The emitting node does not receive it.
func TestWordsPassAlongALine(t *testing.T) {
	s := tell(t)
	bob := s.start(smoke.Options{})
	ends := smoke.Options{MaxPeers: 1, Seeds: []string{bob.Addr()}}
	ann, cem := s.start(ends), s.start(ends)
	line := []*actor{ann, bob, cem}
	s.wantOverlay(line, 1)
	cem.speak(3)
	s.wantHeard(line, []*actor{cem})
	ann.speak(3)
	s.wantHeard(line, line)
	if ann.Peers().Has(cem.ID()) {
		t.Error("the ends of the line are neighbours")
	}
}

// G2. Four nodes in a ring, in which each event arrives from both sides. It is delivered
// once.
func TestWordsGoRoundARingOnce(t *testing.T) {
	s := tell(t)
	var ring []*actor
	for range 4 {
		ring = append(ring, s.start(smoke.Options{MinPeers: 1, MaxPeers: 2}))
	}
	for i, a := range ring {
		a.add(ring[(i+1)%4])
	}
	s.wantOverlay(ring, 2)
	each(ring, func(a *actor) { a.speak(25) })
	s.wantHeard(ring, ring)
}

// G8. In secure-gossip, the events of a node that restarted with its key were dropped:
// its numbers began at 0 again, and all nodes had seen these. In ours, the first event of
// a node that crashed and restarted with the same ID is delivered.
func TestANodeThatComesBackIsHeard(t *testing.T) {
	s := tellWithCables(t)
	bob := s.start(smoke.Options{})
	o := smoke.Options{ID: ident.ID{0xa}, Seeds: []string{bob.Addr()}}
	ann := s.start(o)
	ann.peer(bob)
	ann.speak(5)
	s.wantHeard([]*actor{bob}, []*actor{ann})
	if err := s.cables.kill(ann.plug); err != nil {
		t.Fatal(err)
	}
	o.Port = portOf(t, ann.Addr())
	again := s.start(o)
	again.peer(bob)
	again.spoken = 5 // bob continues to count from the number at which she crashed
	again.speak(5)
	s.eventually("all ten words are heard", func() bool { return bob.from(ann.ID()).count == 10 })
}

// G9. In secure-gossip, an event that was published before there was a peer was lost. In
// ours the first peer receives it.
func TestWordsSpokenAloneReachTheFirstPeer(t *testing.T) {
	s := tell(t)
	ann := s.start(smoke.Options{})
	ann.speak(10)
	bob := s.start(smoke.Options{Seeds: []string{ann.Addr()}})
	s.wantHeard([]*actor{bob}, []*actor{ann})
}

// G11. An event has the ID of its origin, and its number there, also after relays. A
// direct event has the ID of the peer.
func TestAnEventNamesItsAuthor(t *testing.T) {
	s := tell(t)
	bob := s.start(smoke.Options{})
	ends := smoke.Options{MaxPeers: 1, Seeds: []string{bob.Addr()}}
	ann, cem := s.start(ends), s.create(ends)
	events := make(chan smoke.Event, 4)
	cem.Broadcast().OnAny(func(e smoke.Event) { events <- e })
	cem.Peers().OnAdd(func(p *smoke.Peer) { p.OnAny(func(e smoke.Event) { events <- e }) })
	if err := cem.Start(); err != nil {
		t.Fatal(err)
	}
	s.wantOverlay([]*actor{ann, bob, cem}, 1)
	for seq := range uint64(2) {
		if err := ann.Broadcast().Emit("far"); err != nil {
			t.Fatal(err)
		}
		if e := wait(t, "ann's event", events); e.Name != "far" || e.Origin != ann.ID() || e.Seq != seq+1 {
			t.Errorf("got %q from %s, number %d", e.Name, e.Origin, e.Seq)
		}
	}
	if err := bob.peer(cem).Emit("near"); err != nil {
		t.Fatal(err)
	}
	if e := wait(t, "bob's event", events); e.Name != "near" || e.Origin != bob.ID() || e.Seq != 1 {
		t.Errorf("got %q from %s, number %d", e.Name, e.Origin, e.Seq)
	}
}

// Five of twenty nodes emit as fast as they can. Each other node receives each event
// once, and those of each origin in order.
func TestFiveSpeakAtOnceToTwenty(t *testing.T) {
	s := tell(t)
	seed := s.start(smoke.Options{})
	cast := append(s.startAtOnce(19, smoke.Options{Seeds: []string{seed.Addr()}}), seed)
	s.wantOverlay(cast, 3)
	speakers := cast[:5]
	start := time.Now()
	each(speakers, func(a *actor) { a.speak(2000) })
	s.wantHeard(cast, speakers)
	t.Logf("10 000 words heard by 19 others each, within %v", time.Since(start))
	s.wantNever(cast, "gap", "disconnect")
}

// An event of the largest size arrives intact, also over a relay.
func TestTheLargestEventArrives(t *testing.T) {
	s := tell(t)
	bob := s.start(smoke.Options{})
	ends := smoke.Options{MaxPeers: 1, Seeds: []string{bob.Addr()}}
	ann, cem := s.start(ends), s.start(ends)
	got := make(chan []byte, 1)
	cem.Broadcast().On("large", func(b []byte) { got <- b })
	s.wantOverlay([]*actor{ann, bob, cem}, 1)
	const frame = 1 + 5 // header of an array of one element, and header of bytes of that length
	large := bytes.Repeat([]byte{7}, 1<<20-frame)
	if err := ann.Broadcast().Emit("large", large); err != nil {
		t.Fatal(err)
	}
	if b := wait(t, "the event", got); !bytes.Equal(b, large) {
		t.Errorf("got %d bytes, want %d", len(b), len(large))
	}
	var tooLarge smoke.TooLargeError
	err := ann.Broadcast().Emit("large", append(large, 7))
	if !errors.As(err, &tooLarge) || tooLarge.Size != 1<<20+1 || tooLarge.Limit != 1<<20 {
		t.Errorf("one byte more: %v", err)
	}
}

// door is a second address of a node. A node that dials it can't know before which node
// it will reach.
type door struct {
	addr string

	mu     sync.Mutex // guards all below
	count  int        // number of connections so far
	opened int        // number of them that are open
}

// newDoor listens and connects each connection to the node at addr. It closes at the end
// of the test.
func newDoor(t testing.TB, addr string) *door {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &door{addr: l.Addr().String()}
	var running sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		running.Wait() // the nodes have stopped, so their connections have ended
	})
	running.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", addr)
			if err != nil {
				near.Close()
				continue
			}
			d.add(1)
			running.Go(func() {
				defer d.add(-1)
				join(near.(*net.TCPConn), far.(*net.TCPConn))
			})
		}
	})
	return d
}

// join copies bytes both ways until both ways have ended.
func join(a, b *net.TCPConn) {
	var wg sync.WaitGroup
	carry := func(to, from *net.TCPConn) {
		io.Copy(to, from) // an error ends this way, too
		to.CloseWrite()
	}
	wg.Go(func() { carry(a, b) })
	wg.Go(func() { carry(b, a) })
	wg.Wait()
	a.Close()
	b.Close()
}

func (d *door) add(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opened += n
	d.count += max(n, 0)
}

func (d *door) used() int { d.mu.Lock(); defer d.mu.Unlock(); return d.count }
func (d *door) open() int { d.mu.Lock(); defer d.mu.Unlock(); return d.opened }
