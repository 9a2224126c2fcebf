package smoke

import (
	"context"
	"fmt"
	"slices"

	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// Broadcast reaches all nodes of the network. It belongs to a [Node], and all
// its methods may be called from any goroutine, before Start and after.
type Broadcast struct {
	node *Node
}

// Emit sends an event to every other node. The arguments are encoded at once,
// with msgpack; see [Event.Bind] for the other end. A node that has no
// neighbours yet keeps the event in its history. The event counts as emitted when the
// first neighbour takes it. If it leaves the history before, [Node.OnGap] says so, with
// this node's own id as Origin.
//
// The arguments are plain values, structs, slices, maps, times, errors, and types that
// encode themselves. What no receiver could read is an *[EncodeError]. The page
// docs/events.md lists what arrives, and json tags have no effect.
//
// Emit returns when the event waits in the history to be sent. It waits itself
// while too much does: for a neighbour of this node two seconds at most, since one
// that is slower than that catches up when it can; and for a moment now and then
// while others, anywhere, ask all who emit to emit less, because what they have to
// pass on or to handle grows. A node that has emitted little begins with 64 KiB at
// once and 128 KiB a second, and doubles that 20 times a second or so for as long
// as nobody asks for less.
//
// Errors: a *[NameError], an *[EncodeError], a [TooLargeError], [ErrNotStarted],
// [ErrStopped].
func (b *Broadcast) Emit(name string, args ...any) error {
	return b.EmitContext(context.Background(), name, args...)
}

// EmitContext is Emit with an end to its waiting, and with the headers that ctx has; see
// [ContextWithHeader]. When ctx ends first, nothing was sent, and the error is the
// context's. Headers that can't be sent are a *[HeaderError].
func (b *Broadcast) EmitContext(ctx context.Context, name string, args ...any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	body, err := b.node.encode(ctx, b.node.signature(name), name, args)
	if err != nil {
		return err
	}
	d, err := b.node.life()
	if err != nil {
		return err
	}
	return d.emit(ctx, body)
}

// On registers a handler for the events of one name, from all other nodes, that are
// emitted after this node's Start; see [Rewind] for what was emitted before. The
// handler is a function of any of these shapes, and it is checked here:
//
//	func()                              // that it happened
//	func(text string, n int)            // the arguments, decoded
//	func(e smoke.Event, text string)    // with name, origin and number
//	func(ctx context.Context, n int)    // with a context; before the Event, if there is one
//	func(e smoke.Event)                 // nothing decoded: e.Raw, e.Bind
//	func(e smoke.Event, rest ...string) // any number
//
// The handler is not called for an event with fewer arguments than it takes, or with one
// that does not fit: that is logged, and counted in [HandlerStats].Errors. Further
// arguments are left out: that is logged once, and counted in [HandlerStats].Surplus. A
// number that the type of the parameter does not hold does not fit, at any depth. An any
// gets int64, uint64 beyond its range, float64, bool, string, []byte, time.Time, []any,
// map[string]any, or map[any]any if a key is no string. The page docs/events.md lists
// all types.
//
// The context ends when the node is stopped. Events that are emitted with it have the
// headers of this one.
//
// The handler may return an error, which is logged. The returned function removes the
// handler. If the function does not fit any shape, that is logged at once,
// Start returns it as a *[HandlerError], and the handler is never called.
//
// See the function [On] for one with a type of your own, [TryOn] for one that returns
// the error, and [HandlerOption] for opts.
func (b *Broadcast) On(name string, fn any, opts ...HandlerOption) (off func()) {
	return register(b, name, fn, nil, newSettings(opts))
}

// Once is On for one event only: the next one that fits. A call that returns an error or
// panics counts.
func (b *Broadcast) Once(name string, fn any, opts ...HandlerOption) (off func()) {
	return register(b, name, fn, nil, newSettings(opts).withOnce())
}

// OnAny registers a handler for the events of all names.
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

// Off removes all handlers of a name.
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

// encode makes the body of an event with the headers of ctx, behind what is in dst.
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
