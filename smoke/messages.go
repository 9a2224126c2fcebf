package smoke

import (
	"context"
	"iter"
	"sync/atomic"

	"github.com/smokesignal-go/smokesignal/internal/emitter"
)

// messagesQueue is how many events wait for a loop over Messages that has no Queue.
const messagesQueue = 1024 // a guess: a second of brisk traffic

// Messages is [On] for a loop: it returns the events of one name, from a Broadcast or a
// *Peer, with the argument decoded as for On.
//
//	for e, m := range smoke.Messages[ChatMsg](ctx, node.Broadcast(), "chat") { … }
//
// The call registers, so the loop gets events that arrive between the call and the loop.
// They wait in a queue of their own, for 1,024 events or as many as the option [Queue]
// sets. If it is full, the oldest events are dropped, as with [Queue]. A slow loop delays
// no other handler. Events that do not fit M are skipped, counted and logged like those
// that do not fit a handler.
//
// The loop ends when its body breaks, when ctx ends, when the node stops, when a *Peer is
// gone, and with the method Off for that name. Before a stop or the end of a Peer ends
// the loop, it gets the events that the node already had. Stop and Shutdown wait for
// that, and count what is left. So a Stop in the body of the loop waits for its full time
// if further events are there. If no loop ranges over the result, the end of ctx removes
// the registration. A second loop over the same result registers anew when it begins.
//
// A loop inside a handler or hook would block the goroutine that delivers the events: the
// node logs that, and the loop ends at once. Give the handler a [Queue], or start a
// goroutine. A name, type or option that can't be used is reported as with On, and the
// loop ends at once.
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
			*last = decoded[M]{} // the loop alone keeps it
			return yield(e, m)
		})
	}
}

// decoded is what a decoder has made of an event.
type decoded[M any] struct {
	event   Event
	message M
}

// newDecoder makes a handler that leaves the event in last.
func newDecoder[M any](l EventSource, name string, s settings) (decode emitter.Handler, last *decoded[M], err error) {
	last = new(decoded[M])
	fn := func(e Event, m M) { *last = decoded[M]{e, m} }
	c := &catcher{EventSource: l}
	_, err = tryRegister(c, name, fn, typedHandler(l, fn), s)
	return c.handler, last, err
}

// catcher is an EventSource that keeps the handler that was compiled for another one.
type catcher struct {
	EventSource
	handler emitter.Handler
}

func (c *catcher) listen(_ string, h emitter.Handler, _ settings) (off func()) {
	c.handler = h
	return func() {}
}

// inbox is what the loops over one result of Messages have in common.
type inbox struct {
	subscribe func() *emitter.Mailbox
	refuse    func(error)
	first     atomic.Pointer[emitter.Mailbox] // of the first loop, until it begins
	abandon   func() bool                     // the end of the context is not to close first any more
	name      string
}

func newInbox(ctx context.Context, l EventSource, name string, s emitter.Settings) *inbox {
	if s.Queue == 0 {
		s.Queue = messagesQueue
	}
	in := &inbox{name: name, refuse: l.refuse, subscribe: func() *emitter.Mailbox { return subscribe(l, name, s) }}
	first := in.subscribe()
	in.first.Store(first)
	in.abandon = context.AfterFunc(ctx, first.Close) // for a loop that never begins
	return in
}

// loop takes events until one of the ends that Messages lists, and calls yield after
// each that fits.
func (in *inbox) loop(ctx context.Context, decode emitter.Handler, yield func() bool) {
	if emitter.InsideShared() {
		in.refuse(&HandlerError{
			Event: in.name, Func: "loop over Messages", Why: "it is inside a handler, which holds up the handlers that bring the messages",
			Fix: "give that handler a smoke.Queue, or begin a goroutine for the loop", At: callSite(),
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
		box := l.events.Subscribe(name, s)
		if l.isGone() && !l.events.Do(l.events.Finish) {
			box.Close()
		}
		return box
	}
	panic("smoke: an EventSource is a Broadcast or a Peer")
}
