package plumtree

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/ident"
)

// H1: CPU of a GRAFT of one old number.
func TestXOldPullsAreCheap(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	a := origin(1)
	for seq := uint64(1); seq <= 110_000; seq++ {
		b.gossip(1, a, seq)
		b.delivered = b.delivered[:0]
		if seq%1000 == 0 {
			b.forget()
		}
	}
	b.pass(3 * time.Second) // older than bornSlack
	b.forget()
	s := b.streams.find(a)
	from := s.held[0].Seq
	list := make([]Range, maxRanges)
	for i := range list {
		list[i] = Range{a, from, from + 1}
	}
	for range 16 {
		b.Handle(b.now, 2, &Graft{Ranges: list}, b)
	}
	begin := time.Now()
	b.Fill(b.now, 2, 64<<10, b)
	t.Logf("held %d; one Fill for %d pulls: %v, %d frames", len(s.held), 16*maxRanges, time.Since(begin), len(b.sent))
}

// H2: invented origins, "older than you": remembered, and told on.
func TestXInventedOriginsThatAreOld(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2, 3, 4)
	a := origin(1)
	b.gossip(1, a, 1, 2, 3)
	b.wantDelivered(a, 1, 2, 3)
	b.pass(10 * time.Minute)
	b.forget()
	told := 0
	gaps := 0
	liar := 0
	for n := range uint64(70) {
		b.get(2, invented(1000*n))
		b.pass(150 * time.Millisecond)
		for len(b.sent) > 0 {
			s := b.sent[0]
			b.sent = b.sent[1:]
			switch m := s.msg.(type) {
			case *Graft:
				if s.to == 2 {
					for _, r := range m.Ranges {
						liar++
						b.get(2, &Miss{r, Gone, maxAge})
					}
				}
			case *IHave:
				if s.to != 2 && m.Sync {
					told += len(m.Ranges)
				}
			}
		}
	}
	b.pass(10*time.Second)
	for _, s := range b.sent {
		if m, ok := s.msg.(*IHave); ok && s.to != 2 && m.Sync {
			told += len(m.Ranges)
		}
	}
	b.forget()
	t.Logf("misses by the liar %d; remembered %d, told on to the 3 others %d ranges, gaps %d", liar, len(b.order), told, gaps)
	t.Log("is a remembered:", b.streams.find(a) != nil)
	b.gossip(3, a, 1, 2, 3)
	b.wantDelivered(a, 1, 2, 3)
}

// H3: the 1025th
func TestXSyncOfAllThatIsTold(t *testing.T) {
	src := newBench(t, Config{})
	src.up(9)
	src.Emit(src.now, []byte("\x01a"), src)
	for i := range uint64(maxTold) {
		o := ident.Origin{Epoch: 7}
		binary.BigEndian.PutUint64(o.ID[2:], i+1)
		src.gossip(9, o, 1)
	}
	src.forget()
	src.LinkUp(src.now, 5, src)
	b := newBench(t, Config{Self: origin(77)})
	b.up(1)
	n := 0
	for _, s := range src.sent {
		if m, ok := s.msg.(*IHave); ok && s.to == 5 {
			n += len(m.Ranges)
			b.Handle(b.now, 1, m, b)
		}
	}
	t.Logf("announced %d, looked for %d", n, len(b.repairs))
	if n != len(b.repairs) {
		t.Error("an origin is not looked for")
	}
}

// H4: four liars, and nothing of honest neighbours' histories is pulled.
func TestXFourLiarsKeepOutHonestOrigins(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2, 3, 4, 5)
	for l := ident.Link(1); l <= 4; l++ {
		for n := range uint64(4) {
			b.get(l, invented(1e6*uint64(l)+1000*n))
		}
	}
	b.forget()
	a := origin(1)
	b.get(5, &IHave{Ranges: []Range{{a, 1, 4}}, Sync: true})
	if s := b.streams.find(a); s == nil {
		t.Error("the honest announcement was dropped; it is made only once")
	}
	for range 20 {
		b.pass(time.Second)
	}
	t.Log("still hearsay after 20 s of silence:", b.hearsays)
}

// H5: order around takeBack
func TestXTakeBackOutOfOrder(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	a := origin(1)
	b.gossip(1, a, 1)
	b.get(2, &IHave{Ranges: []Range{{a, 900, 1000}}})
	b.pass(200 * time.Millisecond)
	b.get(2, &Miss{Range{a, 2, 1000}, Gone, 0})
	b.get(1, unknown(a, 2, 1000))
	b.pass(time.Minute)
	b.wantGaps(Range{a, 2, 1000})
	b.gossip(1, a, 3)
	b.gossip(2, a, 2)
	b.wantDelivered(a, 1, 2, 3)
}

// H6: lies about known origins
func TestXLiesAboutKnownOrigins(t *testing.T) {
	b := newBench(t, Config{})
	links := []ident.Link{1, 2, 3, 4, 5, 6, 7, 8}
	b.up(links...)
	const known = 10000
	var all []ident.Origin
	for n := range uint64(known) {
		o := ident.Origin{Epoch: 1}
		binary.BigEndian.PutUint64(o.ID[8:], n+1)
		all = append(all, o)
		b.gossip(1, o, 1)
	}
	b.pass(time.Minute)
	b.forget()
	b.delivered = nil
	for i := 0; i < known; i += maxRanges {
		var list []Range
		for _, o := range all[i:min(i+maxRanges, known)] {
			list = append(list, Range{o, 2, 3})
		}
		b.Handle(b.now, 2, &IHave{Ranges: list}, b)
	}
	others, frames := 0, 0
	for range 400 {
		b.pass(100 * time.Millisecond)
		for len(b.sent) > 0 {
			s := b.sent[0]
			b.sent = b.sent[1:]
			if g, ok := s.msg.(*Graft); ok && s.to != 2 {
				frames++
				for _, r := range g.Ranges {
					others++
					b.get(s.to, unknown(r.Origin, r.From, r.To))
				}
			}
		}
	}
	t.Logf("%d ranges of one neighbour made %d ranges (%d frames) go to others", known, others, frames)
}
