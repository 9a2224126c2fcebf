package emitter

import (
	"errors"
	"runtime/debug"
	"time"
)

// ErrGoexit is what OnPanic gets as the value for a handler that ended its
// goroutine with runtime.Goexit. The handlers that came after it do not get
// that event; the next event finds all of them again.
var ErrGoexit = errors.New("the handler ended its goroutine with runtime.Goexit")

// tellLost hands one note of loss to OnDrop.
func (e *Emitter) tellLost(note Lost) {
	if e.config.OnDrop != nil {
		e.config.OnDrop(note)
	}
}

// tellError counts an error and hands it to OnError.
func (e *Emitter) tellError(name string, err error) {
	e.errors.Add(1)
	if e.config.OnError != nil {
		e.config.OnError(name, err)
	}
}

// tellSlow hands a slow call to OnSlow. It does not run on the handler
// goroutine, whose recover does not serve here.
func (e *Emitter) tellSlow(name string, soFar time.Duration) {
	if e.config.OnSlow == nil {
		return
	}
	returned := false
	defer func() {
		if !returned {
			e.tellPanic(name, recover())
		}
	}()
	e.config.OnSlow(name, soFar)
	returned = true
}

// tellPanic counts a panic and hands it to OnPanic, while the stack that
// panicked is still there. Value is nil after runtime.Goexit.
func (e *Emitter) tellPanic(name string, value any) {
	e.panics.Add(1)
	if e.config.OnPanic == nil {
		return
	}
	if value == nil {
		value = ErrGoexit
	}
	// A panic in OnPanic has nobody left to be told to: it is counted.
	defer func() {
		if recover() != nil {
			e.panics.Add(1)
		}
	}()
	e.config.OnPanic(name, value, debug.Stack())
}
