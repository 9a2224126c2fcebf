package smoke_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/peerlist"
	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport/mem"
)

// Why a neighbour went is known to who is told that it did.
func TestWhyAPeerIsGone(t *testing.T) {
	says := func(why peerlist.Reason) func(*actor, *stranger) {
		return func(_ *actor, eve *stranger) { eve.say(&peerlist.Disconnect{Reason: why}) }
	}
	for want, end := range map[string]func(ann *actor, eve *stranger){
		"it left":                                   says(peerlist.ReasonLeave),
		"it made room for another one":              says(peerlist.ReasonMakeRoom),
		"it swapped this node for another one":      says(peerlist.ReasonRotate),
		"its program let this node go":              says(peerlist.ReasonRemoved),
		"it says: too slow":                         says(peerlist.ReasonSlow),
		"the connection ended":                      func(_ *actor, eve *stranger) { eve.conn.Close() },
		"it broke the protocol":                     func(_ *actor, eve *stranger) { eve.mumble([]byte("\xff\xff\xff\xff what is no frame")) },
		"nothing was heard of it for too long":      func(*actor, *stranger) { time.Sleep(time.Minute) },
		"this program let it go":                    func(ann *actor, _ *stranger) { ann.RemovePeer(someID) },
		"this node stops":                           func(ann *actor, _ *stranger) { _ = ann.Stop() },
		"it says that this node broke the protocol": says(peerlist.ReasonProtocol),
	} {
		t.Run(want, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := tell(t)
				network := mem.New()
				ann := s.create(smoke.Options{Address: "10.0.0.1", Port: 8495, Transport: network.Host("10.0.0.1")})
				there, why := "", make(chan string, 1)
				ann.Peers().OnAdd(func(p *smoke.Peer) { there = p.Gone() })
				ann.Peers().OnRemove(func(p *smoke.Peer) { why <- p.Gone() })
				if err := ann.Start(); err != nil {
					t.Fatal(err)
				}
				eve, _ := visitFrom(t, network.Host("10.0.0.2"), annAt, nil)
				eve.befriend()
				synctest.Wait()
				if there != "" {
					t.Errorf("it is there, and gone: %s", there)
				}
				end(ann, eve)
				synctest.Wait()
				if got := <-why; got != want {
					t.Errorf("it is gone: %s", got)
				}
			})
		})
	}
}
