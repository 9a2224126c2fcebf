package smoke

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"unicode/utf8"

	"github.com/smokesignal-go/smokesignal/internal/args"
	"github.com/smokesignal-go/smokesignal/internal/codec"
	"github.com/smokesignal-go/smokesignal/internal/emitter"
)

// This file defines the shapes of handlers, and turns a function into one.
//
// The parameters of a handler are, in this order: a context.Context, an [Event], and one
// parameter for each argument of the event. Each of these may be missing. A variadic
// parameter takes all remaining arguments. A handler returns nothing, or an error, which
// is logged. If there are fewer arguments than parameters, or if one does not fit, the
// node does not call the handler and logs an *[ArgumentError]. Surplus arguments are
// ignored; see [HandlerStats].Surplus.

// EventSource is something whose events can be handled: a [Broadcast] or a *[Peer]. Other
// packages can't implement it.
type EventSource interface {
	// listen registers a compiled handler. The settings must have passed check.
	listen(name string, h emitter.Handler, s settings) (off func())
	// refuse reports a failed registration. It logs the error now. If the node has not
	// been started, Start returns the error too.
	refuse(err error)
	// context returns the context for a call of a handler with e.
	context(e Event) context.Context
	// surplus notes that e had more arguments than a handler takes.
	surplus(e Event, takes, others int)
	// noteTags warns if t, the type of a parameter, has json tags that have no effect.
	noteTags(t reflect.Type)
}

// On registers fn for the events of one name on a Broadcast or a *Peer. The compiler
// checks the type of the argument:
//
//	smoke.On(node.Broadcast(), "chat", func(e smoke.Event, m ChatMsg) { … })
//
// The returned function removes the handler. It may be called from any goroutine and more
// than once. An invalid name, type or option is reported as by the method On; [TryOn]
// returns the error. The page docs/events.md lists which argument fits which type.
func On[T any](l EventSource, name string, fn func(Event, T), opts ...HandlerOption) (off func()) {
	return register(l, name, fn, typedHandler(l, fn), newSettings(opts))
}

// Once is like [On], for one event only: the next one that fits.
func Once[T any](l EventSource, name string, fn func(Event, T), opts ...HandlerOption) (off func()) {
	return register(l, name, fn, typedHandler(l, fn), newSettings(opts).withOnce())
}

// typedHandler returns a handler for On that uses no reflection when it is called. It
// returns nil for types that compileHandler handles without reflection, and for those that
// compileHandler rejects.
func typedHandler[T any](l EventSource, fn func(Event, T)) emitter.Handler {
	switch any(fn).(type) {
	case func(Event, string), func(Event, []byte):
		return nil
	}
	if codec.DecodeFault(reflect.TypeFor[T]()) != "" {
		return nil
	}
	// Calls of one handler never overlap, so one value serves all events. It is zeroed
	// before each event, so that no event shows a part of an earlier one.
	value, none := new(T), *new(T)
	target, decode := reflect.ValueOf(value).Elem(), codec.DecodeFunc(reflect.TypeFor[T]())
	return func(e *emitter.Event) error {
		r, err := args.Open(e.Payload)
		if err != nil {
			return argumentError(e.Name, e.Origin, err)
		}
		if err = r.Need(1); err == nil {
			*value = none
			err = r.NextBy(target, decode)
		}
		others := r.Count() - 1
		r.Close()
		if err != nil {
			return argumentError(e.Name, e.Origin, err)
		}
		event := newEvent(e)
		if others > 0 {
			l.surplus(event, 1, others)
		}
		e.Take()
		fn(event, *value)
		return nil
	}
}

// register implements the methods On and Once. It reports an error of tryRegister to l.
func register(l EventSource, name string, fn any, typed emitter.Handler, s settings) (off func()) {
	off, err := tryRegister(l, name, fn, typed, s)
	if err != nil {
		l.refuse(err)
		return func() {}
	}
	return off
}

// tryRegister compiles fn and registers it with l. If typed is not nil, it is registered
// in place of the compiled handler. Errors are *[NameError] and *[HandlerError].
func tryRegister(l EventSource, name string, fn any, typed emitter.Handler, s settings) (off func(), err error) {
	handler, err := compileHandler(l, name, fn)
	if err != nil {
		return nil, err
	}
	if s.check(l); s.why != "" {
		return nil, &HandlerError{Event: name, Func: fmt.Sprintf("%T", fn), Why: s.why, Fix: s.fix, At: callSite()}
	}
	if typed != nil {
		handler = typed
	}
	return l.listen(name, handler, s), nil
}

