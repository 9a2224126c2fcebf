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

// What a handler may look like, and how one is made of a function.
//
// A handler is a function of any number of parameters. The first may be a
// context.Context, and the first or the one after the context an [Event]; each of the
// others takes one argument of the event, decoded, and a variadic one takes all the
// rest. It returns nothing, or an error, which is logged. A handler is not called if
// there are fewer arguments than it has parameters or if one does not fit: then the node
// logs an *[ArgumentError]. If there are more, they are left out; see
// [HandlerStats].Surplus.

// EventSource is where handlers can be registered: a [Broadcast] or a *[Peer]. Only this
// package implements it.
type EventSource interface {
	// listen registers a handler that has been compiled, with settings that have
	// no error.
	listen(name string, h emitter.Handler, s settings) (off func())
	// refuse reports a registration that failed: in the log now, and as a part
	// of what Start returns when the node has not been started.
	refuse(err error)
	// context returns the context for the call of a handler with an event.
	context(e Event) context.Context
	// surplus notes that an event had more arguments than a handler takes.
	surplus(e Event, takes, others int)
	// noteTags gets the type of each argument that a handler takes, to warn of its json tags.
	noteTags(t reflect.Type)
}

// On registers fn for the events of one name on a Broadcast or a *Peer, with
// the type of its argument known at compile time:
//
//	smoke.On(node.Broadcast(), "chat", func(e smoke.Event, m ChatMsg) { … })
//
// The returned function removes the handler. It may be called from any goroutine
// and more than once. A name, a type or an option that can't be used is reported
// as with the method On; [TryOn] returns it. The page docs/events.md lists what fits
// into which type.
func On[T any](l EventSource, name string, fn func(Event, T), opts ...HandlerOption) (off func()) {
	return register(l, name, fn, typedHandler(l, fn), newSettings(opts))
}

// Once is [On] for one event only: the next one that fits.
func Once[T any](l EventSource, name string, fn func(Event, T), opts ...HandlerOption) (off func()) {
	return register(l, name, fn, typedHandler(l, fn), newSettings(opts).withOnce())
}

// typedHandler is what On makes of a function, without reflection for each call. It is
// nil for the types that compileHandler has a shorter way for, and for those that it
// refuses.
func typedHandler[T any](l EventSource, fn func(Event, T)) emitter.Handler {
	switch any(fn).(type) {
	case func(Event, string), func(Event, []byte):
		return nil
	}
	if codec.DecodeFault(reflect.TypeFor[T]()) != "" {
		return nil
	}
	// Handlers of one registration run one after another, so one value will do
	// for all events, if nothing of one is left for the next.
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

// register is what the methods On and Once do. It reports an error of tryRegister to
// the listener.
func register(l EventSource, name string, fn any, typed emitter.Handler, s settings) (off func()) {
	off, err := tryRegister(l, name, fn, typed, s)
	if err != nil {
		l.refuse(err)
		return func() {}
	}
	return off
}

// tryRegister compiles fn and registers it with the listener. If typed is not nil, it
// takes the place of the compiled handler. Errors are *[NameError] and *[HandlerError].
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

// compileHandler makes a handler of a function. Its errors are *[NameError] and
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

// textHandler makes a handler of a function that takes one string or bytes. What it gets
// is a part of the event.
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

// handlerFault says why fn can be no handler and what to write instead.
func handlerFault(fn any) (why, fix string) {
	const write = "write func(e smoke.Event, text string), with the types of the arguments that were emitted"
	v := reflect.ValueOf(fn)
	switch {
	case fn == nil:
		return "it is nil", write
	case v.Kind() != reflect.Func:
		return "it is no function", write
	case v.IsNil():
		return "it is a nil function", write
	}
	t := v.Type()
	lead := 0 // parameters that are no arguments
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
			return fmt.Sprintf("parameter %d is a *smoke.Event, and an event is a value", n+1), write
		}
		if why, fix := paramFault(in); why != "" {
			return fmt.Sprintf("parameter %d %s", n+1, why), fix
		}
	}
	if t.NumOut() > 1 || t.NumOut() == 1 && t.Out(0) != reflect.TypeFor[error]() {
		return "it returns something else than nothing or an error", "return nothing, or one error, which is logged"
	}
	return "", ""
}

// paramFault says why no argument can be decoded into a parameter, and what to do.
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

// shape is what a handler's parameters take.
type shape struct {
	takesContext, takesEvent bool
	lead                     int     // how many of these two
	params                   []param // for the arguments, the variadic one apart
	rest                     *param  // for the elements of the variadic one, or nil
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

// reflected makes a handler of any function that has no fault.
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
			return out[0].Interface().(error)
		}
		return nil
	}
}

// decode makes the values to call a handler with. It returns how many arguments there
// are besides. Errors are those of package args.
func (s *shape) decode(l EventSource, event Event) (in []reflect.Value, others int, err error) {
	in = make([]reflect.Value, 0, s.lead+len(s.params))
	if s.takesContext {
		in = append(in, reflect.ValueOf(l.context(event)))
	}
	if s.takesEvent {
		in = append(in, reflect.ValueOf(event))
	}
	if len(s.params) == 0 && s.rest == nil {
		return in, 0, nil // it takes no arguments: they are not looked at
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

// HandlerError says that a function can be no handler. It is a mistake in the
// program; nothing is registered.
type HandlerError struct {
	Event string // the name that it was to be registered for
	Func  string // its type
	Why   string
	Fix   string // what to write instead
	At    string // file:line of the registration
}

// Error implements error.
func (e *HandlerError) Error() string {
	return fmt.Sprintf("%s: handler of event %q, a %s: %s; %s", e.At, e.Event, e.Func, e.Why, e.Fix)
}

// NameError says that an event can't have that name.
type NameError struct {
	Name string
	Why  string
	At   string // file:line of the registration, or of the emitting
}

// Error implements error.
func (e *NameError) Error() string {
	return fmt.Sprintf("%s: event name %.64q: %s", e.At, e.Name, e.Why)
}

// The rules for the names of events.
const (
	maxName        = 255      // bytes; one byte on the wire counts them
	reservedPrefix = "smoke:" // for what nodes may have to tell each other one day
)

// checkName reports, as a *[NameError], why an event can't have that name.
func checkName(name string) error {
	why := ""
	switch {
	case name == "":
		why = "it is empty"
	case len(name) > maxName:
		why = fmt.Sprintf("it is %d bytes long, and %d are the most", len(name), maxName)
	case !utf8.ValidString(name):
		why = "it is no valid UTF-8"
	case strings.HasPrefix(name, reservedPrefix):
		why = `names that begin with "smoke:" are reserved`
	default:
		return nil
	}
	return &NameError{Name: name, Why: why, At: callSite()}
}

// callSite gives the file and line in the program from which this package was
// called.
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
