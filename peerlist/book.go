package peerlist

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/retry"
)

// book is the passive view: addresses of nodes that are not neighbours (and of
// those that are), ranked by what became of dialling them. A failed dial lowers
// an address's rank; an address that has worked once is never erased for it, so
// that a node still knows the other side after a day-long split.
type book struct {
	size    int
	noRanks bool    // an address that fails once goes
	entries []entry // in no meaningful order, but a repeatable one
	byAddr  index
	began   time.Time // what rests counts from here
}

// entry is small: a node has hundreds.
type entry struct {
	Contact
	next   time.Duration // not to be dialled before, since the book began; a time.Time is three times as large
	fails  uint16        // dials that failed since it last worked
	worked bool          // a link to it has come up at least once
}

// An address that never worked is dropped after so many failures.
const forgetAfter = 4

var (
	afterFailure = retry.Policy{Min: time.Second, Max: time.Minute}
	afterRefusal = retry.Policy{Min: time.Second, Max: time.Second}
)

func newBook(size int) *book {
	return &book{size: size}
}

// find is the entry of an address, or nil. It is good until the next one is
// learned or dropped.
func (b *book) find(addr string) *entry {
	if at := b.byAddr.find(b.entries, addr); at >= 0 {
		return &b.entries[at]
	}
	return nil
}

// isFull reports whether a new address takes the place of another one.
func (b *book) isFull() bool { return len(b.entries) >= b.size }

// clock is a time as the entries have it: never zero.
func (b *book) clock(now time.Time) time.Duration {
	if b.began.IsZero() {
		b.began = now.Add(-1)
	}
	return now.Sub(b.began)
}

// learn notes a contact and reports whether it was new.
func (b *book) learn(c Contact, rng *rand.Rand) bool {
	if e := b.find(c.Addr); e != nil {
		if !c.ID.IsZero() && !e.worked {
			e.ID = c.ID
		}
		return false
	}
	if b.isFull() && !b.makeRoom(rng) {
		return false
	}
	b.entries = append(b.entries, entry{Contact: c})
	b.byAddr.add(b.entries)
	return true
}

// makeRoom drops the entry that is worth least: one that never worked, before
// that one which failed most often. With nothing but addresses that have
// worked, the one that failed most goes; if none failed, nothing does.
func (b *book) makeRoom(rng *rand.Rand) bool {
	worst, ties := -1, 0
	for i := range b.entries {
		switch e := &b.entries[i]; {
		case e.worked && e.fails == 0:
			continue
		case worst < 0 || worse(e, &b.entries[worst]):
			worst, ties = i, 1
		case !worse(&b.entries[worst], e):
			if ties++; rng.IntN(ties) == 0 {
				worst = i
			}
		}
	}
	if worst >= 0 {
		b.drop(worst)
	}
	return worst >= 0
}

func worse(a, b *entry) bool {
	if a.worked != b.worked {
		return !a.worked
	}
	return a.fails > b.fails
}

// drop lets the last entry take the place of one.
func (b *book) drop(at int) {
	last := len(b.entries) - 1
	b.byAddr.drop(b.entries, at)
	b.entries[at] = b.entries[last]
	b.entries[last] = entry{}
	b.entries = b.entries[:last]
}

// forget erases an address, for instance our own.
func (b *book) forget(addr string) {
	if at := b.byAddr.find(b.entries, addr); at >= 0 {
		b.drop(at)
	}
}

// works notes that a link to the contact came up. The node itself told its
// address, so an older address under the same ID is stale and goes.
func (b *book) works(c Contact, rng *rand.Rand) {
	for i := range b.entries {
		if e := &b.entries[i]; e.ID == c.ID && e.Addr != c.Addr && !c.ID.IsZero() {
			b.drop(i)
			break
		}
	}
	b.learn(c, rng)
	if e := b.find(c.Addr); e != nil {
		e.ID, e.worked, e.fails, e.next = c.ID, true, 0, 0
	}
}

// failed lowers the rank of an address that did not answer.
func (b *book) failed(now time.Time, addr string, rng *rand.Rand) {
	e := b.find(addr)
	if e == nil {
		return
	}
	e.next = b.clock(now) + afterFailure.Delay(int(e.fails), rng)
	if e.fails < math.MaxUint16 {
		e.fails++
	}
	if b.noRanks || e.fails >= forgetAfter && !e.worked {
		b.forget(addr)
	}
}

// rest keeps an address from being dialled for a while; it is alive, and its
// rank stays.
func (b *book) rest(now time.Time, addr string, d time.Duration) {
	if e, until := b.find(addr), b.clock(now)+d; e != nil && e.next < until {
		e.next = until
	}
}

// mayDial reports whether the address does not rest.
func (b *book) mayDial(now time.Time, addr string) bool {
	e := b.find(addr)
	return e == nil || e.next <= b.clock(now)
}

// pick chooses at random among the best-ranked addresses that may be dialled
// now and that skip does not refuse.
func (b *book) pick(now time.Time, rng *rand.Rand, skip func(Contact) bool) (Contact, bool) {
	var best *entry
	ties, clock := 0, b.clock(now)
	for i := range b.entries {
		e := &b.entries[i]
		if e.next > clock || (best != nil && e.fails > best.fails) || skip(e.Contact) {
			continue
		}
		if best == nil || e.fails < best.fails {
			best, ties = e, 1
		} else if ties++; rng.IntN(ties) == 0 {
			best = e
		}
	}
	if best == nil {
		return Contact{}, false
	}
	return best.Contact, true
}

// soonest is when the next resting address may be dialled again.
func (b *book) soonest(now time.Time, skip func(Contact) bool) (at time.Time, ok bool) {
	clock, next := b.clock(now), time.Duration(0)
	for i := range b.entries {
		if e := &b.entries[i]; e.next > clock && (!ok || e.next < next) && !skip(e.Contact) {
			next, ok = e.next, true
		}
	}
	return b.began.Add(next), ok
}

// sample appends up to n contacts, chosen at random among those that have not
// just failed, to list.
func (b *book) sample(list []Contact, n int, rng *rand.Rand, skip func(Contact) bool) []Contact {
	if len(b.entries) == 0 {
		return list
	}
	start := rng.IntN(len(b.entries))
	step := coprime(len(b.entries), rng)
	for i := 0; i < len(b.entries) && n > 0; i++ {
		e := &b.entries[(start+i*step)%len(b.entries)]
		if e.fails == 0 && !skip(e.Contact) && !has(list, e.Addr) {
			list = append(list, e.Contact)
			n--
		}
	}
	return list
}

// coprime draws a step that visits every index of n once.
func coprime(n int, rng *rand.Rand) int {
	for {
		step := 1 + rng.IntN(n)
		a, b := n, step
		for b != 0 {
			a, b = b, a%b
		}
		if a == 1 {
			return step
		}
	}
}

func has(list []Contact, addr string) bool {
	for _, c := range list {
		if c.Addr == addr {
			return true
		}
	}
	return false
}
