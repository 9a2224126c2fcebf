package overlay

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/batch"
	"github.com/smokesignal-go/smokesignal/internal/census"
	"github.com/smokesignal-go/smokesignal/internal/frame"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/netsplit"
)

// The machine gets random calls and messages. It must not panic, must stay within its
// bounds, and must take no invalid action (bench checks that).
func FuzzMachine(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, uint16(600))
	}
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16) {
		rng := rand.New(rand.NewPCG(seed, 4))
		b := newBench(t, seed, Config{
			Seeds:      []string{addr(1), addr(2), "dns://chat"},
			Membership: hyparview.Config{BookSize: 30},
			Tree: plumtree.Config{
				HistoryBytes: 64 << 10, VerifyAll: seed%2 == 1,
				Verify: func(_ ident.Origin, seq uint64, _ []byte) bool { return seq%64 > 0 },
			},
		})
		calls := uint64(0)
		for range steps {
			link := ident.Link(1 + rng.IntN(int(b.last)+1))
			conn := hyparview.Conn{
				Peer: ident.Origin{ID: nodeID(rng.IntN(20)), Epoch: rng.Uint64N(3)}, Addr: addr(rng.IntN(20)), Local: rng.IntN(4) == 0,
			}
			switch rng.IntN(20) {
			case 0, 1:
				b.linkUp(conn, nil)
			case 2, 3, 4:
				if len(b.dials) == 0 {
					break
				}
				d := b.dials[0]
				b.dials = b.dials[1:]
				switch rng.IntN(4) {
				case 0:
					b.DialFailed(b.now, d, errNobody, b)
				case 1:
					conn.Peer = b.self
					b.linkUp(conn, &d)
				default:
					b.linkUp(conn, &d)
				}
			case 5:
				b.ends(link)
			case 6:
				b.pass(time.Duration(rng.Int64N(int64(4 * time.Second))))
			case 7:
				b.Emit(b.now, make([]byte, rng.IntN(100)), b)
			case 8:
				calls++
				b.Add(b.now, addr(rng.IntN(20)), calls, b)
			case 9:
				b.Remove(b.now, nodeID(rng.IntN(20)), b)
			case 10:
				b.Resolved(b.now, "dns://chat", []string{addr(rng.IntN(20)), addr(rng.IntN(20))}, nil, b)
			case 11, 12:
				b.Fill(b.now, link, rng.IntN(4000), b)
			case 13:
				b.Count(b.now, calls, b)
				b.Survey(b.now, calls+1<<32, b)
			default:
				b.get(link, message(rng))
			}
			if len(b.conns) != len(b.open) || b.Degree() != len(b.up) || b.Degree() > 5 || b.BookLen() > 30 {
				t.Fatalf("seed %d: %d links, %d of them open; %d neighbours, %d of them up; %d in the book",
					seed, len(b.conns), len(b.open), b.Degree(), len(b.up), b.BookLen())
			}
			at, ok := b.Deadline()
			for i, p := range b.parts {
				if due, is := p.Deadline(); is && (!ok || due.Before(at)) {
					t.Fatalf("seed %d: part %d is due at %v, before the deadline %v, %v", seed, i, due, at, ok)
				}
			}
			b.sent = b.sent[:0]
		}
		b.Leave(b.now, b)
		if b.added != int(calls) || len(b.up) > 0 {
			t.Fatalf("seed %d: %d of %d adds answered, %d neighbours after leaving", seed, b.added, calls, len(b.up))
		}
	})
}

// message returns a random message.
func message(rng *rand.Rand) frame.Message {
	id := func() ident.ID { return nodeID(rng.IntN(20)) }
	origin := func() ident.Origin { return ident.Origin{ID: id(), Epoch: rng.Uint64N(2)} }
	number := func() uint64 {
		if rng.IntN(4) == 0 {
			return rng.Uint64() >> rng.IntN(64)
		}
		return rng.Uint64N(30)
	}
	byte8 := func() uint8 { return uint8(rng.IntN(256)) }
	coin := func() bool { return rng.IntN(2) == 0 }
	span := func() time.Duration { return time.Duration(rng.Int64N(int64(time.Minute))) }
	contacts := func() (list []hyparview.Contact) {
		for range rng.IntN(6) {
			list = append(list, hyparview.Contact{ID: id(), Addr: addr(rng.IntN(60))})
		}
		return list
	}
	known := func() (list []netsplit.Sighting) {
		for range rng.IntN(6) {
			list = append(list, netsplit.Sighting{ID: id(), Age: span() / 4})
		}
		return list
	}
	ranges := func() (list []plumtree.Range) {
		for range rng.IntN(4) {
			list = append(list, plumtree.Range{Origin: origin(), From: number(), To: number()})
		}
		return list
	}
	switch rng.IntN(24) {
	case 0, 1:
		return &hyparview.Join{Priority: hyparview.Priority(rng.IntN(4)), AsSeed: coin()}
	case 2:
		return &hyparview.Neighbor{Priority: hyparview.Priority(rng.IntN(4))}
	case 3, 4:
		return &hyparview.NeighborReply{Accepted: coin(), Reason: hyparview.Reason(byte8()), Degree: byte8(), Sample: contacts()}
	case 5:
		return &hyparview.ForwardJoin{Newcomer: hyparview.Contact{ID: id(), Addr: addr(rng.IntN(60))}, TTL: byte8()}
	case 6:
		return &hyparview.Disconnect{Reason: hyparview.Reason(byte8()), Try: contacts()}
	case 7:
		return &hyparview.Shuffle{Sample: contacts(), TTL: byte8()}
	case 8:
		return &hyparview.Ping{Degree: byte8(), Sent: span()}
	case 9:
		return &hyparview.Pong{Degree: byte8(), Sent: span()}
	case 10, 11:
		return &netsplit.Beacon{Origin: origin(), Count: number(), Addr: addr(rng.IntN(30))}
	case 12:
		return &netsplit.Probe{Known: known(), Settled: span(), Isolated: coin()}
	case 13:
		return &netsplit.ProbeReply{Known: known(), Settled: span(), Isolated: coin()}
	case 14:
		return &netsplit.Split{Ours: id(), Other: id()}
	case 15:
		return &plumtree.IHave{Ranges: ranges(), Sync: coin()}
	case 16:
		return &plumtree.Graft{Ranges: ranges(), Eager: coin(), MaxAge: span()}
	case 17:
		return &plumtree.Prune{}
	case 18:
		return &plumtree.Miss{Range: plumtree.Range{Origin: origin(), From: number(), To: number()}, Why: plumtree.Why(rng.IntN(4))}
	case 19:
		return &census.Count{Query: number(), Origin: id(), Digests: rng.Uint64N(3)}
	case 20:
		if rng.IntN(2) == 0 {
			return &census.Tell{Query: number(), Origin: id(), Digests: make([]census.Digest, rng.IntN(20))}
		}
		return &census.CountReply{Query: number(), Origin: id(), Nodes: rng.Uint64()}
	case 21:
		return noFrame{}
	}
	g := &plumtree.Gossip{Origin: origin(), Seq: number(), Round: byte8(), Age: span()}
	for range 1 + rng.IntN(3) {
		g.Body = batch.Append(g.Body, make([]byte, rng.IntN(300)))
		g.Count++
	}
	return g
}

// noFrame is a message of a kind that no part handles.
type noFrame struct{}

func (noFrame) Kind() frame.Kind { return 0x7f }
