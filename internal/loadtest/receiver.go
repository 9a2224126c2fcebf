package loadtest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// Run is a run that has ended, as one receiver measured it.
type Run struct {
	Emitter smoke.ID
	Events  uint64 // events of the run, as the emitter counted them
	Size    int    // bytes of the largest event
	Report
}

// Lost returns how many events did not arrive.
func (r *Run) Lost() uint64 { return r.Events - min(r.Received, r.Events) }

// Receiver counts the events of the runs in its network that arrive at a node, and answers
// the emitter. Any goroutine may call its methods.
type Receiver struct {
	node  *smoke.Node
	watch *Watch
	onEnd func(Run)
	offs  []func()

	answers  chan answer
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	speaking sync.WaitGroup
	failed   error // why an answer could not be emitted; only the speaker uses it until it has ended

	runs []*heard // oldest first; only handlers use it, and they run one at a time
}

// heard is the record of one run.
type heard struct {
	emitter     smoke.ID
	size        int
	tally       tally
	first, last time.Time // when the first and the last measured event arrived
	hasEnded    bool
	Report
}

// answer is an event that the speaker must emit.
type answer struct {
	name string
	what any
}

const (
	// mostRuns limits the runs that a receiver follows, one for each emitter. A new run
	// replaces the oldest.
	mostRuns = 16

	// mostAnswers limits the answers that wait for room: the echoes of ten seconds.
	mostAnswers = 10 * EchoRate
)

// NewReceiver returns a receiver for a node. Call it before the node's Start, so that it
// gets every event. With a watch, latencies are measured in one direction. watch must be
// nil if the emitter may be in another process. onEnd is called once for each run, after
// its end, on the goroutine of the node's handlers. It may be nil.
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
	// The speaker. Owner: the receiver. Close ends it and waits for it. It exists because
	// Emit may wait for room, and a handler that waits delays the events that arrive
	// meanwhile.
	r.speaking.Go(r.speak)
	return r
}

// Close stops counting and answering. It returns an error if an answer could not be emitted.
// A handler of the node must not call it.
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

// say queues an answer for the speaker. It returns false if too many answers wait.
func (r *Receiver) say(name string, what any) bool {
	select {
	case r.answers <- answer{name, what}:
		return true
	default:
		return false
	}
}

// follow returns the record of an emitter's current run, or nil if there is none.
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
	r.say(nameHere, here{Run: c.Run, Addr: r.node.Advertised()}) // if the queue is full, the emitter repeats the call
}

func (r *Receiver) onEvent(e smoke.Event) {
	ev, err := open(e.Raw())
	if err != nil {
		// The event is malformed, so its run is unknown. It counts for the emitter's
		// current run, since an emitter has only one run at a time.
		for _, h := range r.runs {
			if h.emitter == e.Origin {
				h.Corrupt++
			}
		}
		return
	}
	h := r.follow(e.Origin, ev.run)
	if h == nil {
		return // the run began before this node had started
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

// lostIn returns the number of lost events in a gap. Only in a gap with Slow set may some
// of the events have arrived.
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
	r.say(nameReport, h.Report) // if the queue is full, the emitter repeats the end
	if r.onEnd != nil && !h.hasEnded {
		r.onEnd(Run{Emitter: e.Origin, Events: ended.Events, Size: h.size, Report: h.Report})
	}
	h.hasEnded = true
}
