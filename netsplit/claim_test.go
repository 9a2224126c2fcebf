package netsplit

import (
	"testing"
	"time"
)

// wantTold checks how many netsplits, and how many ends of netsplits, the program was
// notified of.
func (b *bench) wantTold(found, healed int) {
	b.t.Helper()
	if len(notices[Found](b)) != found || len(notices[Healed](b)) != healed {
		b.t.Fatalf("notices %v, want %d netsplits and %d ends", b.noticed, found, healed)
	}
}

// The beacon of the other component may arrive before the claim of the split, or after
// it.
func TestANewBeaconConfirmsASplit(t *testing.T) {
	for _, claim := range []Split{{nodeID(7), nodeID(1)}, {nodeID(1), nodeID(7)}} { // the claims of the two sides
		for _, after := range []bool{false, true} {
			b := newBench(t)
			b.neighbors(2, 3, 4)
			b.hear(12*time.Second, 2, 7)
			b.sent = nil
			if after {
				b.beacon(4, 1)
				b.pass(time.Second)
			}
			b.get(99, &claim) // from an unknown link, so it is ignored
			b.get(3, &claim)
			b.get(4, &claim)
			if !after {
				b.wantTold(0, 0)
				b.hear(9*time.Second, 2, 7)
				b.beacon(4, 1)
			}
			if found := notices[Found](b); len(found) != 1 || found[0] != (Found{nodeID(7), nodeID(1)}) {
				t.Fatalf("claim %v, after the beacon %v: notices %v", claim, after, b.noticed)
			}
			if s := sentTo[*Split](b, 2); len(s) != 1 || *s[0] != claim {
				t.Errorf("claim %v, after the beacon %v: forwarded as %v", claim, after, s)
			}
			b.beacon(4, 1)
			b.get(2, &claim)
			b.pass(healedFor)
			b.wantTold(1, 1)
			b.get(2, &claim)
			b.hear(time.Minute, 2, 7, 1)
			b.wantTold(1, 1)
		}
	}
}

// A claim is not believed in three cases: if its beacon does not arrive soon, was heard
// for a while, or was among the first that this node heard.
func TestAClaimedSplitIsNoNotice(t *testing.T) {
	b := newBench(t)
	b.neighbors(1, 2)
	b.beacon(1, 5)
	b.pass(time.Second)
	b.beacon(1, 6)
	b.get(1, &Split{nodeID(5), nodeID(6)})
	b.hear(30*time.Second, 1, 5, 6)
	for n := range 100 {
		b.get(1, &Split{nodeID(5), nodeID(20 + n)})
		b.get(1, &Split{nodeID(5), nodeID(6)})
		b.hear(3*time.Second, 1, 5, 6)
	}
	b.get(1, &Split{nodeID(5), nodeID(9)})
	b.hear(unheardOf, 1, 5, 6)
	b.beacon(2, 9)
	b.wantTold(0, 0)
	if n := len(sentTo[*Split](b, 2)); n > 0 {
		t.Errorf("%d claims were forwarded", n)
	}
}

// The claims of one link leave room for those of other links.
func TestClaimsAreBoundedForEachLink(t *testing.T) {
	b := newBench(t)
	b.neighbors(1, 2)
	b.hear(30*time.Second, 1, 7)
	for n := range 100 {
		b.get(1, &Split{nodeID(7), nodeID(20 + n)})
	}
	if len(b.claims) != maxClaims {
		t.Errorf("%d claims are kept", len(b.claims))
	}
	b.get(2, &Split{nodeID(7), nodeID(1)})
	b.beacon(2, 1)
	b.wantTold(1, 0)
}

// A node answers each probe as if it were in another component, and never becomes a
// neighbour. Each netsplit that the program is notified of ends nevertheless.
func TestASplitThatNeverHealsEnds(t *testing.T) {
	b, probe := split(t)
	for n := range 200 {
		b.get(int(probe), &ProbeReply{Known: hears(1 + n%4), Settled: long})
		b.LinkDown(b.now, probe, errNoNode, b)
		for len(b.dials) == 0 {
			b.hear(3*time.Second, 2, 200)
		}
		probe = b.reaches(1)
	}
	b.LinkDown(b.now, probe, errNoNode, b)
	b.hear(time.Minute, 2, 200)
	found, healed := notices[Found](b), notices[Healed](b)
	if len(found) < 2 || b.now.Sub(birth) < time.Duration(len(found))*longest || len(healed) != len(found) {
		t.Errorf("%d netsplits and %d ends in %v", len(found), len(healed), b.now.Sub(birth))
	}
}
