package cluster

// Ledger holds what was said, who ought to hear it, and who did. The zero Ledger
// is an empty one.
type Ledger struct {
	lines      map[string]*line
	missing    int // pairs of a text and somebody who ought to hear it, and has not
	disordered int
}

// line is one text. Only those who are to be there to the end are owed it.
type line struct {
	number  int // texts of one speaker have rising numbers
	speaker *Actor
	owed    map[*Actor]bool // who ought to hear it, speaker not included; false once they have
	heard   map[*Actor]int
}

// Tally compares a ledger with what was heard.
type Tally struct {
	Said       int
	Heard      int // deliveries to those who ought to hear, the first of each
	Missing    int // not delivered, or not yet
	Doubled    int // delivered again
	Strayed    int // delivered to somebody who is there and not in the audience
	Disordered int // delivered after a later text of the same speaker
}

// add notes a text, with an audience that may hold its speaker, who hears
// nothing of itself.
func (l *Ledger) add(number int, text string, speaker *Actor, audience []*Actor) {
	if l.lines == nil {
		l.lines = make(map[string]*line)
	}
	e := &line{number: number, speaker: speaker, owed: make(map[*Actor]bool), heard: make(map[*Actor]int)}
	l.lines[text] = e
	l.owe(e, audience)
}

func (l *Ledger) owe(e *line, audience []*Actor) {
	for _, a := range audience {
		if _, known := e.owed[a]; known || a == e.speaker {
			continue
		}
		e.owed[a] = e.heard[a] == 0
		if e.owed[a] {
			l.missing++
		}
	}
}

// hear notes that somebody heard a text. Texts of an earlier page are let pass.
func (l *Ledger) hear(text string, who *Actor) {
	e := l.lines[text]
	if e == nil {
		return
	}
	e.heard[who]++
	if e.owed[who] {
		e.owed[who] = false
		l.missing--
	}
	if e.heard[who] == 1 {
		if e.number < who.latest[e.speaker] {
			l.disordered++
		}
		who.latest[e.speaker] = max(who.latest[e.speaker], e.number)
	}
}

// excuse forgets what somebody who dies has not heard, and what others have not
// heard of it: nobody may have it.
func (l *Ledger) excuse(who *Actor) {
	for _, e := range l.lines {
		if e.owed[who] {
			e.owed[who] = false
			l.missing--
		}
		if e.speaker != who {
			continue
		}
		for a, owed := range e.owed {
			if owed {
				e.owed[a] = false
				l.missing--
			}
		}
	}
}

// Widen makes everybody the audience of all that was said so far: what was said
// in one half is to reach the other.
func (l *Ledger) Widen(everybody []*Actor) {
	for _, e := range l.lines {
		l.owe(e, everybody)
	}
}

// Missing is how many deliveries are owed still.
func (l *Ledger) Missing() int { return l.missing }

// IsHeard reports whether nothing is missing.
func (l *Ledger) IsHeard() bool { return l.missing == 0 }

// Tally counts.
func (l *Ledger) Tally() Tally {
	t := Tally{Said: len(l.lines), Missing: l.missing, Disordered: l.disordered}
	for _, e := range l.lines {
		for a, n := range e.heard {
			_, meant := e.owed[a]
			switch {
			case meant:
				t.Heard++
				t.Doubled += n - 1
			case !a.Gone && !a.Killed:
				t.Strayed += n
			}
		}
	}
	return t
}

// Lacking names one who has not heard something, and what; empty if nothing is
// missing.
func (l *Ledger) Lacking() (who *Actor, text string) {
	for text, e := range l.lines {
		for a, owed := range e.owed {
			if owed {
				return a, text
			}
		}
	}
	return nil, ""
}
