package emitter

import (
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/batch"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// Rewind returns the longest Settings.Rewind among all handlers that were ever
// registered.
func (e *Emitter) Rewind() time.Duration { return time.Duration(e.rewind.Load()) }

// Replay registers a handler that first gets the events of past with that name, whatever
// their Before. past must contain all runs that were pushed so far. The handler gets no
// other event that was pushed before Replay, and every event that is pushed later. The
// caller must ensure that no event is pushed during the call.
func (e *Emitter) Replay(name string, handler Handler, settings Settings, past []Run) (off func()) {
	return e.replayTo(&registration{Settings: settings, name: name, handler: handler}, past)
}

// ReplayAny is Replay for a handler of every name.
func (e *Emitter) ReplayAny(handler Handler, settings Settings, past []Run) (off func()) {
	return e.replayTo(&registration{Settings: settings, every: true, handler: handler}, past)
}

// SubscribePast is Subscribe, but the mailbox first gets the events of past, as in
// Replay.
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

// replayLater schedules the replay of past for a registration, after everything that was
// pushed. After the replay, the registration gets further events.
func (e *Emitter) replayLater(r *registration, past []Run) {
	e.registering.Lock()
	e.rewinders = append(e.rewinders, r)
	e.registering.Unlock()
	isOpen := e.Do(func() {
		e.admitEvents(r)
		for i := range past {
			e.replay(r, &past[i])
		}
	})
	if !isOpen {
		e.admitEvents(r)
	}
}

// admitEvents marks a registration so that it receives events.
func (e *Emitter) admitEvents(r *registration) {
	e.registering.Lock()
	defer e.registering.Unlock()
	r.waits.Store(false)
	e.rewinders = slices.DeleteFunc(e.rewinders, func(x *registration) bool { return x == r })
}

// admitAllWaiting calls admitEvents for registrations whose replay was discarded by Close.
func (e *Emitter) admitAllWaiting() {
	e.registering.Lock()
	defer e.registering.Unlock()
	for _, r := range e.rewinders {
		r.waits.Store(false)
	}
	e.rewinders = nil
}

// replay passes the events of a run to one handler.
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
			e.pushToBranch(r, one)
			continue
		}
		e.callIsolated(r, &Event{
			Name: string(name), Origin: run.Origin, Epoch: run.Epoch, Seq: one.Seq,
			Signed: wire.IsSigned(body), Payload: payload, Born: run.Born, Via: run.Via,
		})
	}
}

// callIsolated calls a handler whose panic must not affect others.
func (e *Emitter) callIsolated(r *registration, event *Event) {
	returned := false
	defer func() {
		if !returned {
			e.reportPanic(event.Name, recover())
		}
	}()
	e.call(r, event)
	returned = true
}
