package smoke_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/peerlist"
	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport/mem"
)

// A removed peer has the reason: the cause, and the node that decided or detected it.
func TestWhyAPeerIsGone(t *testing.T) {
	says := func(why peerlist.Reason) func(*actor, *stranger) {
		return func(_ *actor, eve *stranger) { eve.say(&peerlist.Disconnect{Reason: why}) }
	}
	for _, c := range []struct {
		cause  smoke.LeaveCause
		byPeer bool
		words  string
		end    func(ann *actor, eve *stranger)
	}{
		{smoke.LeaveStopped, true, "it left", says(peerlist.ReasonLeave)},
		{smoke.LeaveEvicted, true, "it made room for another one", says(peerlist.ReasonMakeRoom)},
		{smoke.LeaveReplaced, true, "it swapped this node for another one", says(peerlist.ReasonRotate)},
		{smoke.LeaveRemoved, true, "its program removed this node", says(peerlist.ReasonRemoved)},
		{smoke.LeaveSlow, true, "it says that this node was too slow", says(peerlist.ReasonSlow)},
		{smoke.LeaveDisconnected, false, "the connection ended", func(_ *actor, eve *stranger) { eve.conn.Close() }},
		{smoke.LeaveProtocol, false, "it broke the protocol", func(_ *actor, eve *stranger) { eve.mumble([]byte("\xff\xff\xff\xff not a frame")) }},
		{smoke.LeaveSilent, false, "nothing was heard of it for too long", func(*actor, *stranger) { time.Sleep(time.Minute) }},
		{smoke.LeaveRemoved, false, "this program removed it", func(ann *actor, _ *stranger) { ann.RemovePeer(someID) }},
		{smoke.LeaveStopped, false, "this node stops", func(ann *actor, _ *stranger) { _ = ann.Stop() }},
		{smoke.LeaveProtocol, true, "it says that this node broke the protocol", says(peerlist.ReasonProtocol)},
		{smoke.LeaveSameID, true, "another node with the id of this one took its place", says(peerlist.ReasonTwin)},
		{smoke.LeaveOther, true, "it says that the link was not needed", says(peerlist.ReasonUnwanted)},
	} {
		t.Run(c.words, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := tell(t)
				network := mem.New()
				ann := s.create(smoke.Options{Address: "10.0.0.1", Port: 8495, Transport: network.Host("10.0.0.1")})
				var there smoke.LeaveReason
				why := make(chan smoke.LeaveReason, 1)
				ann.Peers().OnAdd(func(p *smoke.Peer) { there = p.Gone() })
				ann.Peers().OnRemove(func(p *smoke.Peer) { why <- p.Gone() })
				if err := ann.Start(); err != nil {
					t.Fatal(err)
				}
				eve, _ := visitFrom(t, network.Host("10.0.0.2"), annAt, nil)
				eve.befriend()
				synctest.Wait()
				if !there.IsZero() {
					t.Errorf("a reason while it is a neighbour: %s", there)
				}
				c.end(ann, eve)
				synctest.Wait()
				if got := <-why; got != (smoke.LeaveReason{Cause: c.cause, ByPeer: c.byPeer}) || got.String() != c.words {
					t.Errorf("the reason is %+v, %s", got, got)
				}
			})
		})
	}
}
