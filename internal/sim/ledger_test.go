package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
)

// books returns a ledger over two nodes that are not connected. The test itself reports
// emitted and delivered events to it.
func books(t *testing.T) (l *Ledger, from, to *Node) {
	n := New(Config{Seed: 1})
	l = NewLedger(n)
	from, to = n.Add(), n.Add()
	l.Begin(from, false)
	l.Begin(to, false)
	to.Joined = 0
	n.Run(time.Minute)
	for range 10 {
		l.Emit(from, 16)
		n.Run(time.Second)
	}
	return l, from, to
}

func emitted(l *Ledger, from *Node, seq uint64) *plumtree.Event {
	return &plumtree.Event{Origin: from.Origin(), Seq: seq, Count: 1, Round: 1, Body: []byte{6, 1, 'e', byte(l.current[from.Index]), 0, 0, 0}}
}

func gap(from *Node, a, b uint64) plumtree.Range {
	return plumtree.Range{Origin: from.Origin(), From: a, To: b}
}

func TestLedgerSeesBrokenPromises(t *testing.T) {
	for _, story := range []struct {
		name, want string
		happens    func(l *Ledger, from, to *Node)
	}{
		{"all is well", "", func(l *Ledger, from, to *Node) {
			to.OnDeliver(emitted(l, from, 1))
			to.OnDeliver(emitted(l, from, 2))
			to.OnGap(gap(from, 3, 5))
			to.OnDeliver(emitted(l, from, 5))
		}},
		{"what was given up comes after all", "", func(l *Ledger, from, to *Node) {
			to.OnDeliver(emitted(l, from, 1))
			to.OnGap(gap(from, 2, 6))
			to.OnDeliver(emitted(l, from, 3))
			to.OnGap(gap(from, 4, 7))
			to.OnDeliver(emitted(l, from, 7))
			if l.Missed != 4 {
				l.net.Fail(fmt.Errorf("%d events were missed", l.Missed))
			}
		}},
		{"it comes when it is too late", "after event 6", func(l *Ledger, from, to *Node) {
			to.OnGap(gap(from, 1, 6))
			to.OnDeliver(emitted(l, from, 6))
			to.OnDeliver(emitted(l, from, 3))
		}},
		{"it comes twice", "after event 3", func(l *Ledger, from, to *Node) {
			to.OnGap(gap(from, 1, 6))
			to.OnDeliver(emitted(l, from, 3))
			to.OnDeliver(emitted(l, from, 3))
		}},
		{"duplicate", "after event 1", func(l *Ledger, from, to *Node) {
			to.OnDeliver(emitted(l, from, 1))
			to.OnDeliver(emitted(l, from, 1))
		}},
		{"wrong order", "after event 2", func(l *Ledger, from, to *Node) {
			to.OnGap(gap(from, 1, 2))
			to.OnDeliver(emitted(l, from, 2))
			to.OnDeliver(emitted(l, from, 1))
		}},
		{"hole", "reported no gap", func(l *Ledger, from, to *Node) {
			to.OnDeliver(emitted(l, from, 1))
			to.OnDeliver(emitted(l, from, 3))
		}},
		{"late beginning", "though it was running", func(l *Ledger, from, to *Node) {
			to.OnDeliver(emitted(l, from, 3))
		}},
		{"own event", "its own", func(l *Ledger, from, to *Node) {
			from.OnDeliver(emitted(l, from, 1))
		}},
		{"forged origin", "which is by", func(l *Ledger, from, to *Node) {
			e := emitted(l, from, 1)
			e.Origin.Epoch++
			to.OnDeliver(e)
		}},
		{"gap of what was delivered", "after event 1", func(l *Ledger, from, to *Node) {
			to.OnDeliver(emitted(l, from, 1))
			to.OnGap(gap(from, 1, 3))
		}},
		{"gap of what was never emitted", "emitted no such", func(l *Ledger, from, to *Node) {
			to.OnGap(gap(from, 9, 12))
		}},
		{"gap of nobody", "emitted no such", func(l *Ledger, from, to *Node) {
			to.OnGap(plumtree.Range{Origin: ident.Origin{Epoch: 3}, From: 1, To: 2})
		}},
	} {
		t.Run(story.name, func(t *testing.T) {
			l, from, to := books(t)
			story.happens(l, from, to)
			switch err := l.net.Err(); {
			case story.want == "" && err != nil:
				t.Error(err)
			case story.want != "" && (err == nil || !strings.Contains(err.Error(), story.want)):
				t.Errorf("the ledger says %v", err)
			}
		})
	}
}

func TestShortfall(t *testing.T) {
	l, from, to := books(t)
	m := &Mark{missed: map[[2]int32]uint32{}}
	if s := l.Shortfall(m); s.Expected != 10 || s.Lacking != 10 || s.Told != 0 || !l.IsShort(m) {
		t.Errorf("at first %+v", s)
	}
	to.OnGap(gap(from, 1, 4))
	to.OnDeliver(emitted(l, from, 4))
	if s := l.Shortfall(m); s.Expected != 10 || s.Lacking != 6 || s.Told != 3 || !l.IsShort(m) {
		t.Errorf("then %+v", s)
	}
	later := l.Mark()
	if s := l.Shortfall(later); s.Expected != 0 || l.IsShort(later) {
		t.Errorf("since now %+v", s)
	}
	to.OnGap(gap(from, 5, 11))
	if s := l.Shortfall(m); s.Lacking != 0 || s.Told != 9 || l.IsShort(m) {
		t.Errorf("at last %+v", s)
	}
	to.Joined = l.net.Now()
	if s := l.Shortfall(m); s.Expected != 0 {
		t.Errorf("a newcomer is owed %+v", s)
	}
	if l.net.Err() != nil {
		t.Error(l.net.Err())
	}
}