// compileHandler turns a function into a handler. Errors are *[NameError] and
// *[HandlerError].
func compileHandler(l EventSource, name string, fn any) (emitter.Handler, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if why, fix := handlerFault(fn); why != "" {
		return nil, &HandlerError{Event: name, Func: fmt.Sprintf("%T", fn), Why: why, Fix: fix, At: callSite()}
	}
	for _, param := range shapeOf(reflect.TypeOf(fn)).params {
		l.noteTags(param.typ)
	}
	switch fn := fn.(type) {
	case func():
		return func(e *emitter.Event) error { e.Take(); fn(); return nil }, nil
	case func(Event):
		return func(e *emitter.Event) error { e.Take(); fn(newEvent(e)); return nil }, nil
	case func(string):
		return textHandler(l, "string", func(_ *emitter.Event, s []byte) { fn(string(s)) }), nil
	case func(Event, string):
		return textHandler(l, "string", func(e *emitter.Event, s []byte) { fn(newEvent(e), string(s)) }), nil
	case func(Event, []byte):
		return textHandler(l, "[]uint8", func(e *emitter.Event, s []byte) { fn(newEvent(e), bytes.Clone(s)) }), nil
	}
	return reflected(l, reflect.ValueOf(fn)), nil
}

// textHandler returns a handler for a function that takes one string or []byte. The bytes
// that fn gets belong to the event.
func textHandler(l EventSource, want string, fn func(*emitter.Event, []byte)) emitter.Handler {
	return func(e *emitter.Event) error {
		s, others, err := args.OneString(e.Payload, want)
		if err != nil {
			return argumentError(e.Name, e.Origin, err)
		}
		if others > 0 {
			l.surplus(newEvent(e), 1, others)
		}
		e.Take()
		fn(e, s)
		return nil
	}
}

var (
	contextType = reflect.TypeFor[context.Context]()
	eventType   = reflect.TypeFor[Event]()
)

// handlerFault returns why fn can't be a handler, and what to write instead. It returns
// two empty strings if fn can.
func handlerFault(fn any) (why, fix string) {
	const write = "write func(e smoke.Event, text string), with the types of the arguments that were emitted"
	v := reflect.ValueOf(fn)
	switch {
	case fn == nil:
		return "it is nil", write
	case v.Kind() != reflect.Func:
		return "it is not a function", write
	case v.IsNil():
		return "it is a nil function", write
	}
	t := v.Type()
	lead := 0 // parameters for a context or an Event
	for n := range t.NumIn() {
		in := t.In(n)
		isRest := n == t.NumIn()-1 && t.IsVariadic()
		if isRest {
			in = in.Elem()
		}
		switch {
		case in == contextType:
			if n > 0 || isRest {
				return "context.Context can only be the first parameter, once", write
			}
			lead++
			continue
		case in == eventType:
			if n > lead || n > 0 && t.In(n-1) == eventType || isRest {
				return "smoke.Event can only be the first parameter, or the one after the context, once", write
			}
			lead++
			continue
		}
		if in == reflect.PointerTo(eventType) {
			return fmt.Sprintf("parameter %d is a *smoke.Event instead of a smoke.Event", n+1), write
		}
		if why, fix := paramFault(in); why != "" {
			return fmt.Sprintf("parameter %d %s", n+1, why), fix
		}
	}
	if t.NumOut() > 1 || t.NumOut() == 1 && t.Out(0) != reflect.TypeFor[error]() {
		return "it returns something other than an error", "return nothing, or one error, which is logged"
	}
	return "", ""
}

// paramFault returns why arguments can't be decoded into a parameter of type t, and what
// to write instead. It returns two empty strings if they can.
func paramFault(t reflect.Type) (why, fix string) {
	if fault := codec.DecodeFault(t); fault != "" {
		return "can't be decoded: " + fault, "take a type of plain values, structs, slices and maps; docs/events.md lists them"
	}
	if codec.IsError(t) && t.Kind() != reflect.Interface {
		return fmt.Sprintf("is %s, an error, and errors travel as their text", t),
			"take error or string, or give the type the methods MarshalMsgpack and UnmarshalMsgpack"
	}
	return "", ""
}

// shape describes the parameters of a handler.
type shape struct {
	takesContext, takesEvent bool
	lead                     int     // how many of these two the handler takes
	params                   []param // for arguments, without the variadic one
	rest                     *param  // the variadic one, with the type of its elements; or nil
}

// param is a parameter for an argument.
type param struct {
	typ    reflect.Type
	decode func(*codec.Decoder, reflect.Value) error
}

