package hyparview

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

var birth = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

func nodeID(n int) ident.ID { return ident.ID{byte(n >> 8), byte(n), 0xee} }

func addr(n int) string { return fmt.Sprintf("10.0.%d.%d:1", n>>8, n&255) }

func contact(n int) Contact { return Contact{nodeID(n), addr(n)} }

func nobody(Contact) bool { return false }

func none(*entry) bool { return false }

func (b *book) has(n int) bool { return b.find(addr(n)) != nil }

// check verifies that the index finds every entry under its address, and nothing else.
func (b *book) check(t *testing.T) {
	t.Helper()
	for i := range b.entries {
		if at := b.byAddr.find(b.entries, b.entries[i].Addr); at != i {
			t.Errorf("entry %d is found at %d", i, at)
		}
	}
	if n := b.byAddr.len(); n != len(b.entries) {
		t.Errorf("%d addresses, %d entries", n, len(b.entries))
	}
}

func (x *index) len() (n int) {
	for _, p := range x.slots {
		n += int(min(p.at, 1))
	}
	return n
}

// TestAddressesAreFoundWhereverTheyMeet adds and drops addresses that all collide in
// the index, and some that do not.
func TestAddressesAreFoundWhereverTheyMeet(t *testing.T) {
	var names []string
	for i := 0; len(names) < 100; i++ {
		if a := fmt.Sprint(i); hashOf(a)&127 == 126 || i%300 == 0 {
			names = append(names, a)
		}
	}
	b, rng := newBook(80, 1), newRand(1)
	known := make(map[string]bool)
	for range 3000 {
		a := names[rng.IntN(len(names))]
		if b.find(a) == nil == known[a] {
			t.Fatalf("%s is known: %v", a, known[a])
		}
		if known[a] {
			b.forget(a)
			delete(known, a)
		} else if len(known) < 80 {
			b.learn(Contact{Addr: a}, 0, rng)
			known[a] = true
		}
		b.check(t)
	}
}

func TestBookPicksTheBestRanked(t *testing.T) {
	b, rng := newBook(10, 1), newRand(1)
	for n := range 4 {
		b.learn(contact(n), 0, rng)
	}
	now := birth
	b.markFailed(now, addr(0), rng)
	b.markFailed(now, addr(1), rng)
	now = now.Add(time.Hour)
	b.markFailed(now, addr(1), rng)
	now = now.Add(time.Hour)
	picked := map[string]int{}
	for range 400 {
		c, ok := b.pick(now, rng, avoided{}, none)
		if !ok {
			t.Fatal("nobody was picked")
		}
		picked[c.Addr]++
	}
	if len(picked) != 2 || picked[addr(2)] < 100 || picked[addr(3)] < 100 {
		t.Errorf("picked %v, want the two that never failed, by turns", picked)
	}
	but := func(skip ...string) func(*entry) bool {
		return func(e *entry) bool { return slices.Contains(skip, e.Addr) }
	}
	if c, _ := b.pick(now, rng, avoided{}, but(addr(2), addr(3))); c.Addr != addr(0) {
		t.Errorf("then came %v", c)
	}
	if c, _ := b.pick(now, rng, avoided{}, but(addr(2), addr(3), addr(0))); c.Addr != addr(1) {
		t.Errorf("at last came %v", c)
	}
}

func TestFailedAddressRestsLongerAndLonger(t *testing.T) {
	b, rng := newBook(10, 1), newRand(1)
	b.markWorking(contact(1), 0, rng)
	now, gap := birth, time.Duration(0)
	for range 20 {
		b.markFailed(now, addr(1), rng)
		if _, ok := b.pick(now, rng, avoided{}, none); ok || b.mayDial(now, addr(1)) {
			t.Fatal("an address that has just failed is dialled again")
		}
		at, ok := b.soonest(now, nobody)
		if !ok {
			t.Fatal("nobody says when to try again")
		}
		gap = at.Sub(now)
		now = at
		if _, ok := b.pick(now, rng, avoided{}, none); !ok {
			t.Fatal("it never comes back")
		}
	}
	if gap < 30*time.Second || gap > time.Minute {
		t.Errorf("after 20 failures it rests for %v", gap)
	}
}

