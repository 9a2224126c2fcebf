package emitter

import (
	"context"
	"sync"

	"github.com/smokesignal-go/smokesignal/internal/batch"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// Mailbox is a registration whose events the program takes itself, one after the
// other, on a goroutine of its own. Make one with [Emitter.Subscribe].
//
// Next is for one goroutine at a time. Close may be called from any.
type Mailbox struct {
	off    func()
	fail   func(name string, err error)
	events int // the bound

	mu       sync.Mutex // guards all below
	queue    queue
	held     bool
	isShut   bool          // it has ended
	finished bool          // it ends when it is empty
	bell     chan struct{} // holds a token when there may be something new for Next
	emptied  chan struct{} // closed when it is empty; nil while nobody waits

	names names // Next's own
}

// Subscribe registers a mailbox for the events of one name. It is bounded by
// [Settings].Queue events, and by bytes. It ends with its Close, with that of the
// emitter, and, once it is empty, with [Emitter.Finish].
func (e *Emitter) Subscribe(name string, settings Settings) *Mailbox {
	return e.subscribe(&registration{Settings: settings, name: name})
}

func (e *Emitter) subscribe(r *registration) *Mailbox {
	m := &Mailbox{events: r.Queue, bell: make(chan struct{}, 1)}
	m.fail = e.tellError
	m.off = func() { e.off(r) }
	e.registering.Lock()
	defer e.registering.Unlock()
	e.addBranch(r, m)
	e.enter(r)
	return m
}

// Next returns the oldest event, as soon as there is one. It reports false when the
// mailbox or ctx has ended; what is in the mailbox then is lost only to ctx and
// Close.
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

// take is Next without its waiting.
func (m *Mailbox) take() (event Event, ok, ended bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.queue.events > 0 && !m.held && !m.isShut {
		run := m.queue.pop()
		if m.queue.events == 0 {
			m.tellEmpty()
		}
		body, _, _ := batch.Next(run.Packed)
		name, payload, err := wire.SplitBody(body)
		if err != nil {
			continue // the runner has split it before
		}
		return Event{
			Name: m.names.intern(name), Origin: run.Origin, Epoch: run.Epoch, Seq: run.Seq,
			Signed: wire.IsSigned(body), Own: run.Own, Born: run.Born, Via: run.Via, Payload: payload,
		}, true, false
	}
	return Event{}, false, m.isShut || m.finished && m.queue.events == 0
}

// Close ends the mailbox.
func (m *Mailbox) Close() { m.off() }

// Fail reports an error about an event as if a handler had returned it.
func (m *Mailbox) Fail(name string, err error) { m.fail(name, err) }

// ring wakes Next. The caller holds mu.
func (m *Mailbox) ring() {
	select {
	case m.bell <- struct{}{}:
	default:
	}
}

// tellEmpty lets those go on that wait for an empty mailbox. The caller holds mu.
func (m *Mailbox) tellEmpty() {
	if m.emptied != nil {
		close(m.emptied)
		m.emptied = nil
	}
}

func (m *Mailbox) put(run Run, lost *losses) (dropped uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.isShut {
		return 0
	}
	m.ring()
	return m.queue.pushWithin(run, m.events, asideBytes, lost)
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

func (m *Mailbox) shut() (discarded int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	discarded = m.queue.events
	m.queue, m.isShut = queue{}, true
	m.tellEmpty()
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
