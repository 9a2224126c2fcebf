package hyparview

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// Whatever frames arrive in whatever order, nothing panics, the actions are valid (bench
// checks that), and the bounds hold.
func FuzzMembership(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, uint16(500))
	}
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16) {
		rng := rand.New(rand.NewPCG(seed, 2))
		b := newBench(t, Config{MinPeers: 2 + rng.IntN(3), MaxPeers: 5, MaxGuests: rng.IntN(9) - 1, BookSize: 20})
		node := func() int { return rng.IntN(40) }
		who := func() Contact {
			switch rng.IntN(10) {
			case 0:
				return Contact{}
			case 1:
				return Contact{selfID, addr(node())}
			case 2:
				return Contact{nodeID(node()), "127.0.0.1:5"}
			case 3:
				return Contact{ident.ID{}, "no address at all"}
			case 4, 5:
				return Contact{nodeID(node()), sybil(rng.IntN(100), 3).Addr}
			case 6:
				return Contact{nodeID(node()), honest(node()).Addr}
			}
			return Contact{nodeID(node()), addr(node())}
		}
		contacts := func() (list []Contact) {
			for range rng.IntN(8) {
				list = append(list, who())
			}
			return list
		}
		link := func() ident.Link { return ident.Link(1 + rng.IntN(int(b.last)+2)) }
		var token uint64
		for range steps {
			switch rng.IntN(16) {
			case 0, 1:
				c := who()
				b.last++
				b.LinkUp(b.now, Conn{Link: b.last, Peer: ident.Origin{ID: c.ID, Epoch: uint64(rng.IntN(3))}, Addr: c.Addr, From: who().Addr, Local: rng.IntN(2) == 0}, b)
			case 2, 3:
				if len(b.dials) > 0 {
					a := b.dials[0]
					b.dials = b.dials[1:]
					if rng.IntN(2) == 0 {
						b.DialFailed(b.now, a, errors.New("nobody is there"), b)
						break
					}
					c := who()
					b.last++
					b.LinkUp(b.now, Conn{Link: b.last, Peer: ident.Origin{ID: c.ID, Epoch: 1}, Addr: c.Addr, Dialled: a}, b)
				}
			case 4:
				l := link()
				b.LinkDown(b.now, l, ReasonNone, b)
				if _, gone := b.closed[l]; !gone && l <= b.last {
					b.closed[l] = ReasonNone
				}
			case 5:
				b.pass(time.Duration(rng.Int64N(int64(3 * time.Second))))
			case 6:
				token++
				b.Add(b.now, addr(node()), token, b)
			case 7:
				b.Remove(b.now, nodeID(node()), b)
			case 8:
				b.SetSeeds(b.now, []string{addr(node()), addr(node())}, b)
			case 9:
				c := who()
				if c.ID == selfID {
					break // a probe never reaches the node itself
				}
				b.last++
				b.Adopt(b.now, Conn{Link: b.last, Peer: ident.Origin{ID: c.ID, Epoch: 1}, Addr: c.Addr, Dialled: addr(node())}, b)
			case 10:
				b.get(link(), &Join{Priority(rng.IntN(5)), rng.IntN(2) == 0})
			case 11:
				b.get(link(), &Neighbor{Priority: Priority(rng.IntN(5)), Kept: rng.IntN(3) == 0})
			case 12:
				b.get(link(), &NeighborReply{rng.IntN(2) == 0, Reason(rng.IntN(20)), uint8(rng.IntN(256)), contacts()})
			case 13:
				b.get(link(), &ForwardJoin{who(), uint8(rng.IntN(256))})
			case 14:
				b.get(link(), &Shuffle{contacts(), uint8(rng.IntN(256))})
			case 15:
				switch rng.IntN(6) {
				case 0:
					b.get(link(), &Disconnect{Reason(rng.IntN(20)), contacts()})
				case 1, 2, 3:
					b.get(link(), &Ping{uint8(rng.IntN(256)), time.Duration(rng.Int64())})
				default:
					b.get(link(), &Pong{uint8(rng.IntN(256)), time.Duration(rng.Int64())})
				}
			}
			b.check(seed)
		}
		b.Leave(b.now, b)
		if len(b.up) > 0 || len(b.added) != int(token) {
			t.Fatalf("seed %d: after leaving, %d links are up, %d of %d adds answered", seed, len(b.up), len(b.added), token)
		}
	})
}

// check fails if the state exceeds one of its bounds.
func (b *bench) check(seed uint64) {
	b.t.Helper()
	seen := make(map[ident.ID]bool)
	for _, l := range b.active {
		if seen[l.Peer.ID] || l.Peer.ID == selfID || !b.Membership.isNeighbor(l) || !b.up[l.Link] {
			b.t.Fatalf("seed %d: neighbour %v twice, or ourselves, or not up", seed, l.Peer)
		}
		seen[l.Peer.ID] = true
		if _, gone := b.closed[l.Link]; gone {
			b.t.Fatalf("seed %d: link %d is a neighbour and closed", seed, l.Link)
		}
	}
	switch {
	case len(b.active) != len(b.up):
		b.t.Fatalf("seed %d: %d neighbours, %d links up", seed, len(b.active), len(b.up))
	case b.countRegular()+b.pendingRequests() > b.cfg.MaxPeers || b.Guests() > b.guestPlaces() || b.countGuests() < b.Guests():
		b.t.Fatalf("seed %d: %d neighbours, %d of them guests, and %d requests, of %d and %d", seed, len(b.active), b.Guests(), b.pendingRequests(), b.cfg.MaxPeers, b.guestPlaces())
	case len(b.guests.checks) > maxChecks || len(b.guests.findings) > maxFindings || len(b.guests.evictions) > evictionsOfAll || len(b.Membership.shutOut.attempts) > maxAttempts:
		b.t.Fatalf("seed %d: %d checks, %d findings, %d evictions, %d attempts", seed, len(b.guests.checks), len(b.guests.findings), len(b.guests.evictions), len(b.Membership.shutOut.attempts))
	case len(b.book.entries) > b.cfg.BookSize || len(b.book.entries) != b.book.byAddr.len():
		b.t.Fatalf("seed %d: %d entries and %d addresses in the book", seed, len(b.book.entries), b.book.byAddr.len())
	case b.book.tried() > b.cfg.BookSize/2 || len(b.costs.list) > maxCosts:
		b.t.Fatalf("seed %d: %d tried, %d sources", seed, b.book.tried(), len(b.costs.list))
	case len(b.lookers) > 2*replySample:
		b.t.Fatalf("seed %d: %d lookers", seed, len(b.lookers))
	}
	for _, s := range b.sent {
		switch m := s.msg.(type) {
		case *Shuffle:
			if len(m.Sample) == 0 || m.TTL > activeWalk {
				b.t.Fatalf("seed %d: %+v", seed, m)
			}
		case *ForwardJoin:
			if m.TTL > activeWalk {
				b.t.Fatalf("seed %d: %+v", seed, m)
			}
		}
	}
	b.sent = b.sent[:0]
}