func TestAFailureErasesNoAddressThatWorked(t *testing.T) {
	b, rng := newBook(10, 1), newRand(1)
	b.markWorking(contact(1), 0, rng)
	b.learn(contact(2), 0, rng)
	for i := range 1000 {
		now := birth.Add(time.Duration(i) * time.Hour)
		b.markFailed(now, addr(1), rng)
		b.markFailed(now, addr(2), rng)
	}
	if !b.has(1) {
		t.Error("an address that had worked was erased")
	}
	if b.has(2) {
		t.Error("an address that never worked is still there")
	}
	b.markWorking(contact(1), 0, rng)
	if _, ok := b.pick(birth, rng, avoided{}, none); !ok {
		t.Error("it works again, and still rests")
	}
	if got := b.sample(nil, 5, rng, nobody); len(got) != 1 {
		t.Errorf("it works again, and is told as %v", got)
	}
}

func TestRoomInTheBook(t *testing.T) {
	b, rng := newBook(4, 1), newRand(1)
	b.markWorking(contact(1), 0, rng)
	b.markWorking(contact(2), 0, rng)
	b.learn(contact(3), 0, rng)
	b.learn(contact(4), 0, rng)
	b.markFailed(birth, addr(2), rng)
	b.markFailed(birth, addr(4), rng)
	for _, step := range []struct {
		learn, gone int
		why         string
	}{
		{5, 4, "never worked, and failed"},
		{6, 0, "never worked"}, // drops 3 or 5
		{7, 0, "never worked"},
	} {
		if !b.learn(contact(step.learn), 0, rng) {
			t.Fatalf("no room for %d", step.learn)
		}
		if step.gone > 0 && b.has(step.gone) {
			t.Errorf("%d should have gone: %s", step.gone, step.why)
		}
		if !b.has(1) || !b.has(2) {
			t.Fatal("an address that had worked made room for one that had not")
		}
	}
	for n := 10; n < 20; n++ {
		b.markWorking(contact(n), 0, rng)
	}
	if len(b.entries) != 4 || b.has(2) || !b.has(1) || !b.find(addr(10)).worked {
		t.Errorf("%d entries; the one that failed should be gone, the one that works be there", len(b.entries))
	}
	for n := 30; n < 40; n++ {
		b.learn(contact(n), 0, rng)
	}
	if !b.has(1) || !b.has(10) || b.find(addr(19)) != nil {
		t.Error("half of the book is for addresses that work, and hearsay took it")
	}
	b.check(t)
}

// A node that came back at another address has reported the new address itself.
func TestStaleAddressOfTheSameNodeIsReplaced(t *testing.T) {
	b, rng := newBook(10, 1), newRand(1)
	b.markWorking(contact(1), 0, rng)
	b.markWorking(contact(2), 0, rng)
	b.markWorking(Contact{nodeID(1), addr(7)}, 0, rng)
	if b.has(1) || !b.has(7) || !b.has(2) {
		t.Error("the old address is still there, or another one went")
	}
	// A report by another node does not replace the address.
	b.learn(Contact{nodeID(2), addr(8)}, 0, rng)
	b.learn(Contact{nodeID(9), addr(7)}, 0, rng)
	if !b.has(2) || b.find(addr(7)).ID != nodeID(1) {
		t.Error("hearsay replaced what the node itself had told")
	}
}

func TestSampleIsFairAndWithoutDuplicates(t *testing.T) {
	b, rng := newBook(100, 1), newRand(1)
	for n := range 20 {
		b.learn(contact(n), 0, rng)
	}
	b.markFailed(birth, addr(3), rng)
	told := map[string]int{}
	for range 1000 {
		list := b.sample([]Contact{contact(5)}, 6, rng, func(c Contact) bool { return c.Addr == addr(4) })
		if len(list) != 7 {
			t.Fatalf("%d contacts", len(list))
		}
		seen := map[string]bool{}
		for _, c := range list {
			if seen[c.Addr] {
				t.Fatalf("%s twice in %v", c.Addr, list)
			}
			seen[c.Addr] = true
			told[c.Addr]++
		}
	}
	if told[addr(3)]+told[addr(4)] > 0 {
		t.Error("an address that has just failed, or was to be skipped, was told")
	}
	for n := range 20 {
		if k := told[addr(n)]; n != 3 && n != 4 && n != 5 && (k < 200 || k > 600) {
			t.Errorf("contact %d was told %d times of 1000", n, k)
		}
	}
	if got := newBook(3, 1).sample(nil, 5, rng, nobody); len(got) != 0 {
		t.Errorf("an empty book told %v", got)
	}
	if got := b.sample(nil, 100, rng, nobody); len(got) != 19 {
		t.Errorf("asked for all, the book told %d", len(got))
	}
}
