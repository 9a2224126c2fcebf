package smoke

import (
	"context"
	"iter"
	"sync/atomic"

	"github.com/smokesignal-go/smokesignal/internal/emitter"
)

// messagesQueue is the size of the queue, in events, of a loop over Messages without the
// option Queue.
const messagesQueue = 1024 // a guess: a second of brisk traffic

// Messages is like [On], for a loop: it returns the events of one name, from a Broadcast or
// a *Peer, with the argument decoded as for On.
//
//	for e, m := range smoke.Messages[ChatMsg](ctx, node.Broadcast(), "chat") { … }
//
// The events are queued from the call of Messages on, so events that arrive between the
// call and the loop are not lost. The queue holds 1,024 events, or as many as the option
// [Queue] sets. If it is full, the oldest events are dropped, as with [Queue]. A slow
// loop delays no other handler. Events that do not fit M are skipped, counted and logged
// like those that do not fit a handler.
//
// The loop ends when its body breaks, when ctx ends, when the node stops, when a *Peer is
// gone, and with the method Off for that name. If the node stops or the Peer is gone, the
// loop first gets the events that the node already had. Stop and Shutdown wait for that,
// and count what is left. So a Stop in the body of the loop waits for its full time if
// further events are queued. If no loop ranges over the result, the end of ctx removes
// the registration. A second loop over the same result registers again when it begins.
//
// A loop inside a handler or hook would block the goroutine that delivers the events. In
// that case the node logs an error, and the loop ends at once. Give the handler a
// [Queue], or start a goroutine for the loop. An invalid name, type or option is reported
// as by On, and the loop ends at once.
func Messages[M any](ctx context.Context, l EventSource, name string, opts ...HandlerOption) iter.Seq2[Event, M] {
	s := newSettings(opts)
	s.check(l)
	if _, _, err := newDecoder[M](l, name, s); err != nil {
		l.refuse(err)
		return func(func(Event, M) bool) {}
	}
	in := newInbox(ctx, l, name, s.Settings)
	return func(yield func(Event, M) bool) {
		decode, last, _ := newDecoder[M](l, name, s)
		in.loop(ctx, decode, func() bool {
			e, m := last.event, last.message
			*last = decoded[M]{} // only the body of the loop refers to the event now
			return yield(e, m)
		})
	}
}

// decoded is an event and its argument.
type decoded[M any] struct {
	event   Event
	message M
}

// newDecoder returns a handler that stores each event in last.
func newDecoder[M any](l EventSource, name string, s settings) (decode emitter.Handler, last *decoded[M], err error) {
	last = new(decoded[M])
	fn := func(e Event, m M) { *last = decoded[M]{e, m} }
	c := &catcher{EventSource: l}
	_, err = tryRegister(c, name, fn, typedHandler(l, fn), s)
	return c.handler, last, err
}

// catcher is an EventSource that stores a compiled handler instead of registering it.
type catcher struct {
	EventSource
	handler emitter.Handler
}

func (c *catcher) listen(_ string, h emitter.Handler, _ settings) (off func()) {
	c.handler = h
	return func() {}
}

// inbox is the shared state of all loops over one result of Messages.
type inbox struct {
	subscribe func() *emitter.Mailbox
	refuse    func(error)
	first     atomic.Pointer[emitter.Mailbox] // for the first loop; nil after that has begun
	abandon   func() bool                     // cancels the AfterFunc that closes first when the context ends
	name      string
}

func newInbox(ctx context.Context, l EventSource, name string, s emitter.Settings) *inbox {
	if s.Queue == 0 {
		s.Queue = messagesQueue
	}
	in := &inbox{name: name, refuse: l.refuse, subscribe: func() *emitter.Mailbox { return subscribe(l, name, s) }}
	first := in.subscribe()
	in.first.Store(first)
	in.abandon = context.AfterFunc(ctx, first.Close) // closes the mailbox if no loop has begun when ctx ends
	return in
}

// loop takes events and calls yield after each one that fits. It returns at the first of
// the ends that Messages lists.
func (in *inbox) loop(ctx context.Context, decode emitter.Handler, yield func() bool) {
	if emitter.InsideShared() {
		in.refuse(&HandlerError{
			Event: in.name, Func: "loop over Messages", Why: "it is inside a handler, and blocks the goroutine that delivers the messages",
			Fix: "give that handler a smoke.Queue, or start a goroutine for the loop", At: callSite(),
		})
		return
	}
	box := in.first.Swap(nil)
	if box == nil {
		box = in.subscribe()
	}
	in.abandon()
	defer box.Close()
	for {
		e, ok := box.Next(ctx)
		if !ok {
			return
		}
		if err := decode(&e); err != nil {
			box.Fail(e.Name, err)
			continue
		}
		if !yield() {
			return
		}
	}
}

// subscribe registers a mailbox.
func subscribe(l EventSource, name string, s emitter.Settings) *emitter.Mailbox {
	switch l := l.(type) {
	case *Broadcast:
		var box *emitter.Mailbox
		_, ok := l.node.listenToPast(s, func(s emitter.Settings, past []emitter.Run) (off func()) {
			box = l.node.events.SubscribePast(name, s, past)
			return nil
		})
		if ok {
			return box
		}
		return l.node.events.Subscribe(name, s)
	case *Peer:
		events := l.neighbour.Events()
		box := events.Subscribe(name, s)
		if !l.Gone().IsZero() && !events.Do(events.Finish) {
			box.Close()
		}
		return box
	}
	panic("smoke: an EventSource is a Broadcast or a Peer")
}
