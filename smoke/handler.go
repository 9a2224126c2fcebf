package smoke

import (
	"bytes"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"unicode/utf8"

	"github.com/smokesignal-go/smokesignal/internal/emitter"
)

// What a handler may look like, and how one is made of a function.
//
// A handler is a function of any number of parameters. The first may be an
// [Event]; each of the others takes one argument of the event, decoded, and a
// variadic one takes all the rest. It returns nothing, or an error, which is
// logged. A handler is not called when there are fewer arguments than it has
// parameters or when one does not fit, and the node is told by an
// *[ArgumentError]; arguments that nobody asks for are ignored.

// Listener is what events can be listened to on: a Broadcast or a *Peer. It is
// implemented in this package only.
type Listener interface {
	// listen registers a handler that has been compiled, with settings that have
	// no error.
	listen(name string, h emitter.Handler, s settings) (off func())
	// refuse reports a registration that failed: in the log now, and as a part
	// of what Start returns when the node has not been started.
	refuse(err error)
}

// On registers fn for the events of one name on a Broadcast or a *Peer, with
// the type of its argument known at compile time:
//
//	smoke.On(node.Broadcast(), "chat", func(e smoke.Event, m ChatMsg) { … })
//
// The returned function removes the handler. It may be called from any goroutine
// and more than once. A name, a type or an option that can't be used is reported
// as with the method On; [TryOn] returns it.
func On[T any](l Listener, name string, fn func(Event, T), opts ...HandlerOption) (off func()) {
	return register(l, name, fn, typedHandler(fn), newSettings(opts))
}

// Once is [On] for one event only.
func Once[T any](l Listener, name string, fn func(Event, T), opts ...HandlerOption) (off func()) {
	return register(l, name, fn, typedHandler(fn), newSettings(opts).withOnce())
}

// typedHandler is what On makes of a function, without reflection for each call.
// It is nil for the types that compileHandler has a shorter way for.
func typedHandler[T any](fn func(Event, T)) emitter.Handler {
	switch any(fn).(type) {
	case func(Event, string), func(Event, []byte):
		return nil
	}
	// Handlers of one registration run one after another, so one value will do
	// for all events, if nothing of one is left for the next.
	value, none := new(T), *new(T)
	isNumber := reflect.ValueOf(value).Elem().CanInt() || reflect.ValueOf(value).Elem().CanUint()
	return func(e emitter.Event) error {
		event := newEvent(e)
		args, err := openArguments(event)
		if err != nil {
			return err
		}
		if err = args.need(1); err == nil {
			*value = none
			if isNumber {
				err = args.next(reflect.ValueOf(value).Elem())
			} else {
				err = args.nextInto(value)
			}
		}
		args.close()
		if err == nil {
			fn(event, *value)
		}
		return err
	}
}

// register is what the methods On and Once do. It reports an error of tryRegister to
// the listener.
func register(l Listener, name string, fn any, typed emitter.Handler, s settings) (off func()) {
	off, err := tryRegister(l, name, fn, typed, s)
	if err != nil {
		l.refuse(err)
		return func() {}
	}
	return off
}

// tryRegister compiles fn and registers it with the listener. If typed is not nil, it
// takes the place of the compiled handler. Errors are *[NameError] and *[HandlerError].
func tryRegister(l Listener, name string, fn any, typed emitter.Handler, s settings) (off func(), err error) {
	handler, err := compileHandler(name, fn)
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
func compileHandler(name string, fn any) (emitter.Handler, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if why, fix := handlerFault(fn); why != "" {
		return nil, &HandlerError{Event: name, Func: fmt.Sprintf("%T", fn), Why: why, Fix: fix, At: callSite()}
	}
	switch fn := fn.(type) {
	case func():
		return func(emitter.Event) error { fn(); return nil }, nil
	case func(Event):
		return func(e emitter.Event) error { fn(newEvent(e)); return nil }, nil
	case func(string):
		return func(e emitter.Event) error {
			event := newEvent(e)
			s, err := oneString(event, "string")
			if err == nil {
				fn(string(s))
			}
			return err
		}, nil
	case func(Event, string):
		return func(e emitter.Event) error {
			event := newEvent(e)
			s, err := oneString(event, "string")
			if err == nil {
				fn(event, string(s))
			}
			return err
		}, nil
	case func(Event, []byte):
		return func(e emitter.Event) error {
			event := newEvent(e)
			s, err := oneString(event, "[]uint8")
			if err == nil {
				fn(event, bytes.Clone(s))
			}
			return err
		}, nil
	}
	return reflected(reflect.ValueOf(fn)), nil
}

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
	for n := range t.NumIn() {
		in := t.In(n)
		if n == t.NumIn()-1 && t.IsVariadic() {
			in = in.Elem()
		}
		if in == reflect.TypeFor[Event]() {
			if n > 0 || t.IsVariadic() && t.NumIn() == 1 {
				return "smoke.Event can only be the first parameter, once", write
			}
			continue
		}
		if fault := inspect(in, toDecode).fault; fault != "" {
			return fmt.Sprintf("parameter %d can't be decoded: %s", n+1, fault),
				"take a type of plain values, structs, slices and maps"
		}
	}
	if t.NumOut() > 1 || t.NumOut() == 1 && t.Out(0) != reflect.TypeFor[error]() {
		return "it returns something else than nothing or an error", "return nothing, or one error, which is logged"
	}
	return "", ""
}

// reflected makes a handler of any function that has no fault.
func reflected(fn reflect.Value) emitter.Handler {
	t := fn.Type()
	takesEvent := t.NumIn() > 0 && t.In(0) == reflect.TypeFor[Event]()
	var params []reflect.Type // of the arguments, the variadic one apart
	var rest reflect.Type     // of the elements of the variadic one, or nil
	for n := range t.NumIn() {
		switch {
		case n == 0 && takesEvent:
		case n == t.NumIn()-1 && t.IsVariadic():
			rest = t.In(n).Elem()
		default:
			params = append(params, t.In(n))
		}
	}
	return func(e emitter.Event) error {
		event := newEvent(e)
		in, err := decodeParams(event, takesEvent, params, rest)
		if err != nil {
			return err
		}
		out := fn.Call(in)
		if len(out) == 1 && !out[0].IsNil() {
			return out[0].Interface().(error)
		}
		return nil
	}
}

// decodeParams makes the values to call a handler with.
func decodeParams(event Event, takesEvent bool, params []reflect.Type, rest reflect.Type) ([]reflect.Value, error) {
	args, err := openArguments(event)
	if err != nil {
		return nil, err
	}
	defer args.close()
	if err := args.need(len(params)); err != nil {
		return nil, err
	}
	in := make([]reflect.Value, 0, 1+len(params))
	if takesEvent {
		in = append(in, reflect.ValueOf(event))
	}
	last := len(params)
	if rest != nil {
		last = args.count
	}
	for n := range last {
		param := rest
		if n < len(params) {
			param = params[n]
		}
		value := reflect.New(param).Elem()
		if err := args.next(value); err != nil {
			return nil, err
		}
		in = append(in, value)
	}
	return in, nil
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

// Error gives the sentence.
func (e *HandlerError) Error() string {
	return fmt.Sprintf("%s: handler of event %q, a %s: %s; %s", e.At, e.Event, e.Func, e.Why, e.Fix)
}

// NameError says that an event can't have that name.
type NameError struct {
	Name string
	Why  string
	At   string // file:line of the registration, or of the emitting
}

// Error gives the sentence.
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
