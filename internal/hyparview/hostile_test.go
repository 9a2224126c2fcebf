package hyparview

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// An attacker sends requests from one host, advertises ports of it that never answer, and
// closes its links. The dials that still run count for the attacker's source, so a
// newcomer from another network is dialled and accepted.
func TestChecksOfAPeerThatHangsUpKeepNoNewcomerOut(t *testing.T) {
	for _, c := range []struct {
		name  string
		after time.Duration // age of the first requests when the next ones arrive
	}{
		{"at once", 0},
		{"when the check is over", checkTimeout},
	} {
		b := newBench(t, Config{})
		b.neighbors(1, 2, 3, 4, 5)
		for n := range 2 * maxChecks {
			l := b.arrives(100+n, "203.0.113.9", fmt.Sprintf("203.0.113.9:%d", 1000+n))
			b.get(l, &Join{Priority: High})
			if n == maxChecksOfSource-1 {
				b.pass(c.after)
			}
			b.LinkDown(b.now, l, ReasonSilent, b)
		}
		if n := len(b.dials); n > maxChecksOfSource {
			t.Errorf("%s: %d dials for one source", c.name, n)
		}
		b.dials = nil
		l := b.arrives(90, "198.51.100.7", "198.51.100.7:1")
		b.get(l, &Join{Priority: High})
		b.answers("198.51.100.7:1", 90)
		if !b.up[l] {
			t.Errorf("%s: a newcomer is not dialled, and stays out", c.name)
		}
	}
}

// A neighbour claims again and again that another node has this node's ID, at the address
// of a third party. Once it closes the link with that reason. The node never dials that
// address, keeps the link as long as the neighbour wants it, and avoids no other peer.
func TestALieAboutATwinIsOnlyReported(t *testing.T) {
	b := newBench(t, Config{MinPeers: 1, Epoch: 7})
	links := b.neighbors(1, 2)
	b.dials, b.sent = nil, nil
	lie := []Contact{{b.cfg.Self.ID, "192.0.2.1:80"}}
	for range 1000 {
		b.get(links[0], &NeighborReply{Reason: ReasonTwin, Sample: lie})
	}
	if !b.up[links[0]] || !b.up[links[1]] || len(b.removed) > 0 || len(b.sent) > 0 {
		t.Errorf("the lie has changed something: %v", b.sent)
	}
	b.get(links[0], &Disconnect{Reason: ReasonTwin, Try: lie})
	if s, ok := b.removed[nodeID(1)]; !ok || s.until.Sub(b.now) > atTwin.Max || len(b.removed) != 1 || !b.up[links[1]] {
		t.Errorf("%v are kept away", b.removed)
	}
	if len(b.dials) > 0 || b.book.find("192.0.2.1:80") != nil {
		t.Errorf("dialled %v for a lie", b.dials)
	}
}

// Strangers open links and send no request. A newcomer takes some time to send its
// request. Its link stays open if all strangers are of one network, and with sufficient
// probability otherwise.
func TestLinksWithoutARequestKeepNoNewcomerOut(t *testing.T) {
	for _, c := range []struct {
		strangers string // format of a stranger's host, into which its number is filled
		admitted  int    // how many of 20 newcomers must keep their links, at least
	}{
		{"203.0.113.9", 20},
		{"127.0.0.1", 20},
		{"10.1.2.%d", 20},
		{"%d.7.0.1", 5}, // each stranger is in another network, and there are more networks than waiting links allowed
	} {
		b := newBench(t, Config{MaxWaiting: 64})
		admitted, n := 0, 0
		for range 20 {
			newcomer := b.arrives(5, "198.51.100.7", "")
			for range 64 {
				n++
				host := c.strangers
				if strings.Contains(host, "%") {
					host = fmt.Sprintf(host, 1+n%220)
				}
				b.arrives(1000+n, host, "")
			}
			if _, gone := b.closed[newcomer]; !gone {
				admitted++
				b.LinkDown(b.now, newcomer, ReasonSilent, b)
			}
		}
		if admitted < c.admitted {
			t.Errorf("%s: %d of 20 newcomers have time for a request, want %d", c.strangers, admitted, c.admitted)
		}
		if len(b.waiting) > 64 {
			t.Errorf("%d links wait", len(b.waiting))
		}
	}
}
