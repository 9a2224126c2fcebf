package smoke

import (
	"fmt"
	"reflect"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/args"
	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// Event is one event as a handler gets it. It is a small value that can be copied. Its
// methods may be called from any goroutine.
//
// The node owns the bytes of the arguments. A handler may keep an Event, which keeps
// these bytes in memory.
type Event struct {
	Name   string
	Origin ID // the node that emitted it, not a relay

	// Epoch identifies the life (Start to Stop) of the origin. It is higher in each later
	// life. It is 0 for an event of [Peer.Emit].
	Epoch  uint64
	Seq    uint64 // numbers the events of this life of the origin, from 1
	Signed bool   // Origin has signed it; see [Options.Signed]

	via     *ID // nil if the node does not know it any more
	born    emitter.Moment
	payload []byte // headers, if any, and a msgpack array of the arguments; not checked yet
}

// newEvent converts an event of the emitter to one for handlers.
func newEvent(e *emitter.Event) Event {
	return Event{Name: e.Name, Origin: e.Origin, Epoch: e.Epoch, Seq: e.Seq, Signed: e.Signed, via: e.Via, born: e.Born, payload: e.Payload}
}

// Via returns the neighbour that delivered the event. For an event of this node ([Echo])
// that is its own ID, for an event of [Peer.Emit] the ID of the peer. Via is zero if the
// node does not know the neighbour any more.
func (e Event) Via() ID {
	if e.via == nil {
		return ID{}
	}
	return *e.via
}

// Age returns the time since the event was emitted, including the time that it waited for
// this handler. Each node on the way adds the time that it held the event, so no clocks
// are compared. The travel time between nodes is not included. Age can be 5 ms too high,
// because events that are emitted within 5 ms share one age. If the origin had no neighbour
// when it emitted, the age counts from its first neighbour. For an event of [Peer.Emit],
// it counts from the arrival. A node on the way can forge the age, even of a signed event.
func (e Event) Age() time.Duration { return e.born.Age() }

// Raw returns the arguments as they arrived, a msgpack array, without a check or a copy.
// The bytes must not be changed, since other handlers read them too. They stay valid
// while the program refers to them. A program that keeps only a part should copy that
// part.
//
// Emit(name, event.Raw()) forwards the arguments unchanged, without the headers. To
// decode them use [Event.Bind], which checks them first: another node wrote them, and a
// few bytes can make a msgpack decoder allocate all memory.
func (e Event) Raw() Raw { return argumentsOf(e.payload) }

// argumentsOf returns the bytes behind the headers. It takes the payload instead of the
// Event, because copying an Event would take most of the time. It is not inlined, so that
// Raw can be.
//
//go:noinline
func argumentsOf(payload []byte) Raw {
	_, args, err := wire.SplitHeaders(payload)
	if err != nil {
		return payload // not a list of arguments: Bind returns the error
	}
	return args
}

// Len returns the number of arguments that the origin claims. It returns 0 if the bytes
// are not a list of arguments.
func (e Event) Len() int {
	return args.Count(argumentsOf(e.payload))
}

// Bind decodes the first arguments into the values that ptrs point to, in order, and
// ignores further arguments. Decoded values share no memory with the event. If there are
// fewer arguments than pointers, or one does not fit, Bind returns an *[ArgumentError],
// which matches [ErrArguments]. The values before that argument are set then.
//
// The rules are those for a parameter of a handler; see [Broadcast.On]. Struct fields and
// map entries without a counterpart in the argument keep their value. If an any holds a
// pointer, Bind decodes into the value that it points to.
func (e Event) Bind(ptrs ...any) error {
	if err := e.bind(ptrs); err != nil {
		return argumentError(e.Name, e.Origin, err)
	}
	return nil
}

// bind is Bind with errors of package args.
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