func newParam(t reflect.Type) param { return param{t, codec.DecodeFunc(t)} }

func shapeOf(t reflect.Type) shape {
	var s shape
	for n := range t.NumIn() {
		switch in := t.In(n); {
		case in == contextType:
			s.takesContext = true
			s.lead++
		case in == eventType:
			s.takesEvent = true
			s.lead++
		case n == t.NumIn()-1 && t.IsVariadic():
			rest := newParam(in.Elem())
			s.rest = &rest
		default:
			s.params = append(s.params, newParam(in))
		}
	}
	return s
}

// reflected turns any function without a fault into a handler.
func reflected(l EventSource, fn reflect.Value) emitter.Handler {
	s := shapeOf(fn.Type())
	return func(e *emitter.Event) error {
		event := newEvent(e)
		in, others, err := s.decode(l, event)
		if err != nil {
			return argumentError(e.Name, e.Origin, err)
		}
		if others > 0 && len(s.params) > 0 {
			l.surplus(event, len(s.params), others)
		}
		e.Take()
		out := fn.Call(in)
		if len(out) == 1 && !out[0].IsNil() {
			return &returnedError{origin: e.Origin, err: out[0].Interface().(error)}
		}
		return nil
	}
}

// returnedError is an error that a function of the program has returned, unlike an error
// of this package about its arguments.
type returnedError struct {
	origin ID // of the event
	err    error
}

// Error implements error.
func (e *returnedError) Error() string { return e.err.Error() }

// Unwrap returns the error of the program.
func (e *returnedError) Unwrap() error { return e.err }

// decode returns the values to call a handler with, and the number of surplus arguments.
// Errors are those of package args.
func (s *shape) decode(l EventSource, event Event) (in []reflect.Value, others int, err error) {
	in = make([]reflect.Value, 0, s.lead+len(s.params))
	if s.takesContext {
		in = append(in, reflect.ValueOf(l.context(event)))
	}
	if s.takesEvent {
		in = append(in, reflect.ValueOf(event))
	}
	if len(s.params) == 0 && s.rest == nil {
		return in, 0, nil // the handler takes no arguments, so they are not checked
	}
	r, err := args.Open(event.payload)
	if err != nil {
		return nil, 0, err
	}
	defer r.Close()
	if err := r.Need(len(s.params)); err != nil {
		return nil, 0, err
	}
	last := len(s.params)
	if s.rest != nil {
		last = r.Count()
	}
	for n := range last {
		param := s.rest
		if n < len(s.params) {
			param = &s.params[n]
		}
		value := reflect.New(param.typ).Elem()
		if err := r.NextBy(value, param.decode); err != nil {
			return nil, 0, err
		}
		in = append(in, value)
	}
	return in, r.Count() - last, nil
}

// HandlerError reports a function that can't be a handler. The mistake is in the program.
// The function is not registered.
type HandlerError struct {
	Event string // the name of the events for which it should be registered
	Func  string // the type of the function
	Why   string
	Fix   string // what to write instead
	At    string // file:line of the registration
}

// Error implements error.
func (e *HandlerError) Error() string {
	return fmt.Sprintf("%s: handler of event %q, a %s: %s; %s", e.At, e.Event, e.Func, e.Why, e.Fix)
}

// NameError reports an invalid name of an event.
type NameError struct {
	Name string
	Why  string
	At   string // file:line of the call of On or Emit
}

// Error implements error.
func (e *NameError) Error() string {
	return fmt.Sprintf("%s: event name %.64q: %s", e.At, e.Name, e.Why)
}

// The rules for the names of events.
const (
	maxName        = 255      // bytes; the wire has one byte for the length
	reservedPrefix = "smoke:" // for later messages between nodes
)

// checkName returns a *[NameError] if the name is invalid.
func checkName(name string) error {
	why := ""
	switch {
	case name == "":
		why = "it is empty"
	case len(name) > maxName:
		why = fmt.Sprintf("it is %d bytes long, and the limit is %d", len(name), maxName)
	case !utf8.ValidString(name):
		why = "it is not valid UTF-8"
	case strings.HasPrefix(name, reservedPrefix):
		why = `names that begin with "smoke:" are reserved`
	default:
		return nil
	}
	return &NameError{Name: name, Why: why, At: callSite()}
}

// callSite returns the file and line of the program that called this package.
func callSite() string {
	own := reflect.TypeFor[Event]().PkgPath() + "."
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, own) || strings.HasSuffix(frame.File, "_test.go") {
			return fmt.Sprintf("%s:%d", frame.File, frame.Line)
		}
		if !more {
			return "unknown place"
		}
	}
}
