package emitter

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/smokesignal-go/smokesignal/internal/callstack"
)

// ErrInside is returned if a handler calls a method that waits for handlers, because the
// handler would wait for itself.
var ErrInside = errors.New("called from inside a handler, which would wait for itself")

// DrainError reports that the handlers did not empty the queue in time.
type DrainError struct {
	Left int   // events and hooks that are not finished, including the one that is running
	Err  error // why the wait ended
}

// Error implements error.
func (e *DrainError) Error() string {
	return fmt.Sprintf("drain the handlers: %d events and hooks left: %v", e.Left, e.Err)
}

// Unwrap returns the reason, which is the context's error.
func (e *DrainError) Unwrap() error { return e.Err }

// Drain waits until the queue is empty and no handler runs. It also waits for events that
// are pushed in the meantime. If ctx ends first, it returns a *[DrainError], and the
// handlers keep running. A held emitter with a non-empty queue is not drained before
// Release. Inside a handler, Drain returns a *DrainError with [ErrInside] at once.
//
// Drain also waits for the queues of single handlers. A [Mailbox] is drained when the
// program has taken its last event.
func (e *Emitter) Drain(ctx context.Context) error { return e.drainAll(ctx) }

// drainTrunk is Drain without the branches.
func (e *Emitter) drainTrunk(ctx context.Context) error {
	idle := func() bool { return !e.running && e.hand == nil && e.queue.empty() }
	err := e.await(ctx, idle)
	if err == nil {
		return nil
	}
	left := e.Stats().Queued
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running {
		left++
	}
	return &DrainError{Left: left, Err: err}
}

// Close rejects further events, discards the queued ones ([Stats].Discarded) and waits
// for the running handler. After Close has returned, no handler, hook or callback of this
// emitter runs. To lose no event, call Drain first.
//
// Inside a handler, of this emitter or another one, Close does not wait, because two
// handlers may close each other's emitters. The running handler is then the last one; use
// Wait to wait for its end. If a handler waits for another goroutine that calls Close,
// the handler waits for itself and never ends.
//
// A second Close has no further effect, and waits like the first.
func (e *Emitter) Close() {
	// The only possible error is ErrInside. In this case, Close must not wait.
	_ = e.CloseContext(context.Background())
}

// CloseContext is Close with a limited wait. If ctx ends before the running handler
// returns, CloseContext returns the error of ctx, and that handler is the last one.
// Inside a handler it returns [ErrInside].
func (e *Emitter) CloseContext(ctx context.Context) error {
	e.close()
	e.stopBranches()
	return e.Wait(ctx)
}

// close rejects further events and discards the queued ones.
func (e *Emitter) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed.Load() {
		e.closed.Store(true)
		if e.timer != nil && e.timer.Stop() {
			e.armed = false
		}
		e.dismiss()
		e.discard()
		e.wakeWaiters()
		e.wake()
	}
}

// Wait waits until the emitter is closed and its last handler has returned, or until it is
// reopened. If ctx ends first, it returns the error of ctx. Inside a handler it returns
// [ErrInside].
func (e *Emitter) Wait(ctx context.Context) error {
	err := e.waitTrunk(ctx)
	for _, b := range e.allBranches() {
		err = errors.Join(err, b.wait(ctx))
	}
	return err
}

// waitTrunk is Wait without the branches.
func (e *Emitter) waitTrunk(ctx context.Context) error {
	e.mu.Lock()
	life := e.lives
	e.mu.Unlock()
	over := func() bool { return e.closed.Load() && !e.running && !e.reporting || e.lives != life }
	if err := e.await(ctx, over); err != nil {
		return fmt.Errorf("wait for the last handler: %w", err)
	}
	return nil
}

// Reopen makes a closed emitter accept events again, with its current handlers. It does not
// wait. If Close was called inside a handler that still runs, the new events run after it.
// On an open emitter it does nothing.
func (e *Emitter) Reopen() {
	if e.closed.Load() {
		e.admitAllWaiting()
	}
	for _, b := range e.allBranches() {
		b.reopen()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed.Load() {
		e.closed.Store(false)
		e.lives++
		if e.running {
			e.arm()
		}
		e.wake()
	}
}

// discard discards the queued events at once. It discards the chunk in the runner's hand
// when the running handler has returned. The caller holds mu.
func (e *Emitter) discard() {
	e.discarded += uint64(e.queue.len())
	e.queue = queue{}
	if e.running {
		e.cut.Store(true)
		e.interrupt.Store(true)
		return
	}
	e.discardHand()
}

// discardHand discards the events that the runner took from the queue and that have not
// begun. The caller holds mu. The runner is the caller or does not run.
func (e *Emitter) discardHand() {
	if e.hand != nil {
		e.discarded += uint64(e.inHand())
		e.taken -= uint64(e.inHand())
		e.releaseChunk()
	}
}

// await waits until done returns true. It calls done under mu each time the runner or
// OnSlow has ended.
func (e *Emitter) await(ctx context.Context, done func() bool) error {
	inside := insideHandler()
	for {
		e.mu.Lock()
		if done() {
			e.mu.Unlock()
			return nil
		}
		if e.changed == nil {
			e.changed = make(chan struct{})
		}
		changed := e.changed
		e.mu.Unlock()
		if inside {
			return ErrInside
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// wake makes every call of await call done again. The caller holds mu.
func (e *Emitter) wake() {
	if e.changed != nil {
		close(e.changed)
		e.changed = nil
	}
}

// These are functions, or the beginnings of names of functions. The stack of every call
// that an emitter makes contains one of them below the call. If a handler has its own
// goroutine, the last one is below the first.
var (
	runFrame    = reflect.TypeFor[Emitter]().PkgPath() + ".(*Emitter).run"
	tickFrame   = reflect.TypeFor[Emitter]().PkgPath() + ".(*Emitter).tick"
	branchFrame = reflect.TypeFor[Emitter]().PkgPath() + ".(*Emitter).runBranch"
)

// Inside reports whether the caller is a handler or hook of any emitter. Such a caller must
// not wait for handlers.
func Inside() bool { return insideHandler() }

// InsideShared reports whether the caller is a handler or hook that shares its goroutine
// with others. If it waits, they wait too.
func InsideShared() bool { return callstack.Has(runFrame) && !callstack.Has(branchFrame) }

// insideHandler reports whether the calling goroutine is the handler goroutine of any
// emitter, or runs OnSlow. It reads the stack, which takes microseconds. Only methods
// that wait call it, so it does not slow down the call of a handler.
func insideHandler() bool { return callstack.Has(runFrame, tickFrame) }
