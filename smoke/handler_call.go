package smoke

import (
	"context"
	"reflect"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/args"
	"github.com/smokesignal-go/smokesignal/internal/codec"
	"github.com/smokesignal-go/smokesignal/internal/logging"
)

// This file has the work of a node around the call of a handler: it makes the context, and
// logs arguments that the handler does not take.

func (b *Broadcast) context(e Event) context.Context { return b.node.handlerContext(e) }

func (p *Peer) context(e Event) context.Context { return withHeaders(p.neighbour.Context(), e) }

func (b *Broadcast) surplus(e Event, takes, others int) { b.node.noteSurplus(e, takes, others) }

func (p *Peer) surplus(e Event, takes, others int) { p.node.noteSurplus(e, takes, others) }

func (b *Broadcast) noteTags(t reflect.Type) { b.node.noteTags(t) }

func (p *Peer) noteTags(t reflect.Type) { p.node.noteTags(t) }

// ended is the context of calls while the node is not running.
var ended = func() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(ErrStopped)
	return ctx
}()

// handlerContext returns a context that ends when the node stops.
func (n *Node) handlerContext(e Event) context.Context {
	l, err := n.life()
	if err != nil {
		return withHeaders(ended, e)
	}
	return withHeaders(l.driver.Context(), e)
}

// withHeaders returns a context that holds the headers of an event, so that EmitContext
// sends them.
func withHeaders(ctx context.Context, e Event) context.Context {
	if list := e.headers(); len(list) > 0 {
		return context.WithValue(ctx, headersKey{}, headers{list: list})
	}
	return ctx
}

// mostSurplusNames bounds the number of event names that noteSurplus logs. A program can
// make up names without end.
const mostSurplusNames = 1024 // a guess: more than an operator reads

// noteSurplus counts a call with more arguments than the handler takes. It logs the first
// such call for each name.
func (n *Node) noteSurplus(e Event, takes, others int) {
	if n.counters.surplus.Add(1); n.counters.surplusLogged.Load() >= mostSurplusNames {
		return
	}
	if _, known := n.counters.surplusNames.LoadOrStore(e.Name, struct{}{}); !known {
		n.counters.surplusLogged.Add(1)
		n.log.About(e.Name).Warn("an event has more arguments than its handler takes; they are ignored, and further such events are only counted",
			logging.Fields{"event": e.Name, "origin": e.Origin.Short(), "takes": args.Plural(takes), "left out": others})
	}
}

// noteTags logs, once for each type, that its json tags have no effect.
func (n *Node) noteTags(t reflect.Type) {
	if _, known := n.counters.tagged.LoadOrStore(t, struct{}{}); known {
		return
	}
	if name := codec.IgnoredTag(t); name != "" {
		n.log.About(t.String()).Warn("json tags have no effect on the fields of events: fields have their Go names, or those of msgpack tags",
			logging.Fields{"type": t.String(), "field": name})
	}
}

// noteArgTags is noteTags for the arguments of an event.
func (n *Node) noteArgTags(args []any) {
	for _, arg := range args {
		switch arg.(type) {
		case nil, string, []byte, bool, int, int64, uint, uint64, float32, float64, time.Duration, time.Time, Raw:
		default:
			n.noteTags(reflect.TypeOf(arg))
		}
	}
}
