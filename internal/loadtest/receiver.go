package loadtest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// Run is a run that has ended, as one receiver saw it.
type Run struct {
	Emitter smoke.ID
	Events  uint64 // that the emitter says it emitted
	Size    int    // bytes of the largest event
	Report
}

// Lost is how many events did not come.
func (r *Run) Lost() uint64 { return r.Events - min(r.Received, r.Events) }

// Receiver counts what a node gets of the runs in its network, and answers.
// Its methods may be called from any goroutine.
type Receiver struct {
	node  *smoke.Node
	watch *Watch
	onEnd func(Run)
	offs  []func()

	answers  chan answer
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	speaking sync.WaitGroup
	failed   error // why an answer could not be emitted; the speaker's until it has ended

	runs []*heard // oldest first; only handlers touch them, which run one after another
}

// heard is a run under way.
type heard struct {
	emitter     smoke.ID
	size        int
	tally       tally
	first, last time.Time // of the measured events
	hasEnded    bool
	Report
}

// answer is an event to be emitted.
type answer struct {
	name string
	what any
}

const (
	// mostRuns bounds the runs that a receiver follows, one for each emitter.
	// The oldest gives way.
	mostRuns = 16

	// mostAnswers bounds the answers that wait for room. Ten seconds of
	// echoes.
	mostAnswers = 10 * EchoRate
)

// NewReceiver makes a receiver of a node. Call it before the node's Start, so
// that no event comes too early. With a watch, events are timed one way; it is
// nil where the emitter may be in another process. Once for each run, when that
// has ended, onEnd is called on the goroutine of the node's handlers; it may be
// nil.
func NewReceiver(node *smoke.Node, watch *Watch, onEnd func(Run)) *Receiver {
	r := &Receiver{node: node, watch: watch, onEnd: onEnd, answers: make(chan answer, mostAnswers)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	b := node.Broadcast()
	r.offs = []func(){
		smoke.On(b, nameCall, r.onCall),
		b.On(nameEvent, r.onEvent),
		smoke.On(b, nameEnd, r.onEndOf),
		node.OnGap(r.onGap),
	}
	// The speaker. Owner: the receiver. Close ends it and waits for it. Emit
	// may wait for room, and a handler that waits is too slow for what
	// comes meanwhile.
	r.speaking.Go(r.speak)
	return r
}

// Close ends the counting and answering. The error says why an answer could not
// be emitted. It must not be called from a handler of the node.
func (r *Receiver) Close() error {
	for _, off := range r.offs {
		off()
	}
	r.cancel()
	r.speaking.Wait()
	return r.failed
}

func (r *Receiver) speak() {
	for {
		select {
		case a := <-r.answers:
			err := r.node.Broadcast().EmitContext(r.ctx, a.name, a.what)
			if err != nil && r.failed == nil && r.ctx.Err() == nil && !errors.Is(err, smoke.ErrStopped) {
				r.failed = err
			}
		case <-r.ctx.Done():
			return
		}
	}
}

// say emits an answer soon. It reports false when too many wait already.
func (r *Receiver) say(name string, what any) bool {
	select {
	case r.answers <- answer{name, what}:
		return true
	default:
		return false
	}
}

// follow gives the run of an emitter, nil if there is none under way.
func (r *Receiver) follow(emitter smoke.ID, run uint64) *heard {
	i := slices.IndexFunc(r.runs, func(h *heard) bool { return h.emitter == emitter })
	if i < 0 || r.runs[i].Run != run {
		return nil
	}
	return r.runs[i]
}

func (r *Receiver) onCall(e smoke.Event, c call) {
	if r.follow(e.Origin, c.Run) == nil {
		r.runs = slices.DeleteFunc(r.runs, func(h *heard) bool { return h.emitter == e.Origin })
		if len(r.runs) == mostRuns {
			r.runs = slices.Delete(r.runs, 0, 1)
		}
		r.runs = append(r.runs, &heard{emitter: e.Origin, Report: Report{Run: c.Run}})
	}
	r.say(nameHere, here{Run: c.Run, Addr: r.node.Advertised()}) // if not, the call comes again
}

func (r *Receiver) onEvent(e smoke.Event) {
	ev, err := open(e.Raw())
	if err != nil {
		// Whose run it is can't be read any more, but an emitter has one only.
		for _, h := range r.runs {
			if h.emitter == e.Origin {
				h.Corrupt++
			}
		}
		return
	}
	h := r.follow(e.Origin, ev.run)
	if h == nil {
		return // it began before this node was there
	}
	h.size = max(h.size, len(e.Raw()))
	if !h.tally.take(ev.number) || !ev.measured {
		return
	}
	h.Measured++
	h.last = time.Now()
	if h.first.IsZero() {
		h.first = h.last
	}
	if r.watch != nil {
		r.watch.arrived(ev)
	}
	if ev.ask == everybody || ev.ask == r.node.ID() {
		if !r.say(nameEcho, echo{Run: ev.run, Number: ev.number}) {
			h.Unanswered++
		}
	}
}

func (r *Receiver) onGap(g smoke.Gap) {
	for _, h := range r.runs {
		if h.emitter == g.Origin || g.Origin.IsZero() {
			h.Told += lostIn(g)
		}
	}
}

// lostIn returns the number of lost events in a gap. Only a gap with Slow can contain events
// that arrived.
func lostIn(g smoke.Gap) uint64 {
	if g.Slow {
		return uint64(g.Events)
	}
	return g.To - g.From
}

func (r *Receiver) onEndOf(e smoke.Event, ended end) {
	h := r.follow(e.Origin, ended.Run)
	if h == nil {
		return
	}
	h.Received, h.Duplicates, h.OutOfOrder = h.tally.received, h.tally.duplicates, h.tally.late
	h.Span = h.last.Sub(h.first)
	r.say(nameReport, h.Report) // if not, the end comes again
	if r.onEnd != nil && !h.hasEnded {
		r.onEnd(Run{Emitter: e.Origin, Events: ended.Events, Size: h.size, Report: h.Report})
	}
	h.hasEnded = true
}
