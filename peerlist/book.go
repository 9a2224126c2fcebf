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
	noRanks bool              // an address that fails once goes
	entries []*entry          // in no meaningful order, but a repeatable one
	byAddr  map[string]*entry // look-ups only
}

type entry struct {
	Contact
	next   time.Time // not to be dialled before
	at     int32     // index in entries
	fails  uint16    // dials that failed since it last worked
	worked bool      // a link to it has come up at least once
}

// An address that never worked is dropped after so many failures.
const forgetAfter = 4

var (
	afterFailure = retry.Policy{Min: time.Second, Max: time.Minute}
	afterRefusal = retry.Policy{Min: time.Second, Max: time.Second}
)

func newBook(size int) *book {
	return &book{size: size, byAddr: make(map[string]*entry)}
}

// isFull reports whether a new address takes the place of another one.
func (b *book) isFull() bool { return len(b.entries) >= b.size }

// learn notes a contact and reports whether it was new.
func (b *book) learn(c Contact, rng *rand.Rand) bool {
	if e, ok := b.byAddr[c.Addr]; ok {
		if !c.ID.IsZero() && !e.worked {
			e.ID = c.ID
		}
		return false
	}
	if b.isFull() && !b.makeRoom(rng) {
		return false
	}
	e := &entry{Contact: c, at: int32(len(b.entries))}
	b.entries = append(b.entries, e)
	b.byAddr[c.Addr] = e
	return true
}

// makeRoom drops the entry that is worth least: one that never worked, before
// that one which failed most often. With nothing but addresses that have
// worked, the one that failed most goes; if none failed, nothing does.
func (b *book) makeRoom(rng *rand.Rand) bool {
	var worst *entry
	ties := 0
	for _, e := range b.entries {
		switch {
		case e.worked && e.fails == 0:
			continue
		case worst == nil || worse(e, worst):
			worst, ties = e, 1
		case !worse(worst, e):
			if ties++; rng.IntN(ties) == 0 {
				worst = e
			}
		}
	}
	if worst != nil {
		b.drop(worst)
	}
	return worst != nil
}

func worse(a, b *entry) bool {
	if a.worked != b.worked {
		return !a.worked
	}
	return a.fails > b.fails
}

func (b *book) drop(e *entry) {
	last := b.entries[len(b.entries)-1]
	b.entries[e.at], last.at = last, e.at
	b.entries = b.entries[:len(b.entries)-1]
	delete(b.byAddr, e.Addr)
}

// forget erases an address, for instance our own.
func (b *book) forget(addr string) {
	if e, ok := b.byAddr[addr]; ok {
		b.drop(e)
	}
}

// works notes that a link to the contact came up. The node itself told its
// address, so an older address under the same ID is stale and goes.
func (b *book) works(c Contact, rng *rand.Rand) {
	for _, e := range b.entries {
		if e.ID == c.ID && e.Addr != c.Addr && !c.ID.IsZero() {
			b.drop(e)
			break
		}
	}
	b.learn(c, rng)
	if e, ok := b.byAddr[c.Addr]; ok {
		e.ID, e.worked, e.fails, e.next = c.ID, true, 0, time.Time{}
	}
}

// failed lowers the rank of an address that did not answer.
func (b *book) failed(now time.Time, addr string, rng *rand.Rand) {
	e, ok := b.byAddr[addr]
	if !ok {
		return
	}
	e.next = now.Add(afterFailure.Delay(int(e.fails), rng))
	if e.fails < math.MaxUint16 {
		e.fails++
	}
	if b.noRanks || e.fails >= forgetAfter && !e.worked {
		b.drop(e)
	}
}

// rest keeps an address from being dialled for a while; it is alive, and its
// rank stays.
func (b *book) rest(now time.Time, addr string, d time.Duration) {
	if e, ok := b.byAddr[addr]; ok && e.next.Before(now.Add(d)) {
		e.next = now.Add(d)
	}
}

// mayDial reports whether the address does not rest.
func (b *book) mayDial(now time.Time, addr string) bool {
	e, ok := b.byAddr[addr]
	return !ok || !e.next.After(now)
}

// pick chooses at random among the best-ranked addresses that may be dialled
// now and that skip does not refuse.
func (b *book) pick(now time.Time, rng *rand.Rand, skip func(Contact) bool) (Contact, bool) {
	var best *entry
	ties := 0
	for _, e := range b.entries {
		if e.next.After(now) || (best != nil && e.fails > best.fails) || skip(e.Contact) {
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
	for _, e := range b.entries {
		if e.next.After(now) && (!ok || e.next.Before(at)) && !skip(e.Contact) {
			at, ok = e.next, true
		}
	}
	return at, ok
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
		e := b.entries[(start+i*step)%len(b.entries)]
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
