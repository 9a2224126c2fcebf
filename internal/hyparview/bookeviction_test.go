package hyparview

import (
	"fmt"
	"testing"
	"time"
)

// sybil returns the n-th address of an attacker with the given number of groups. honest
// returns the address of a node that is the only one in its group.
func sybil(n, groups int) Contact {
	return Contact{Addr: fmt.Sprintf("130.%d.%d.%d:1", n%groups, n/groups>>8&255, n/groups&255)}
}

func honest(n int) Contact {
	return Contact{Addr: fmt.Sprintf("%d.%d.0.1:1", 20+n>>8, n&255)}
}

func (b *book) share(prefix string) int {
	n := 0
	for i := range b.entries {
		if len(b.entries[i].Addr) > len(prefix) && b.entries[i].Addr[:len(prefix)] == prefix {
			n++
		}
	}
	return n
}

// An attacker reports more addresses than all other nodes, through all neighbours. Its
// part of the book is its share of the groups, not its share of the reports.
func TestFewGroupsGetLittleOfTheBook(t *testing.T) {
	for _, line := range []struct{ groups, most int }{{1, 8}, {16, 64}, {256, 320}} {
		b, rng := newBook(512, 1), newRand(1)
		for i := range 15_000 {
			source := uint16(rng.IntN(5)) << 5 // one of the neighbours, which forward every contact
			if i%10 == 0 {
				b.learn(honest(rng.IntN(1000)), source, rng)
			} else {
				b.learn(sybil(rng.IntN(4000), line.groups), source, rng)
			}
		}
		b.check(t)
		if n := b.share("130."); n > line.most || len(b.entries) != 512 {
			t.Errorf("%d groups have %d of %d entries, want at most %d", line.groups, n, len(b.entries), line.most)
		}
		b.noLimits = true
		for range 4000 {
			b.learn(sybil(rng.IntN(4000), line.groups), 0, rng)
		}
		if n := b.share("130."); n < 400 {
			t.Errorf("without limits they have %d of 512; what does this test prove?", n)
		}
	}
}

// A source reports each address in a new group, so that no group is crowded. In a full
// book it gets at most one entry in sourceShare.
func TestOneSourceGetsASixtyFourth(t *testing.T) {
	b, rng := newBook(512, 1), newRand(1)
	for i := range 5000 { // fill the book from many sources
		b.learn(honest(i%900), uint16(i%100)<<5, rng)
	}
	for i := range 10_000 {
		b.learn(Contact{Addr: fmt.Sprintf("%d.%d.0.1:1", 130+i>>8%60, i&255)}, 200<<5, rng)
	}
	n := 0
	for i := range b.entries {
		if b.entries[i].source == 200<<5 {
			n++
		}
	}
	if n > 512/sourceShare {
		t.Errorf("one source has %d of 512", n)
	}
}

// If all addresses are in one group, the book fills and is renewed as usual.
func TestALANLosesNothing(t *testing.T) {
	b, rng := newBook(100, 1), newRand(1)
	for n := range 100 {
		if !b.learn(contact(n), 1, rng) {
			t.Fatalf("%d was refused, and there is room", n)
		}
	}
	for n := 100; n < 2000; n++ {
		if !b.learn(contact(n), uint16(n%5)<<5, rng) {
			t.Fatalf("%d was refused, and nobody is less crowded", n)
		}
	}
}

func TestReportedContactsDisplaceNoTriedEntry(t *testing.T) {
	b, rng := newBook(64, 1), newRand(1)
	for n := range 32 {
		b.markWorking(contact(n), 0, rng)
	}
	for n := range 30 {
		b.markFailed(birth, addr(n), rng) // even the entries whose dial fails now
	}
	for n := range 5000 {
		b.learn(honest(n), uint16(n), rng)
	}
	for n := range 32 {
		if !b.has(n) {
			t.Fatalf("%d had worked, and made room for one that had not", n)
		}
	}
}

// A tried entry is dropped for another tried one only after a failed dial.
func TestTestBeforeEvict(t *testing.T) {
	b, rng := newBook(64, 1), newRand(1)
	for n := range 32 {
		b.markWorking(contact(n), 0, rng)
	}
	b.markWorking(contact(40), 0, rng)
	if b.find(addr(40)).worked || !b.isTriedFull() {
		t.Fatal("a tried entry that answers made room")
	}
	b.markFailed(birth, addr(7), rng)
	b.markWorking(contact(40), 0, rng)
	if !b.find(addr(40)).worked || b.has(7) {
		t.Error("the one that is dead did not make room")
	}
	b.check(t)
}

// Each group has the same chance of being dialled, whatever its number of addresses.
func TestPickIsFairToGroups(t *testing.T) {
	b, rng := newBook(512, 1), newRand(1)
	for n := range 16 {
		b.learn(honest(n), 0, rng)
	}
	for n := range 400 {
		b.learn(sybil(n, 16), 0, rng)
	}
	fair := 0
	for range 2000 {
		if c, _ := b.pick(birth, rng, avoided{}, none); c.Addr[:2] == "20" {
			fair++
		}
	}
	if fair < 900 || fair > 1100 {
		t.Errorf("16 groups of one address were picked %d times of 2000, beside 16 groups of 25", fair)
	}
}

func TestPickLeavesBlamedSourcesForLast(t *testing.T) {
	b, rng := newBook(512, 1), newRand(1)
	b.learn(honest(1), 1, rng)
	for n := range 100 {
		b.learn(honest(10+n), 2, rng)
	}
	for range 100 {
		if c, _ := b.pick(birth, rng, avoided{sources: []uint16{2}}, none); c.Addr != honest(1).Addr {
			t.Fatalf("picked %v", c)
		}
	}
	if _, ok := b.pick(birth, rng, avoided{sources: []uint16{1, 2}}, none); !ok {
		t.Error("where there is nobody else, those will have to do")
	}
}

func TestTollsLeakAndAreBounded(t *testing.T) {
	var ts sourceCosts
	x := ts.of(0, 1)
	x.taken, x.failed, x.asked = takenBurst, failedBurst, askedBurst
	if len(ts.blamed(0)) != 1 || !x.isFlooding() {
		t.Fatal("it is neither blamed nor flooding")
	}
	if len(ts.blamed(31*time.Second)) != 0 {
		t.Error("after half a minute one more dial may be in vain")
	}
	if y := ts.look(100*time.Second, 1); y.taken != takenBurst-10 {
		t.Errorf("after 100 s %v contacts are left of %d", y.taken, takenBurst)
	}
	if y := ts.look(5*time.Minute, 1); y.isFlooding() {
		t.Error("after five minutes it is still flooding")
	}
	for n := range 1000 {
		ts.of(5*time.Minute, uint16(2+n)).taken++
	}
	if len(ts.list) != maxCosts || ts.find(1) < 0 {
		t.Errorf("%d sources are remembered; the one that cost most: %v", len(ts.list), ts.find(1) >= 0)
	}
}
