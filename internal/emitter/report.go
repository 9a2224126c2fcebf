package emitter

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// ErrGoexit is the value that OnPanic gets if a handler ended its goroutine with
// runtime.Goexit. The handlers after it do not get that event. The next event reaches all
// handlers again.
var ErrGoexit = errors.New("the handler ended its goroutine with runtime.Goexit")

// reportLost passes one record of lost events to OnDrop.
func (e *Emitter) reportLost(note Lost) {
	if e.config.OnDrop != nil {
		e.inHook.Store(true)
		defer e.inHook.Store(false) // even after a panic
		e.config.OnDrop(note)
	}
}

// Running describes each function that runs now, for a person: `a handler of "chat"` or
// "a hook". It covers this emitter and each queue of a single handler.
func (e *Emitter) Running() []string {
	var all []string
	add := func(e *Emitter) {
		if what := e.current(); what != "" {
			all = append(all, what)
		}
	}
	add(e)
	for _, b := range e.allBranches() {
		if child, ok := b.(*Emitter); ok {
			add(child)
		}
	}
	return all
}

// current describes the function that the runner calls now. It returns "" if there is
// none.
func (e *Emitter) current() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.running || e.hand == nil {
		return ""
	}
	if turn := e.progress.begun(); turn > 0 && !e.inHook.Load() {
		if name := e.hand.nameOf(turn); name != "" {
			return fmt.Sprintf("a handler of %q", name)
		}
	}
	return "a hook"
}

// reportError counts an error and passes it to OnError.
func (e *Emitter) reportError(name string, err error) {
	e.errors.Add(1)
	if e.config.OnError != nil {
		e.config.OnError(name, err)
	}
}

// reportSlow passes a slow call to OnSlow. It runs outside the handler goroutine, so it
// recovers panics itself.
func (e *Emitter) reportSlow(name string, soFar time.Duration) {
	if e.config.OnSlow == nil {
		return
	}
	returned := false
	defer func() {
		if !returned {
			e.reportPanic(name, recover())
		}
	}()
	e.config.OnSlow(name, soFar)
	returned = true
}

// reportPanic counts a panic and passes it to OnPanic, while the panicking stack still
// exists. value is nil after runtime.Goexit.
func (e *Emitter) reportPanic(name string, value any) {
	e.panics.Add(1)
	if e.config.OnPanic == nil {
		return
	}
	if value == nil {
		value = ErrGoexit
	}
	// If OnPanic itself panics, there is no callback to report that, so the panic is only
	// counted.
	defer func() {
		if recover() != nil {
			e.panics.Add(1)
		}
	}()
	e.config.OnPanic(name, value, debug.Stack())
}
