package emitter

import (
	"bytes"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/batch"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// Lost reports events of one origin that were dropped because the handlers did not keep
// up. Events without a handler at that time are not counted, so Events may be less than
// the numbers from First to Last. On a held emitter every event counts, see
// [Emitter.Has].
type Lost struct {
	Origin      ident.ID // zero: events of many origins; only Events and Bytes are set
	Epoch       uint64
	First, Last uint64 // sequence numbers, both of lost events
	Name        string // name of the first lost event
	Events      int    // number of dropped events
	Bytes       int    // size of their names and payloads
	Aside       bool   // only the queue of one handler dropped the events; other handlers got them
}

// maxNotes bounds the memory for losses (a guess, about 100 kB). If there are more
// origins, these share one entry.
const maxNotes = 1024

// losses collects the events dropped since the last report, in one entry for each origin
// and epoch.
type losses struct {
	notes []Lost
	index map[ident.Origin]int
}

// dropOldest removes the oldest run from the queue and records its events as lost. The
// caller holds mu.
func (e *Emitter) dropOldest() {
	run := e.queue.pop()
	e.dropped += uint64(run.Count)
	if run.Before > e.Rewind() {
		return // the events have no handler
	}
	held := e.held.Load()
	e.queue.lost.note(&run, func(name []byte) bool { return held || e.table.isHeard(name, run.Own) })
}

// note adds those events of a run that have a handler. It reads the whole run. That is
// acceptable because it happens only if events are dropped.
func (l *losses) note(run *Run, isHeard func(name []byte) bool) {
	var lost Lost
	var first, last []byte // the names of the first lost event and of the last one
	heard := false         // what isHeard returned for last
	rest := run.Packed
	for n := range uint64(run.Count) {
		body, next, ok := batch.Next(rest)
		if !ok {
			break
		}
		rest = next
		name, payload, err := wire.SplitBody(body)
		if err != nil {
			continue
		}
		if !bytes.Equal(name, last) {
			last, heard = name, isHeard(name)
		}
		if !heard {
			continue
		}
		if lost.Events == 0 {
			lost.First, first = run.Seq+n, name
		}
		lost.Last = run.Seq + n
		lost.Events++
		lost.Bytes += len(name) + len(payload)
	}
	if lost.Events > 0 {
		note := l.of(ident.Origin{ID: run.Origin, Epoch: run.Epoch})
		if note.Events == 0 {
			note.First, note.Name = lost.First, string(first)
		}
		note.Last = lost.Last
		note.Events += lost.Events
		note.Bytes += lost.Bytes
	}
}

// of returns the entry for one origin and epoch, or the shared one.
func (l *losses) of(origin ident.Origin) *Lost {
	if _, known := l.index[origin]; !known && len(l.index) >= maxNotes {
		origin = ident.Origin{}
	}
	i, known := l.index[origin]
	if !known {
		if l.index == nil {
			l.index = make(map[ident.Origin]int)
		}
		i = len(l.notes)
		l.index[origin] = i
		l.notes = append(l.notes, Lost{Origin: origin.ID, Epoch: origin.Epoch})
	}
	return &l.notes[i]
}
