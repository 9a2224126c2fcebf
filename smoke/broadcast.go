package smoke

import (
	"context"
	"fmt"
	"slices"

	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// Broadcast sends events to all nodes of the network and receives theirs.
// [Node.Broadcast] returns it. All methods may be called from any goroutine, before Start
// and after.
type Broadcast struct {
	node *Node
}

// Emit sends an event to all other nodes. It encodes the arguments at once, with msgpack;
// [Event.Bind] describes the other end. A node without neighbours keeps the event in its
// history until a neighbour takes it. If the event leaves the history before,
// [Node.OnGap] reports it, with this node's ID as Origin.
//
// Arguments can be plain values, structs, slices, maps, times, errors, and types that
// encode themselves. If no receiver could decode an argument, Emit returns an
// *[EncodeError]. The page docs/events.md lists the types; json tags have no effect.
//
// Emit returns when the event is in the history. Backpressure can delay it: it waits for
// a slow neighbour of this node, for two seconds at most. It also waits, for short times,
// while any node of the network asks all emitters to emit less. These waits together have
// no limit but the context of [Broadcast.EmitContext]. A node that has emitted
// little can emit 64 KiB at once and 128 KiB a second. That rate doubles about 20 times a
// second while no node asks for less.
//
// Errors: a *[NameError], an *[EncodeError], a [TooLargeError], [ErrNotStarted],
// [ErrStopped].
func (b *Broadcast) Emit(name string, args ...any) error {
	return b.EmitContext(context.Background(), name, args...)
}

// EmitContext is like Emit, with a context. The context limits the waiting, and its headers
// travel with the event; see [ContextWithHeader]. If ctx ends first, no event is sent, and
// EmitContext returns the error of ctx. If headers can't be sent, it returns a
// *[HeaderError].
func (b *Broadcast) EmitContext(ctx context.Context, name string, args ...any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	body, err := b.node.encode(ctx, b.node.signing.Blank(name), name, args)
	if err != nil {
		return err
	}
	l, err := b.node.life()
	if err != nil {
		return err
	}
	return l.driver.Emit(ctx, body)
}

// On registers a handler for the events of one name that other nodes emit after this
// node's Start; see [Rewind] for earlier events. The handler is a function of one of
// these shapes:
//
//	func()                              // no arguments
//	func(text string, n int)            // the arguments, decoded
//	func(e smoke.Event, text string)    // with name, origin and number
//	func(ctx context.Context, n int)    // with a context; before the Event, if there is one
//	func(e smoke.Event)                 // not decoded: e.Raw, e.Bind
//	func(e smoke.Event, rest ...string) // any number of arguments
//
// The handler is not called if the event has fewer arguments than parameters, or if an
// argument does not fit. The node logs that and counts it in [HandlerStats].Errors.
// Further arguments are ignored; the node logs that once for each name and counts it in
// [HandlerStats].Surplus. A number fits only if the type of the parameter can hold it, at
// any depth. A parameter of type any gets an int64, or a uint64 above its range, a
// float64, bool, string, []byte, time.Time, []any, map[string]any, or a map[any]any if a
// key is not a string. The page docs/events.md lists all types.
//
// The context ends when the node stops. Events that are emitted with it get the headers
// of this event.
//
// The handler may return an error. The node logs the errors of handlers at most once in
// ten seconds for each event name, with the field "repeated" for the number left out, and
// counts each in [HandlerStats].Errors.
//
// The returned function removes the handler. If the function has another shape, the node
// logs that at once, and the handler is never called. The next Start returns it as a
// *[HandlerError], if the node did not run.
//
// The function [On] checks the type of the argument when the program is compiled. [TryOn]
// returns the error. [HandlerOption] lists the options.
func (b *Broadcast) On(name string, fn any, opts ...HandlerOption) (off func()) {
	return register(b, name, fn, nil, newSettings(opts))
}

// Once is like On, for one event only: the next one that fits, even if the handler then
// returns an error or panics.
func (b *Broadcast) Once(name string, fn any, opts ...HandlerOption) (off func()) {
	return register(b, name, fn, nil, newSettings(opts).withOnce())
}

// OnAny registers a handler for the events of all names. The returned function removes
// it. The arguments are not decoded: use e.Bind or e.Raw.
func (b *Broadcast) OnAny(fn func(Event), opts ...HandlerOption) (off func()) {
	return onAny(b, fn, newSettings(opts), func(h emitter.Handler, s emitter.Settings) (off func()) {
		off, ok := b.node.listenToPast(s, func(s emitter.Settings, past []emitter.Run) (off func()) {
			return b.node.events.ReplayAny(h, s, past)
		})
		if !ok {
			off = b.node.events.RegisterAny(h, s)
		}
		return off
	})
}

// Off removes all handlers of a name, but not those of OnAny.
func (b *Broadcast) Off(name string) { b.node.events.Off(name) }

func (b *Broadcast) refuse(err error) { b.node.refuse(err) }

func (b *Broadcast) listen(name string, h emitter.Handler, s settings) (off func()) {
	off, ok := b.node.listenToPast(s.Settings, func(s emitter.Settings, past []emitter.Run) (off func()) {
		return b.node.events.Replay(name, h, s, past)
	})
	if !ok {
		off = b.node.events.Register(name, h, s.Settings)
	}
	return off
}

func onAny(l EventSource, fn func(Event), s settings, register func(emitter.Handler, emitter.Settings) (off func())) (off func()) {
	if fn == nil {
		return func() {}
	}
	if s.check(l); s.why != "" {
		l.refuse(&HandlerError{Func: fmt.Sprintf("%T", fn), Why: s.why, Fix: s.fix, At: callSite()})
		return func() {}
	}
	return register(func(ev *emitter.Event) error {
		fn(newEvent(ev))
		return nil
	}, s.Settings)
}

// encode appends the body of an event, with the headers of ctx, to dst.
func (n *Node) encode(ctx context.Context, dst []byte, name string, args []any) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	headers := headersIn(ctx)
	if headers.err != nil {
		return nil, headers.err
	}
	payload, err := encodeArgs(wire.AppendHeaders(nil, headers.list), args...)
	if err != nil {
		return nil, err
	}
	n.noteArgTags(args)
	if limit := n.opts.MaxPayload; len(payload) > limit {
		return nil, TooLargeError{Size: len(payload), Limit: limit}
	}
	return wire.AppendBody(slices.Grow(dst, 1+len(name)+len(payload)), name, payload)
}
