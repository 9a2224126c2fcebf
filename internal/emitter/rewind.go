package emitter

import (
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/batch"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// Rewind is the longest Settings.Rewind of all handlers that there were.
func (e *Emitter) Rewind() time.Duration { return time.Duration(e.rewind.Load()) }

// Replay is Register of a handler that first gets those events of past that have the
// name, whatever their Before. Past is what was pushed so far: the handler gets
// nothing else that was pushed before Replay, and everything that is pushed later.
// The owner sees to it that nothing is pushed meanwhile.
func (e *Emitter) Replay(name string, handler Handler, settings Settings, past []Run) (off func()) {
	return e.replayTo(&registration{Settings: settings, name: name, handler: handler}, past)
}

// ReplayAny is Replay for a handler of every name.
func (e *Emitter) ReplayAny(handler Handler, settings Settings, past []Run) (off func()) {
	return e.replayTo(&registration{Settings: settings, every: true, handler: handler}, past)
}

// SubscribePast is Subscribe of a mailbox that first gets what Replay gives a handler.
func (e *Emitter) SubscribePast(name string, settings Settings, past []Run) *Mailbox {
	r := &registration{Settings: settings, name: name}
	r.waits.Store(true)
	m := e.subscribe(r)
	e.replayLater(r, past)
	return m
}

func (e *Emitter) replayTo(r *registration, past []Run) (off func()) {
	r.waits.Store(true)
	off = e.register(r)
	e.replayLater(r, past)
	return off
}

// replayLater gives a registration the past, behind all that was pushed, and lets it
// have events from then on.
func (e *Emitter) replayLater(r *registration, past []Run) {
	e.registering.Lock()
	e.rewinders = append(e.rewinders, r)
	e.registering.Unlock()
	isOpen := e.Do(func() {
		e.endWait(r)
		for i := range past {
			e.replay(r, &past[i])
		}
	})
	if !isOpen {
		e.endWait(r)
	}
}

// endWait lets a registration have events.
func (e *Emitter) endWait(r *registration) {
	e.registering.Lock()
	defer e.registering.Unlock()
	r.waits.Store(false)
	e.rewinders = slices.DeleteFunc(e.rewinders, func(x *registration) bool { return x == r })
}

// endWaits does that for those whose turn Close has thrown away.
func (e *Emitter) endWaits() {
	e.registering.Lock()
	defer e.registering.Unlock()
	for _, r := range e.rewinders {
		r.waits.Store(false)
	}
	e.rewinders = nil
}

// replay gives the events of a run to one handler.
func (e *Emitter) replay(r *registration, run *Run) {
	one := *run
	one.Count, one.Before = 1, 0
	rest := run.Packed
	for n := range uint64(run.Count) {
		body, next, ok := batch.Next(rest)
		if !ok || r.gone.Load() || e.cut.Load() {
			return
		}
		one.Seq, one.Packed, rest = run.Seq+n, rest[:len(rest)-len(next)], next
		name, payload, err := wire.SplitBody(body)
		if err != nil || !r.every && string(name) != r.name {
			continue
		}
		if r.branch != nil {
			e.putInto(r, one)
			continue
		}
		e.callAlone(r, &Event{
			Name: string(name), Origin: run.Origin, Epoch: run.Epoch, Seq: one.Seq,
			Signed: wire.IsSigned(body), Payload: payload, Born: run.Born, Via: run.Via,
		})
	}
}

// callAlone is call for a handler whose panic harms no other.
func (e *Emitter) callAlone(r *registration, event *Event) {
	returned := false
	defer func() {
		if !returned {
			e.tellPanic(event.Name, recover())
		}
	}()
	e.call(r, event)
	returned = true
}
