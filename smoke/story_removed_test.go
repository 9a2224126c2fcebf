package smoke_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/wire"
	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport"
	"github.com/smokesignal-go/smokesignal/transport/mem"
	"github.com/smokesignal-go/smokesignal/trust"
)

// In these tests, a node ends the link to a neighbour that would keep it. The nodes are on
// a network in memory, in virtual time.

const annAt = "10.0.0.1:8495"

// visitFrom dials a node on a network in memory. With a guard, the connection is secured.
// raw is the connection below TLS.
func visitFrom(t testing.TB, host transport.Transport, addr string, guard *trust.Guard) (eve *stranger, raw net.Conn) {
	t.Helper()
	raw, err := host.Dial(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	conn := raw
	if guard != nil {
		if conn, err = guard.Secure(t.Context(), raw, addr); err != nil {
			t.Fatal(err)
		}
	}
	return receive(t, conn), raw
}

// befriended is a neighbour on a plaintext link, at 10.0.0.2, of the node at annAt.
func befriended(t testing.TB, network *mem.Network) *stranger {
	t.Helper()
	eve, _ := visitFrom(t, network.Host("10.0.0.2"), annAt, nil)
	eve.befriend()
	return eve
}

// direct returns an event for one node only, whose argument is a number.
func direct(t testing.TB, name string, n byte) *wire.Direct {
	t.Helper()
	body, err := wire.AppendBody(nil, name, []byte{0x91, n}) // msgpack: an array of one small integer
	if err != nil {
		t.Fatal(err)
	}
	return &wire.Direct{Body: body}
}

// gossip is a node to which peers send numbers. Its handler blocks in the call with the
// first number, until leave is closed.
type gossip struct {
	*actor
	inside, leave chan struct{}

	mu    sync.Mutex // guards heard
	heard []int
}

func (s *story) gossip(network *mem.Network) *gossip {
	g := &gossip{inside: make(chan struct{}), leave: make(chan struct{})}
	g.actor = s.create(smoke.Options{Address: "10.0.0.1", Port: 8495, Transport: network.Host("10.0.0.1")})
	g.Peers().OnAdd(func(p *smoke.Peer) {
		p.On("whisper", func(n int) {
			g.mu.Lock()
			first := len(g.heard) == 0
			g.heard = append(g.heard, n)
			g.mu.Unlock()
			if first {
				close(g.inside)
				<-g.leave
			}
		})
	})
	if err := g.Start(); err != nil {
		s.Fatal(err)
	}
	return g
}

// wantWhispers unblocks the handler, waits until all goroutines block, and checks the
// numbers that it got.
func (g *gossip) wantWhispers(want ...int) {
	g.story.Helper()
	close(g.leave)
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	if !slices.Equal(g.heard, want) {
		g.story.Errorf("heard %v, want %v", g.heard, want)
	}
}

// After a node has removed a peer, it continues to read for a second, and ignores the
// frames that it reads.
func TestARemovedPeerIsNotHeardAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		network := mem.New()
		ann := s.gossip(network)
		eve := befriended(t, network)
		eve.say(direct(t, "whisper", 1))
		<-ann.inside
		eve.say(direct(t, "whisper", 2))
		synctest.Wait()
		if err := ann.RemovePeer(someID); err != nil {
			t.Fatal(err)
		}
		goodbye := eve.untilHungUp()
		if last, ok := goodbye[len(goodbye)-1].(*hyparview.Disconnect); !ok || last.Reason != hyparview.ReasonRemoved {
			t.Errorf("ann says goodbye with %+v", goodbye[len(goodbye)-1])
		}
		eve.say(direct(t, "whisper", 3))
		eve.mumble([]byte("and this is not a frame"))
		synctest.Wait()
		ann.wantWhispers(1, 2)
		// Ann reads for a second, however long eve sends.
		time.Sleep(990 * time.Millisecond)
		eve.mumble([]byte("more"))
		time.Sleep(20 * time.Millisecond)
		if _, err := eve.conn.Write([]byte("more")); err == nil {
			t.Error("ann still reads")
		}
		if len(ann.log.AllEntries()) > 1 {
			t.Errorf("ann complains: %v", ann.log.LastEntry().Message)
		}
	})
}

