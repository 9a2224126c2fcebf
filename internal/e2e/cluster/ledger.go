package cluster

// Ledger records emitted texts, their expected receivers and the deliveries. The zero
// Ledger is empty.
type Ledger struct {
	lines      map[string]*line
	missing    int // pairs of a text and an actor that should receive it and has not
	disordered int
}

// line is one text. Only actors that stay to the end are expected to receive it.
type line struct {
	number  int // the numbers of one speaker rise
	speaker *Actor
	owed    map[*Actor]bool // expected receivers, without the speaker; false after delivery
	heard   map[*Actor]int
}

// Tally compares a ledger with the deliveries.
type Tally struct {
	Said       int
	Heard      int // first deliveries to expected receivers
	Missing    int // not delivered, or not yet
	Doubled    int // delivered again
	Strayed    int // delivered to a running actor outside the audience
	Disordered int // delivered after a later text of the same speaker
}

// add records a text. The audience may contain its speaker, which receives nothing of
// itself.
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

// hear records a delivery. Texts of earlier pages are ignored.
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

// excuse removes the missing deliveries to a dying actor. It also removes the missing
// deliveries of the actor's own texts, because perhaps no node has these.
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

// Widen makes all actors the audience of all texts so far: the texts of one half must also
// reach the other.
func (l *Ledger) Widen(everybody []*Actor) {
	for _, e := range l.lines {
		l.owe(e, everybody)
	}
}

// Missing returns the number of outstanding deliveries.
func (l *Ledger) Missing() int { return l.missing }

// IsHeard reports whether nothing is missing.
func (l *Ledger) IsHeard() bool { return l.missing == 0 }

// Tally returns the counts.
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

// Lacking returns one actor with a missing text, and the text. It returns an empty text if
// nothing is missing.
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
