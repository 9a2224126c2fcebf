package hyparview

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/retry"
)

// book is the passive view. It holds addresses of nodes, neighbours among them, ranked by
// the outcome of past dials. A failed dial lowers the rank of an address. An address that
// has worked once is never erased because of failures, so that a node still knows the
// other side after a split of a day.
//
// A peer that floods the book must not control it. While there is room, the book accepts
// every address. If the book is full, evictUntried decides which entry is evicted. Up to
// half of the entries are tried, which means that a dial of this node has worked. A tried
// entry is never evicted for an untried one.
type book struct {
	size     int
	noRanks  bool    // erase an address as soon as a dial of it fails; for measurements
	noLimits bool    // use no defence against flooding; for measurements
	salt     salt    // hashes groups and sources to numbers
	entries  []entry // the order has no meaning; it is the same for the same random seed
	byAddr   index
	began    time.Time // entry.next counts from here
}

// entry is one address of the book. It is kept small, because a node has hundreds.
type entry struct {
	Contact
	next   time.Duration // earliest next dial, as time since the book began; a time.Time would be three times as large
	fails  uint16        // failed dials since the address last worked
	worked bool          // tried: a link that this node dialled has come up
	group  uint16        // group of the address, as a salted number
	source uint16        // the first peer that reported the address, as a salted number; see salt.source
}

// forgetAfter is the number of failed dials after which an address that never worked is
// dropped.
const forgetAfter = 4

var (
	afterFailure = retry.Policy{Min: time.Second, Max: time.Minute}
	afterRefusal = retry.Policy{Min: time.Second, Max: time.Second}
)

func newBook(size int, salt salt) *book {
	return &book{size: size, salt: salt}
}

// find returns the entry of an address, or nil if there is none. The pointer is valid
// until the next entry is added or dropped.
func (b *book) find(addr string) *entry {
	if at := b.byAddr.find(b.entries, addr); at >= 0 {
		return &b.entries[at]
	}
	return nil
}

// isFull reports whether a new address must replace another one.
func (b *book) isFull() bool { return len(b.entries) >= b.size }

// clock converts a time to the time since the book began. It never returns 0.
func (b *book) clock(now time.Time) time.Duration {
	if b.began.IsZero() {
		b.began = now.Add(-1)
	}
	return now.Sub(b.began)
}

// learn adds a contact that a source reported, and returns whether the contact was new.
// If the book is full, learn evicts another entry or drops the contact.
func (b *book) learn(c Contact, source uint16, rng *rand.Rand) bool {
	if e := b.find(c.Addr); e != nil {
		if !c.ID.IsZero() && !e.worked {
			e.ID = c.ID
		}
		return false
	}
	return b.insert(c, source, false, rng)
}

func (b *book) insert(c Contact, source uint16, worked bool, rng *rand.Rand) bool {
	e := entry{Contact: c, group: b.salt.group(c.Addr), source: source}
	if b.isFull() && !b.evictUntried(&e, worked, rng) {
		return false
	}
	b.entries = append(b.entries, e)
	b.byAddr.add(b.entries)
	return true
}

// drop removes an entry. The last entry moves into its slot.
func (b *book) drop(at int) {
	last := len(b.entries) - 1
	b.byAddr.drop(b.entries, at)
	b.entries[at] = b.entries[last]
	b.entries[last] = entry{}
	b.entries = b.entries[:last]
}

// forget erases an address, for instance this node's own.
func (b *book) forget(addr string) {
	if at := b.byAddr.find(b.entries, addr); at >= 0 {
		b.drop(at)
	}
}

// markWorking records that a link came up at an address that this node dialled. The peer
// reported its own address, so an older address with the same ID is stale and is dropped.
//
// If too many entries are tried already, a tried entry whose last dial failed is dropped.
// If there is no such entry, the contact stays untried with the best rank, until a feeler
// finds a dead tried entry.
func (b *book) markWorking(c Contact, source uint16, rng *rand.Rand) {
	for i := range b.entries {
		if e := &b.entries[i]; e.ID == c.ID && e.Addr != c.Addr && !c.ID.IsZero() {
			b.drop(i)
			break
		}
	}
	if e := b.find(c.Addr); (e == nil || !e.worked) && b.isTriedFull() {
		b.dropTried()
	}
	if b.find(c.Addr) == nil {
		b.insert(c, source, true, rng)
	}
	if e := b.find(c.Addr); e != nil {
		e.ID, e.worked, e.fails, e.next = c.ID, e.worked || !b.isTriedFull(), 0, 0
	}
}

