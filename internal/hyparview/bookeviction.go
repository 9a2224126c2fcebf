package hyparview

import "math/rand/v2"

// If the book is full, an untried entry whose dials failed is evicted first. Otherwise
// the most crowded entry is evicted. The crowding of an entry is the number of entries in
// its group of addresses, times the number of entries from its source. A source that
// reports many addresses, or many in few groups, thus displaces only its own entries. If
// all addresses are in one group and all sources report equally many, all entries are
// equally crowded.

// A source that reported more than one entry in sourceShare displaces only its own
// entries. Below that, all sources compete.
const sourceShare = 64

// tally counts entries by the salted number of their group or source. If two numbers fall
// into the same bucket, their entries count together. With seventeen honest groups, this
// happens to one group in a hundred.
type tally [1 << tallyBits]uint16

const tallyBits = 11

func bucket(n uint16) uint16 { return n >> (16 - tallyBits) }

func (t *tally) of(n uint16) int { return int(t[bucket(n)]) }

func (t *tally) add(n uint16) { t[bucket(n)]++ }

// tally counts entries by the given number: all entries if all is set, else only the
// untried ones.
func (b *book) tally(number func(*entry) uint16, all bool) (t tally) {
	for i := range b.entries {
		if e := &b.entries[i]; all || !e.worked {
			t.add(number(e))
		}
	}
	return t
}

func groupOfEntry(e *entry) uint16  { return e.group }
func sourceOfEntry(e *entry) uint16 { return e.source }

// evictUntried drops an untried entry to make room for the newcomer: the entry that
// failed most often, or else the most crowded one. The newcomer itself is counted in its
// group and source. evictUntried drops none and returns false in two cases: if no entry
// may be evicted, or if the newcomer has not worked and is itself the first choice by
// this rule.
func (b *book) evictUntried(newcomer *entry, worked bool, rng *rand.Rand) bool {
	var groups, sources tally
	own := false // the newcomer displaces only entries of its own source
	if !b.noLimits {
		groups, sources = b.tally(groupOfEntry, false), b.tally(sourceOfEntry, false)
		groups.add(newcomer.group)
		sources.add(newcomer.source)
		own = !worked && sources.of(newcomer.source) > max(1, b.size/sourceShare)
	}
	crowd := func(e *entry) int { return groups.of(e.group) * sources.of(e.source) }
	worst, fails, most, ties := -1, uint16(0), 0, 0
	for i := range b.entries {
		e := &b.entries[i]
		if e.worked || own && e.fails == 0 && bucket(e.source) != bucket(newcomer.source) {
			continue
		}
		switch c := crowd(e); {
		case worst < 0 || e.fails > fails || e.fails == fails && c > most:
			worst, fails, most, ties = i, e.fails, c, 1
		case e.fails == fails && c == most:
			if ties++; rng.IntN(ties) == 0 {
				worst = i
			}
		}
	}
	if worst < 0 || !worked && fails == 0 && most < crowd(newcomer) {
		return false
	}
	b.drop(worst)
	return true
}
