package emitter

import (
	"bytes"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/batch"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// Lost tells of events of one origin that were dropped because the handlers did
// not keep up. Events that nobody listened to when they were dropped are not
// among them, so there may be fewer than from First to Last. On a held emitter,
// see [Emitter.Has], somebody listens to all.
type Lost struct {
	Origin      ident.ID // zero: events of many origins, see Events only
	Epoch       uint64
	First, Last uint64 // sequence numbers, both lost
	Name        string // of the first of them
	Events      int    // how many were dropped
	Bytes       int    // of their names and payloads
	Aside       bool   // they made room in the queue of one handler; the others have had them
}

// manyOrigins bounds the memory that losses take: beyond it (a guess, about
// 100 kB) further origins share one note.
const manyOrigins = 1024

// losses gathers the events dropped since they were last told, one note for
// each life of an origin.
type losses struct {
	notes []Lost
	index map[ident.Origin]int
}

// dropOldest takes the oldest run out of the queue and keeps only that its
// events were there. The caller holds mu.
func (e *Emitter) dropOldest() {
	run := e.queue.pop()
	e.dropped += uint64(run.Count)
	if run.Before > e.Rewind() {
		return // nobody wants them
	}
	held := e.held.Load()
	e.queue.lost.note(&run, func(name []byte) bool { return held || e.table.isHeard(name, run.Own) })
}

// note notes those events of a run that are for somebody. It walks all of the
// run, which only an emitter does that is overrun.
func (l *losses) note(run *Run, isHeard func(name []byte) bool) {
	var lost Lost
	var first, last []byte // the name of the first one lost, and of the one seen last
	heard := false         // what isHeard said about last
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

// of gives the note about one life of an origin, or the one that it shares.
func (l *losses) of(origin ident.Origin) *Lost {
	if _, known := l.index[origin]; !known && len(l.index) >= manyOrigins {
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
