package hyparview

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// bench is one Membership and a record of its actions. The test plays all other nodes.
type bench struct {
	t *testing.T
	*Membership
	now    time.Time
	last   ident.Link
	dials  []string
	sent   []sent
	closed map[ident.Link]Reason
	up     map[ident.Link]bool
	downs  []Reason
	added  map[uint64]error

	shutOut [][]Attempt
	twins   []string
}

type sent struct {
	to  ident.Link
	msg Message
}

// selfID is in the middle of the ID space: nodeID(n) is lower for n < 1<<15.
var selfID = ident.ID{0x80}

func newBench(t *testing.T, cfg Config) *bench {
	cfg.Self = Contact{selfID, "10.9.9.9:1"}
	cfg.Rand = newRand(1)
	b := &bench{
		t: t, now: birth, Membership: New(cfg),
		closed: map[ident.Link]Reason{}, up: map[ident.Link]bool{}, added: map[uint64]error{},
	}
	b.Start(b.now, b)
	return b
}

func (b *bench) Send(to ident.Link, m Message) {
	if _, gone := b.closed[to]; gone {
		b.t.Fatalf("%T is sent on link %d, which is closed", m, to)
	}
	b.sent = append(b.sent, sent{to, m})
}
func (b *bench) Dial(addr string) { b.dials = append(b.dials, addr) }
func (b *bench) Close(l ident.Link, why Reason) {
	if _, gone := b.closed[l]; gone {
		b.t.Fatalf("link %d is closed twice", l)
	}
	b.closed[l] = why
}
func (b *bench) Up(l ident.Link) {
	if b.up[l] {
		b.t.Fatalf("link %d is up twice", l)
	}
	b.up[l] = true
}
func (b *bench) Down(l ident.Link, why Reason) {
	if !b.up[l] {
		b.t.Fatalf("link %d goes down and was not up", l)
	}
	delete(b.up, l)
	b.downs = append(b.downs, why)
}
func (b *bench) Twin(by Conn, addr string, yields bool) {
	b.twins = append(b.twins, fmt.Sprintf("%s by %s, yields: %v", addr, by.Addr, yields))
}

func (b *bench) Added(token uint64, err error) {
	if _, twice := b.added[token]; twice {
		b.t.Fatalf("token %d is answered twice", token)
	}
	b.added[token] = err
}
func (b *bench) ShutOut(tried []Attempt) { b.shutOut = append(b.shutOut, tried) }

func (b *bench) get(l ident.Link, m Message) { b.Handle(b.now, l, m, b) }

// pass advances the clock and calls Advance at each deadline.
func (b *bench) pass(d time.Duration) {
	b.t.Helper()
	end := b.now.Add(d)
	for range 100_000 {
		at, ok := b.Deadline()
		if !ok || at.After(end) {
			b.now = end
			return
		}
		if at.After(b.now) {
			b.now = at
		}
		b.Advance(b.now, b)
	}
	b.t.Fatal("Advance is wanted again and again")
}

// ages advances the clock while all neighbours send frames.
func (b *bench) ages(d time.Duration) {
	b.t.Helper()
	for end := b.now.Add(d); b.now.Before(end); {
		b.pass(4 * time.Second)
		for l := range b.up { // the order does not matter, because links are independent
			b.Heard(b.now, l)
		}
	}
}

// accepts adds a link that node n dialled.
func (b *bench) accepts(n int) ident.Link {
	b.last++
	b.LinkUp(b.now, Conn{Link: b.last, Peer: ident.Origin{ID: nodeID(n), Epoch: 1}, Addr: addr(n)}, b)
	return b.last
}

// reaches completes the dial of node n's address.
func (b *bench) reaches(n int) ident.Link {
	b.t.Helper()
	if !b.dialled(addr(n)) {
		b.t.Fatalf("node %d was not dialled, but %v", n, b.dials)
	}
	b.last++
	b.LinkUp(b.now, Conn{Link: b.last, Peer: ident.Origin{ID: nodeID(n), Epoch: 1}, Addr: addr(n), Dialled: addr(n)}, b)
	return b.last
}

// dialled removes a dial from the record.
func (b *bench) dialled(addr string) bool {
	at := slices.Index(b.dials, addr)
	if at >= 0 {
		b.dials = slices.Delete(b.dials, at, at+1)
	}
	return at >= 0
}

// refuses makes all running dials fail.
func (b *bench) refuses() {
	for len(b.dials) > 0 {
		a := b.dials[0]
		b.dials = b.dials[1:]
		b.DialFailed(b.now, a, errors.New("nobody is there"), b)
	}
}

// neighbors adds neighbours that dialled this node.
func (b *bench) neighbors(list ...int) (links []ident.Link) {
	b.t.Helper()
	for _, n := range list {
		l := b.accepts(n)
		b.get(l, &Neighbor{})
		if !b.up[l] {
			b.t.Fatalf("node %d was not accepted: %v", n, b.take(l))
		}
		links = append(links, l)
	}
	b.sent = nil
	return links
}

// take returns the frames sent on a link so far, and forgets them.
func (b *bench) take(l ident.Link) (list []Message) {
	b.sent = slices.DeleteFunc(b.sent, func(s sent) bool {
		if s.to == l {
			list = append(list, s.msg)
		}
		return s.to == l
	})
	return list
}

// reply returns the only NEIGHBOR_REPLY that was sent on a link.
func (b *bench) reply(l ident.Link) *NeighborReply {
	b.t.Helper()
	for _, m := range b.take(l) {
		if r, ok := m.(*NeighborReply); ok {
			return r
		}
	}
	b.t.Fatalf("link %d got no reply", l)
	return nil
}

// sentTo returns a message of one kind that was sent on a link.
func sentTo[M Message](b *bench, l ident.Link) (found M, ok bool) {
	for _, s := range b.sent {
		if m, is := s.msg.(M); is && s.to == l {
			return m, true
		}
	}
	return found, false
}
