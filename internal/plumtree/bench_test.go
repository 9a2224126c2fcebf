package plumtree

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/batch"
)

var birth = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// bench is one Tree and a record of its actions. The test plays all other nodes.
type bench struct {
	t *testing.T
	*Tree
	now       time.Time
	ready     []ident.Link
	sent      []sent
	delivered []*Event
	gaps      []Range
	refused   []ident.Link
}

type sent struct {
	to  ident.Link
	msg Message
}

func newBench(t *testing.T, cfg Config) *bench {
	cfg.Self = origin(0)
	cfg.Rand = rand.New(rand.NewPCG(1, 1))
	return &bench{t: t, Tree: NewTree(birth, cfg), now: birth}
}

func origin(n byte) ident.Origin { return ident.Origin{ID: ident.ID{n, 0xee}, Epoch: 1} }

func (b *bench) Ready(to ident.Link) { b.ready = append(b.ready, to) }
func (b *bench) Push(to ident.Link, g *Gossip) {
	frame := *g
	b.sent = append(b.sent, sent{to, &frame})
}
func (b *bench) Send(to ident.Link, m Message)    { b.sent = append(b.sent, sent{to, m}) }
func (b *bench) Deliver(e *Event)                 { b.delivered = append(b.delivered, e) }
func (b *bench) Gap(missing Range)                { b.gaps = append(b.gaps, missing) }
func (b *bench) Refused(from ident.Link, r Range) { b.refused = append(b.refused, from) }

// fill calls Fill with unlimited room for each ready link.
func (b *bench) fill() {
	for len(b.ready) > 0 {
		l := b.ready[0]
		b.ready = b.ready[1:]
		for b.Fill(b.now, l, 1<<20, b) {
		}
	}
}

// forget discards everything sent so far.
func (b *bench) forget() {
	b.fill()
	b.sent = nil
}

// peerOn names the peer of a link: each link leads to a different peer.
func peerOn(l ident.Link) Source {
	return Source{ID: ident.ID{15: byte(l), 14: byte(l >> 8), 13: 1}, Group: uint16(l)}
}

// up brings links up and discards the first frames on them.
func (b *bench) up(links ...ident.Link) {
	for _, l := range links {
		b.LinkUp(b.now, l, peerOn(l), b)
	}
	b.forget()
}

func (b *bench) get(l ident.Link, m Message) {
	b.Handle(b.now, l, m, b)
	b.fill()
}

// gossip delivers events of an origin on a link.
func (b *bench) gossip(l ident.Link, o ident.Origin, seqs ...uint64) {
	for _, seq := range seqs {
		b.get(l, gossip(o, seq, 1))
	}
}

// gossip returns a frame with count events.
func gossip(o ident.Origin, seq, count uint64) *Gossip {
	g := &Gossip{Origin: o, Seq: seq, Count: uint32(count), Round: 1}
	for ; count > 0; count-- {
		g.Body = batch.Append(g.Body, fmt.Appendf(nil, "\x01e%d", seq))
		seq++
	}
	return g
}

// large returns an event with a body of the given size.
func large(o ident.Origin, seq uint64, size int) *Gossip {
	return &Gossip{Origin: o, Seq: seq, Count: 1, Round: 1, Body: batch.Append(nil, make([]byte, size))}
}

// pass advances the clock and calls Advance at each deadline.
func (b *bench) pass(d time.Duration) {
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
		b.fill()
	}
	b.t.Fatal("Advance is wanted again and again")
}

// take returns the frames sent on a link so far, and forgets them.
func (b *bench) take(l ident.Link) (list []Message) {
	b.fill()
	b.sent = slices.DeleteFunc(b.sent, func(s sent) bool {
		if s.to == l {
			list = append(list, s.msg)
		}
		return s.to == l
	})
	return list
}

// want compares frames with the expected ones. It compares a Gossip by origin and number
// only.
func (b *bench) want(got []Message, want ...Message) {
	b.t.Helper()
	if a, c := words(got), words(want); !slices.Equal(a, c) {
		b.t.Fatalf("at %v: sent %q, want %q", b.now.Sub(birth), a, c)
	}
}

func words(list []Message) (words []string) {
	for _, m := range list {
		switch m := m.(type) {
		case *Gossip:
			for seq := m.Seq; seq < m.end(); seq++ {
				words = append(words, fmt.Sprintf("GOSSIP %s#%d", m.Origin, seq))
			}
		case *Miss:
			words = append(words, fmt.Sprintf("MISS %v %s", m.Range, m.Why))
		case *Graft:
			words = append(words, fmt.Sprintf("GRAFT %v eager %v", m.Ranges, m.Eager))
		default:
			words = append(words, fmt.Sprintf("%T%+v", m, reflect.ValueOf(m).Elem()))
		}
	}
	return words
}

func (b *bench) wantDelivered(o ident.Origin, seqs ...uint64) {
	b.t.Helper()
	var got []uint64
	for _, e := range b.delivered {
		if e.Origin == o {
			for seq := e.Seq; seq < e.end(); seq++ {
				got = append(got, seq)
			}
		}
	}
	if !slices.Equal(got, seqs) {
		b.t.Fatalf("at %v: delivered %v, want %v", b.now.Sub(birth), got, seqs)
	}
}

func (b *bench) wantGaps(gaps ...Range) {
	b.t.Helper()
	if !slices.Equal(b.gaps, gaps) {
		b.t.Fatalf("at %v: gaps %v, want %v", b.now.Sub(birth), b.gaps, gaps)
	}
}

func event(o ident.Origin, seq uint64) *Gossip { return gossip(o, seq, 1) }

func unknown(o ident.Origin, from, to uint64) *Miss { return &Miss{Range: Range{o, from, to}} }

func graft(ranges ...Range) *Graft { return &Graft{Ranges: ranges, Eager: true} }
