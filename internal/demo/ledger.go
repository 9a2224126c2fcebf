package main

import "slices"

// ledger holds what was said, and who ought to hear it.
type ledger struct{ entries []entry }

type entry struct {
	text     string
	speaker  *actor
	audience []*actor // may hold the speaker, who hears nothing of itself
}

func (l *ledger) add(text string, speaker *actor, audience []*actor) {
	l.entries = append(l.entries, entry{text, speaker, audience})
}

// tally compares a ledger with what was heard.
type tally struct {
	heard   int // deliveries to those who ought to hear
	missing int // not delivered, or not yet
	doubled int // delivered again
	strayed int // delivered to somebody who could not hear it, through a cut say
}

func (l *ledger) tally(everybody []*actor) tally {
	var t tally
	for _, e := range l.entries {
		for _, a := range everybody {
			n := a.heard[e.text]
			switch {
			case a == e.speaker || !slices.Contains(e.audience, a):
				t.strayed += n
			case n == 0:
				t.missing++
			default:
				t.heard++
				t.doubled += n - 1
			}
		}
	}
	return t
}

// widen makes everybody the audience of all that was said so far: what was said
// in one half is to reach the other.
func (l *ledger) widen(everybody []*actor) {
	for i := range l.entries {
		l.entries[i].audience = everybody
	}
}

// isHeard reports whether nothing is missing.
func (l *ledger) isHeard(everybody []*actor) bool { return l.tally(everybody).missing == 0 }
