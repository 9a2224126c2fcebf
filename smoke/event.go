package smoke

import (
	"fmt"
	"reflect"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/args"
	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// Event is one event as a handler gets it. It is a small value: copy it freely.
// Its methods may be called from any goroutine.
//
// The bytes of its arguments belong to the node. A handler that keeps an Event
// for later keeps these bytes in memory with it, and that is allowed.
type Event struct {
	Name   string
	Origin ID     // the node that emitted it, however many nodes it came through
	Epoch  uint64 // which life of the origin: higher in each later one; 0 for an event of [Peer.Emit]
	Seq    uint64 // counts what the origin emitted in this life of it, from 1
	Signed bool   // Origin has signed it; see [Options.Signed]

	via     *ID // nil where that is not known any more
	born    emitter.Moment
	payload []byte // headers, if there are any, and a msgpack array of the arguments; unchecked
}

// newEvent makes what handlers get of what the emitter carries.
func newEvent(e *emitter.Event) Event {
	return Event{Name: e.Name, Origin: e.Origin, Epoch: e.Epoch, Seq: e.Seq, Signed: e.Signed, via: e.Via, born: e.Born, payload: e.Payload}
}

// Via is the neighbour that brought the event: this node's own id for an own event
// ([Echo]), the peer's for an event of [Peer.Emit], and zero if the node does not know it
// any more.
func (e Event) Via() ID {
	if e.via == nil {
		return ID{}
	}
	return *e.via
}

// Age is how long ago the event was emitted, at the moment of the call: the time that
// it waited for this handler counts. Each node on the way adds for how long it had the
// event, and no clocks are compared; so Age lacks what the event took between two
// nodes, and it can be 5 ms too high, because events that are emitted at once share
// one age. What was emitted while its origin had no neighbour counts from when the
// first one came. For an event of [Peer.Emit], Age counts from its arrival. A node on
// the way can forge it, also where the event is signed.
func (e Event) Age() time.Duration { return e.born.Age() }

// Raw gives the arguments as they came, a msgpack array, without looking at
// them. It costs nothing. The bytes must not be changed, since others read them
// too; they stay valid for as long as somebody holds them, and whoever wants to
// hold a part of them only should copy that part.
//
// Emit(name, event.Raw()) passes the arguments on as they are, without the headers. To decode them
// use [Event.Bind], which checks them first: they were written by another node,
// and the decoders of msgpack can be made to take all memory by a few bytes.
func (e Event) Raw() Raw { return argumentsOf(e.payload) }

// argumentsOf returns what is behind the headers. It takes the payload, and not the
// Event, because to copy one costs more than the rest; and it is not inlined, so that Raw
// is.
//
//go:noinline
func argumentsOf(payload []byte) Raw {
	_, args, err := wire.SplitHeaders(payload)
	if err != nil {
		return payload // which is no arguments at all, as Bind will say
	}
	return args
}

// Len is the number of arguments, as the origin claims it. It is 0 where the
// bytes are no arguments at all.
func (e Event) Len() int {
	return args.Count(argumentsOf(e.payload))
}

// Bind decodes the first arguments into what ptrs point to, in their order;
// further arguments are left alone. What is decoded does not share memory with
// the event. It returns an *[ArgumentError], which is [ErrArguments], where
// there are fewer arguments than pointers, or one does not fit. The pointers
// before that one are filled then.
//
// What fits is the same as for a parameter of a handler; see [Broadcast.On]. Fields of a
// struct and entries of a map that do not arrive keep their value. An any that holds a
// pointer is not replaced: the argument is decoded into what the pointer points to.
func (e Event) Bind(ptrs ...any) error {
	if err := e.bind(ptrs); err != nil {
		return argumentError(e.Name, e.Origin, err)
	}
	return nil
}

// bind is Bind with the errors of package args.
func (e Event) bind(ptrs []any) error {
	r, err := args.Open(e.payload)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := r.Need(len(ptrs)); err != nil {
		return err
	}
	for _, ptr := range ptrs {
		v := reflect.ValueOf(ptr)
		if v.Kind() != reflect.Pointer || v.IsNil() {
			return r.Fail("a pointer to decode into", fmt.Sprintf("a %T in the call of Bind", ptr), nil)
		}
		if err := r.Next(v.Elem()); err != nil {
			return err
		}
	}
	return nil
}
