package smoke

import (
	"context"
	"reflect"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/args"
	"github.com/smokesignal-go/smokesignal/internal/codec"
	"github.com/smokesignal-go/smokesignal/internal/logging"
)

// What a node does around the calls of handlers: it makes their contexts, and notes what
// they did not take.

func (b *Broadcast) context(e Event) context.Context { return b.node.handlerContext(e) }

func (p *Peer) context(e Event) context.Context { return p.driver.handlerContext(e) }

func (b *Broadcast) surplus(e Event, takes, others int) { b.node.noteSurplus(e, takes, others) }

func (p *Peer) surplus(e Event, takes, others int) { p.node.noteSurplus(e, takes, others) }

func (b *Broadcast) noteTags(t reflect.Type) { b.node.noteTags(t) }

func (p *Peer) noteTags(t reflect.Type) { p.node.noteTags(t) }

// ended is the context of calls after the end of a node.
var ended = func() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(ErrStopped)
	return ctx
}()

// handlerContext returns a context that ends with the present life of the node.
func (n *Node) handlerContext(e Event) context.Context {
	d, err := n.life()
	if err != nil {
		return withHeaders(ended, e)
	}
	return d.handlerContext(e)
}

// handlerContext returns a context that ends with this life.
func (d *driver) handlerContext(e Event) context.Context { return withHeaders(d.ctx, e) }

// withHeaders returns a context with which EmitContext sends the headers of an event.
func withHeaders(ctx context.Context, e Event) context.Context {
	if list := e.headers(); len(list) > 0 {
		return context.WithValue(ctx, headersKey{}, headers{list: list})
	}
	return ctx
}

// mostSurplusNames bounds the names of which surplus arguments are logged. A program may
// make up names for as long as it runs.
const mostSurplusNames = 1024 // a guess: more than an operator reads

// noteSurplus counts a call for which there were more arguments than the handler takes.
// It logs the first one of each name that the program has registered a handler for.
func (n *Node) noteSurplus(e Event, takes, others int) {
	if n.counters.surplus.Add(1); n.counters.surplusLogged.Load() >= mostSurplusNames {
		return
	}
	if _, known := n.counters.surplusNames.LoadOrStore(e.Name, struct{}{}); !known {
		n.counters.surplusLogged.Add(1)
		n.log.About(e.Name).Warn("an event has more arguments than its handler takes: they are left out; further ones are counted only",
			logging.Fields{"event": e.Name, "origin": e.Origin.Short(), "takes": args.Plural(takes), "left out": others})
	}
}

// noteTags logs, once for each type, that its json tags do not name what travels.
func (n *Node) noteTags(t reflect.Type) {
	if _, known := n.counters.tagged.LoadOrStore(t, struct{}{}); known {
		return
	}
	if name := codec.IgnoredTag(t); name != "" {
		n.log.About(t.String()).Warn("json tags do not name the fields of events: they travel under their Go names, or those of msgpack tags",
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