// isTriedFull reports whether no further entry may count as tried.
func (b *book) isTriedFull() bool { return b.tried() >= max(1, b.size/2) }

func (b *book) tried() (n int) {
	for i := range b.entries {
		if b.entries[i].worked {
			n++
		}
	}
	return n
}

// dropTried drops the tried entry that failed most often. If the last dial of each tried
// entry worked, it drops none.
func (b *book) dropTried() {
	worst := -1
	for i := range b.entries {
		if e := &b.entries[i]; e.worked && e.fails > 0 && (worst < 0 || e.fails > b.entries[worst].fails) {
			worst = i
		}
	}
	if worst >= 0 {
		b.drop(worst)
	}
}

// markFailed lowers the rank of an address that did not answer. If the address has never
// worked, blame is true, because the source that reported it is to blame.
func (b *book) markFailed(now time.Time, addr string, rng *rand.Rand) (source uint16, blame bool) {
	e := b.find(addr)
	if e == nil {
		return 0, false
	}
	source, blame = e.source, !e.worked
	e.next = b.clock(now) + afterFailure.Delay(int(e.fails), rng)
	if e.fails < math.MaxUint16 {
		e.fails++
	}
	if b.noRanks || e.fails >= forgetAfter && !e.worked {
		b.forget(addr)
	}
	return source, blame
}

// rest delays the next dial of an address that is alive. Its rank does not change.
func (b *book) rest(now time.Time, addr string, d time.Duration) {
	if e, until := b.find(addr), b.clock(now)+d; e != nil && e.next < until {
		e.next = until
	}
}

// mayDial reports whether an address may be dialled now, because its delay is over.
func (b *book) mayDial(now time.Time, addr string) bool {
	e := b.find(addr)
	return e == nil || e.next <= b.clock(now)
}

// pick draws one of the best-ranked addresses that may be dialled now and that skip
// does not reject. Each group of addresses has the same chance, whatever its number of
// entries. Among equal ranks, entries in last come after all others.
func (b *book) pick(now time.Time, rng *rand.Rand, last avoided, skip func(*entry) bool) (Contact, bool) {
	var best *entry
	var groups tally
	if !b.noLimits {
		groups = b.tally(groupOfEntry, true)
	}
	rank := func(e *entry) int {
		r := 2 * int(e.fails)
		if last.contains(e) {
			r++
		}
		return r
	}
	least, total, clock := 0, 0.0, b.clock(now)
	for i := range b.entries {
		e := &b.entries[i]
		if e.next > clock || best != nil && 2*int(e.fails) > least {
			continue
		}
		r := rank(e)
		if best != nil && r > least || skip(e) {
			continue
		}
		if best == nil || r < least {
			least, total = r, 0
		}
		weight := 1.0
		if !b.noLimits {
			weight = 1 / float64(groups.of(e.group))
		}
		if total += weight; rng.Float64()*total < weight {
			best = e
		}
	}
	if best == nil {
		return Contact{}, false
	}
	return best.Contact, true
}

// soonest returns the time at which the next delayed address may be dialled.
func (b *book) soonest(now time.Time, skip func(Contact) bool) (at time.Time, ok bool) {
	clock, next := b.clock(now), time.Duration(0)
	for i := range b.entries {
		if e := &b.entries[i]; e.next > clock && (!ok || e.next < next) && !skip(e.Contact) {
			next, ok = e.next, true
		}
	}
	return b.began.Add(next), ok
}

// sample appends up to n random contacts to list, and returns it. It skips entries
// whose last dial failed.
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

// coprime draws a step that visits every index below n once.
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
