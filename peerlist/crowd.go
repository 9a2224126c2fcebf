package peerlist

import "math/rand/v2"

// Who goes when the book is full? An untried entry whose dials failed, first.
// Then one that is crowded: how many share its group of addresses, times how
// many share its source. Whoever tells of many, or of many in few places, only
// displaces his own; and in a network where all are in one group, and sources
// take turns, everybody is as crowded as everybody else.

// sourceShare is the part of the book from which on a source displaces nothing
// but what it told itself. Below that, all sources compete.
const sourceShare = 64

// tally counts entries by a salted number. Two numbers that meet in one place
// count together, which is the fate of one honest group in a hundred where there
// are sixteen others.
type tally [1 << tallyBits]uint16

const tallyBits = 11

func bucket(n uint16) uint16 { return n >> (16 - tallyBits) }

func (t *tally) of(n uint16) int { return int(t[bucket(n)]) }

func (t *tally) add(n uint16) { t[bucket(n)]++ }

// tally counts entries by a number that they have; only the untried ones, or all.
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

// makeRoom drops the untried entry that is worth least to the book once the
// newcomer is in. It drops none, and reports so, if that is the newcomer, which
// can't be where this one has worked, or if all have been tried.
func (b *book) evictUntried(newcomer *entry, worked bool, rng *rand.Rand) bool {
	var groups, sources tally
	own := false // displaces what its source told itself, and nothing else
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
