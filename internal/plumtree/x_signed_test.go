package plumtree

import (
"testing"
"time"
"github.com/smokesignal-go/smokesignal/internal/ident"
)

// H2: invented origins, "older than you": remembered, and told on.
func TestXSignedOld(t *testing.T) {
	b := newBench(t, Config{VerifyAll: true, Verify: func(ident.Origin, uint64, []byte) bool { return true }})
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

