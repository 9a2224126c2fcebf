package emitter

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
)

// ErrInside is returned to a handler that asks to wait for handlers: it would
// wait for itself.
var ErrInside = errors.New("called from inside a handler, which would wait for itself")

// DrainError says that the handlers did not get through the queue in time.
type DrainError struct {
	Left int   // events and hooks not finished, the running one among them
	Err  error // why the wait ended
}

// Error gives the sentence.
func (e *DrainError) Error() string {
	return fmt.Sprintf("drain the handlers: %d events and hooks left: %v", e.Left, e.Err)
}

// Unwrap gives the reason, which is the context's.
func (e *DrainError) Unwrap() error { return e.Err }

// Drain waits until nothing waits and nothing runs. It does not keep new events
// out: what is pushed meanwhile is waited for too. Where ctx ends first it
// returns a *[DrainError]; the handlers go on. A held emitter with something in
// its queue is not drained before Release. From inside a handler Drain returns
// a *DrainError with [ErrInside] at once.
//
// The queues that handlers have of their own count as the one of all others. A
// [Mailbox] is drained when its last event was taken.
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

// Close takes no further events, throws away what waits ([Stats].Discarded) and
// waits for the handler that runs. After Close returned, no handler, hook or
// callback of this emitter runs any more. Drain first to lose nothing.
//
// Called from inside a handler, of this emitter or of another one, Close does
// not wait: two handlers that close each other's emitters must not wait for each
// other. The handler that runs is then the last one; use Wait to see it end. A
// handler that waits for another goroutine which calls Close waits for itself.
//
// A second Close does no harm, and waits like the first.
func (e *Emitter) Close() {
	// The only error that there can be is ErrInside, and then not to wait is
	// what Close has promised.
	_ = e.CloseContext(context.Background())
}

// CloseContext is Close with an end to its waiting. Where ctx ends before the
// handler that runs, its error is returned, and that handler is the last one.
// From inside a handler it returns [ErrInside].
func (e *Emitter) CloseContext(ctx context.Context) error {
	e.close()
	e.shutBranches()
	return e.Wait(ctx)
}

// close takes no further events and throws away what waits.
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
		e.relieve()
		e.wake()
	}
}

// Wait waits until the emitter is closed and its last handler has returned, or
// until it is reopened. It returns the error of ctx where that ends first, and
// [ErrInside] from inside a handler.
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
	over := func() bool { return e.closed.Load() && !e.running && !e.telling || e.lives != life }
	if err := e.await(ctx, over); err != nil {
		return fmt.Errorf("wait for the last handler: %w", err)
	}
	return nil
}

// Reopen lets an emitter that was closed take events again, with the handlers
// that it has. It waits for nothing: where Close was called inside a handler
// that still runs, the new events come after it. On an open emitter it does
// nothing.
func (e *Emitter) Reopen() {
	if e.closed.Load() {
		e.endWaits()
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

// discard throws away what waits, at once what is in the queue, and what the
// runner has in hand as soon as it is back from its handler. The caller holds mu.
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

// discardHand throws away what was taken and not begun. The caller holds mu,
// and the runner is the caller or is not there.
func (e *Emitter) discardHand() {
	if e.hand != nil {
		e.discarded += uint64(e.inHand())
		e.taken -= uint64(e.inHand())
		e.letGo()
	}
}

// await waits until done, which it asks under mu whenever the runner or OnSlow
// has ended.
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

// wake lets everybody in await ask again. The caller holds mu.
func (e *Emitter) wake() {
	if e.changed != nil {
		close(e.changed)
		e.changed = nil
	}
}

// The two functions that are below everything an emitter calls, and the one that is
// below the first where a handler has its goroutine to itself.
var (
	runFrame   = reflect.TypeFor[Emitter]().PkgPath() + ".(*Emitter).run"
	tickFrame  = reflect.TypeFor[Emitter]().PkgPath() + ".(*Emitter).tick"
	asideFrame = reflect.TypeFor[Emitter]().PkgPath() + ".(*Emitter).runAside"
)

// Inside reports whether the caller is a handler or a hook of some emitter, and
// must not wait for handlers.
func Inside() bool { return insideHandler() }

// InsideShared reports whether the caller is a handler or a hook that shares its
// goroutine with others, so that they wait for as long as it does.
func InsideShared() bool { return isBelow(runFrame) && !isBelow(asideFrame) }

// insideHandler reports whether the calling goroutine is the handler goroutine
// of some emitter, or one that is inside OnSlow. It reads the stack, which costs
// microseconds and is paid by those who wait, so that a handler costs nothing.
func insideHandler() bool { return isBelow(runFrame, tickFrame) }

// isBelow reports whether one of the functions is on the stack of the caller.
func isBelow(functions ...string) bool {
	var pcs [64]uintptr
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		if n == 0 {
			return false
		}
		frames := runtime.CallersFrames(pcs[:n])
		for more := true; more; {
			var frame runtime.Frame
			frame, more = frames.Next()
			if slices.Contains(functions, frame.Function) {
				return true
			}
		}
	}
}
