package smoke_test

import (
	"errors"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// The Stats of two neighbours agree: the bytes that one has sent are those that the other
// has received. That holds for plaintext and for encrypted links.
func TestTheStatsOfTwoNodesAgree(t *testing.T) {
	for name, o := range map[string]smoke.Options{"plaintext": {}, "encrypted": {Key: newKey(t)}} {
		t.Run(name, func(t *testing.T) {
			s := tell(t)
			o.PingInterval = 50 * time.Millisecond // so that the round trip is measured soon
			ann := s.start(o)
			o.Seeds = []string{ann.Addr()}
			if o.Key != nil {
				o.Key = newKey(t)
			}
			bob := s.start(o)
			bob.peer(ann)
			ann.peer(bob)
			ann.speak(20)
			bob.speak(3)
			s.wantHeard([]*actor{ann, bob}, []*actor{ann, bob})
			s.eventually("the bytes sent are the bytes received", func() bool {
				a, b := ann.Stats(), bob.Stats()
				return a.BytesOut == b.BytesIn && b.BytesOut == a.BytesIn && a.BytesIn > 0 && b.BytesIn > 0
			})
			s.eventually("the node that dialled has measured the round trip", func() bool { return bob.Stats().RTT > 0 })
			a, b := ann.Stats(), bob.Stats()
			if a.Emitted != 20 || a.Delivered != 3 || b.Emitted != 3 || b.Delivered != 20 || a.Missed+b.Missed != 0 {
				t.Errorf("ann %+v\nbob %+v", a, b)
			}
			if a.PeersAdded != 1 || b.PeersAdded != 1 || a.MinPeers != 3 || a.RTT != 0 || a.SeedsLost != 0 {
				t.Errorf("ann %+v\nbob %+v", a, b)
			}
		})
	}
}

func TestFailedDialsAreCounted(t *testing.T) {
	s := tell(t)
	ann := s.start(smoke.Options{})
	gone := s.start(smoke.Options{})
	addr := gone.Addr()
	if err := gone.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := ann.AddPeer(t.Context(), addr); !errors.Is(err, smoke.ErrRefused) {
		t.Fatal(err)
	}
	if got := ann.Stats().DialsFailed; got != 1 {
		t.Errorf("%d dials failed", got)
	}
}

// A node that emits more than 64 KiB at once has to wait. Stats reports the waiting time.
func TestTheWaitingTimeOfEmitIsCounted(t *testing.T) {
	ann := tell(t).start(smoke.Options{})
	load := make([]byte, 256<<10)
	for range 2 {
		if err := ann.Broadcast().Emit("load", load); err != nil {
			t.Fatal(err)
		}
	}
	if got := ann.Stats(); got.Waited <= 0 || got.Emitted != 2 {
		t.Errorf("%d events, waited for %v", got.Emitted, got.Waited)
	}
	if left, ok := errors.AsType[*smoke.UndeliveredError](ann.Stop()); !ok || left.Unsent != 2 {
		t.Fatal(left)
	}
	if got := ann.Stats(); got.Waited <= 0 || got.Emitted != 0 || got.MinPeers != 3 {
		t.Errorf("stopped: %d events, waited for %v", got.Emitted, got.Waited)
	}
}
