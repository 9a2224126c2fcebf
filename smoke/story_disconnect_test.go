package smoke_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport/mem"
)

// A removed peer has the reason of its removal: the cause, and the node that decided or
// detected it.
func TestWhyAPeerIsGone(t *testing.T) {
	says := func(why hyparview.Reason) func(*actor, *stranger) {
		return func(_ *actor, eve *stranger) { eve.say(&hyparview.Disconnect{Reason: why}) }
	}
	for _, c := range []struct {
		cause  smoke.LeaveCause
		byPeer bool
		words  string
		end    func(ann *actor, eve *stranger)
	}{
		{smoke.LeaveStopped, true, "it left", says(hyparview.ReasonLeave)},
		{smoke.LeaveEvicted, true, "it made room for another one", says(hyparview.ReasonMakeRoom)},
		{smoke.LeaveReplaced, true, "it swapped this node for another one", says(hyparview.ReasonRotate)},
		{smoke.LeaveRemoved, true, "its program removed this node", says(hyparview.ReasonRemoved)},
		{smoke.LeaveSlow, true, "it says that this node was too slow", says(hyparview.ReasonSlow)},
		{smoke.LeaveDisconnected, false, "the connection ended", func(_ *actor, eve *stranger) { eve.conn.Close() }},
		{smoke.LeaveProtocol, false, "it broke the protocol", func(_ *actor, eve *stranger) { eve.mumble([]byte("\xff\xff\xff\xff not a frame")) }},
		{smoke.LeaveSilent, false, "nothing was heard of it for too long", func(*actor, *stranger) { time.Sleep(time.Minute) }},
		{smoke.LeaveRemoved, false, "this program removed it", func(ann *actor, _ *stranger) { ann.RemovePeer(someID) }},
		{smoke.LeaveStopped, false, "this node stops", func(ann *actor, _ *stranger) { _ = ann.Stop() }},
		{smoke.LeaveProtocol, true, "it says that this node broke the protocol", says(hyparview.ReasonProtocol)},
		{smoke.LeaveSameID, true, "another node with the id of this one took its place", says(hyparview.ReasonTwin)},
		{smoke.LeaveOther, true, "it says that the link was not needed", says(hyparview.ReasonUnwanted)},
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
