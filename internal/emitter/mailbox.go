package emitter

import (
	"context"
	"sync"

	"github.com/smokesignal-go/smokesignal/internal/batch"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// Mailbox is a registration whose events the program takes itself, one after another, on
// a goroutine of the program. Make one with [Emitter.Subscribe].
//
// Only one goroutine at a time may call Next. Close may be called from any goroutine.
type Mailbox struct {
	off    func()
	fail   func(name string, err error)
	events int // bound of the queue, in events

	mu        sync.Mutex // guards everything below
	queue     queue
	held      bool
	isStopped bool          // the mailbox has ended
	finished  bool          // the mailbox will end when it is empty
	bell      chan struct{} // has a token if Next may find an event or the end
	emptied   chan struct{} // closed when the mailbox is empty; nil if no caller waits for that

	names names // only Next uses it
}

// Subscribe registers a mailbox for the events of one name. It is bounded by
// [Settings].Queue events, and by bytes. The mailbox ends in three cases: by its Close,
// by the Close of the emitter, or, once it is empty, after [Emitter.Finish].
func (e *Emitter) Subscribe(name string, settings Settings) *Mailbox {
	return e.subscribe(&registration{Settings: settings, name: name})
}

func (e *Emitter) subscribe(r *registration) *Mailbox {
	m := &Mailbox{events: r.Queue, bell: make(chan struct{}, 1)}
	m.fail = e.reportError
	m.off = func() { e.off(r) }
	e.registering.Lock()
	defer e.registering.Unlock()
	e.addBranch(r, m)
	e.insert(r)
	return m
}

// Next waits for the oldest event and returns it. It returns false if the mailbox or ctx
// has ended. The remaining events are lost only if ctx ended or Close was called.
func (m *Mailbox) Next(ctx context.Context) (Event, bool) {
	for ctx.Err() == nil {
		event, ok, ended := m.take()
		if ok || ended {
			return event, ok
		}
		select {
		case <-m.bell:
		case <-ctx.Done():
		}
	}
	return Event{}, false
}

// take does what Next does, without waiting.
func (m *Mailbox) take() (event Event, ok, ended bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.queue.events > 0 && !m.held && !m.isStopped {
		run := m.queue.pop()
		if m.queue.events == 0 {
			m.notifyEmpty()
		}
		body, _, _ := batch.Next(run.Packed)
		name, payload, err := wire.SplitBody(body)
		if err != nil {
			continue // this does not happen, because the runner has split the run before
		}
		return Event{
			Name: m.names.intern(name), Origin: run.Origin, Epoch: run.Epoch, Seq: run.Seq,
			Signed: wire.IsSigned(body), Own: run.Own, Born: run.Born, Via: run.Via, Payload: payload,
		}, true, false
	}
	return Event{}, false, m.isStopped || m.finished && m.queue.events == 0
}

// Close ends the mailbox.
func (m *Mailbox) Close() { m.off() }

// Fail reports an error about an event, like an error that a handler returned.
func (m *Mailbox) Fail(name string, err error) { m.fail(name, err) }

// ring wakes Next. The caller holds mu.
func (m *Mailbox) ring() {
	select {
	case m.bell <- struct{}{}:
	default:
	}
}

// notifyEmpty wakes the callers that wait for an empty mailbox. The caller holds mu.
func (m *Mailbox) notifyEmpty() {
	if m.emptied != nil {
		close(m.emptied)
		m.emptied = nil
	}
}

func (m *Mailbox) put(run Run, lost *losses) (dropped uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.isStopped {
		return 0
	}
	m.ring()
	return m.queue.pushWithin(run, m.events, branchBytes, lost)
}

func (m *Mailbox) drain(ctx context.Context) (running int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.queue.events > 0 {
		if m.emptied == nil {
			m.emptied = make(chan struct{})
		}
		emptied := m.emptied
		m.mu.Unlock()
		select {
		case <-emptied:
		case <-ctx.Done():
			err = ctx.Err()
		}
		m.mu.Lock()
		if err != nil {
			return 0, err
		}
	}
	return 0, nil
}

func (m *Mailbox) left() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.queue.events
}

func (m *Mailbox) stop() (discarded int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	discarded = m.queue.events
	m.queue, m.isStopped = queue{}, true
	m.notifyEmpty()
	m.ring()
	return discarded
}

func (m *Mailbox) wait(context.Context) error { return nil }

func (m *Mailbox) hold() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held = true
}

func (m *Mailbox) release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held = false
	m.ring()
}

func (m *Mailbox) reopen() bool { return false }

func (m *Mailbox) finish() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.finished = true
	m.ring()
}
