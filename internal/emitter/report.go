package emitter

import (
	"errors"
	"runtime/debug"
	"time"
)

// ErrGoexit is the value that OnPanic gets if a handler ended its goroutine with
// runtime.Goexit. The handlers after it do not get that event. The next event reaches all
// handlers again.
var ErrGoexit = errors.New("the handler ended its goroutine with runtime.Goexit")

// reportLost passes one loss note to OnDrop.
func (e *Emitter) reportLost(note Lost) {
	if e.config.OnDrop != nil {
		e.config.OnDrop(note)
	}
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
	// A panic in OnPanic has no receiver left; it is only counted.
	defer func() {
		if recover() != nil {
			e.panics.Add(1)
		}
	}()
	e.config.OnPanic(name, value, debug.Stack())
}