// Events that arrived before the neighbour's goodbye are delivered, however late. Events
// after the goodbye are not.
func TestEventsBeforeAGoodbyeAreDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		network := mem.New()
		ann := s.gossip(network)
		eve := befriended(t, network)
		var last []byte
		for _, m := range []any{
			direct(t, "whisper", 1), direct(t, "whisper", 2), direct(t, "whisper", 3),
			&hyparview.Disconnect{Reason: hyparview.ReasonLeave}, direct(t, "whisper", 4),
		} {
			frame, err := eve.enc.Append(nil, m)
			if err != nil {
				t.Fatal(err)
			}
			last = append(last, frame...)
		}
		eve.mumble(last)
		<-ann.inside
		eve.untilHungUp()
		ann.wantWhispers(1, 2, 3)
	})
}

// A second link replaces the first link to the same neighbour. The neighbour stays in the
// list. Events that it sends on the first link, before it learns of that, are delivered.
func TestEventsOnAReplacedLinkAreDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		network := mem.New()
		ann := s.gossip(network)
		first := befriended(t, network)
		first.say(direct(t, "whisper", 1))
		<-ann.inside
		befriended(t, network)
		first.say(direct(t, "whisper", 2))
		first.untilHungUp()
		synctest.Wait()
		if ann.Peers().Len() != 1 || ann.times("add") != 1 || ann.times("remove") != 0 {
			t.Errorf("%d neighbours, %d added, %d removed", ann.Peers().Len(), ann.times("add"), ann.times("remove"))
		}
		ann.wantWhispers(1, 2)
	})
}

// A neighbour reads nothing, or one byte now and then, so a write to it blocks. Then the
// node removes it, or stops. From then on the link ends within two seconds.
func TestALinkToASlowNeighbourEndsWithinTwoSeconds(t *testing.T) {
	const flushWithin = 2 * time.Second
	for _, encrypted := range []bool{false, true} {
		for _, drips := range []bool{false, true} {
			for _, stops := range []bool{false, true} {
				t.Run(fmt.Sprintf("encrypted %v, drips %v, stops %v", encrypted, drips, stops), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						s := tell(t)
						network := mem.New()
						o := smoke.Options{Address: "10.0.0.1", Port: 8495, Transport: network.Host("10.0.0.1")}
						var guard *trust.Guard
						id := someID
						if encrypted {
							o.Key = newKey(t)
							key := newKey(t)
							var err error
							if guard, err = trust.NewGuard(key, nil, trust.Rules{}); err != nil {
								t.Fatal(err)
							}
							id = key.ID()
						}
						ann := s.start(o)
						eve, raw := visitFrom(t, network.Host("10.0.0.2"), annAt, guard)
						eve.befriendAs(id)
						// More bytes than the connection buffers, and fewer than would make
						// Emit wait.
						for range 7 {
							if err := ann.Broadcast().Emit("ballast", make([]byte, 64<<10)); err != nil {
								t.Fatal(err)
							}
						}
						time.Sleep(time.Second) // now the writer blocks
						over := make(chan struct{})
						go func() { // the test waits for it; it ends with the connection
							defer close(over)
							for one := make([]byte, 1); drips; time.Sleep(100 * time.Millisecond) {
								if _, err := raw.Read(one); err != nil {
									return
								}
							}
						}()
						start := time.Now()
						if stops {
							ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
							defer cancel()
							err := ann.Shutdown(ctx)
							if left, ok := errors.AsType[*smoke.UndeliveredError](err); !ok || left.Bytes == 0 || !errors.Is(err, smoke.ErrBusy) {
								t.Errorf("shutdown: %v", err)
							}
							if took := time.Since(start); took > flushWithin {
								t.Errorf("shutdown took %v", took)
							}
						} else {
							if err := ann.RemovePeer(id); err != nil {
								t.Fatal(err)
							}
							time.Sleep(flushWithin - time.Millisecond)
							if _, err := eve.conn.Write([]byte{0}); err != nil {
								t.Errorf("eve had less than her time: %v", err)
							}
							time.Sleep(2 * time.Millisecond)
							if _, err := eve.conn.Write([]byte{0}); err == nil {
								t.Error("the link has not ended")
							}
						}
						eve.conn.Close()
						<-over
					})
				})
			}
		}
	}
}
