package loadtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sort"
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// Phase names the stage of a measurement.
type Phase string

// The phases, in their order.
const (
	Calling   Phase = "asking who answers"
	Emitting  Phase = "emitting"
	Gathering Phase = "waiting for the reports"
)

// Progress receives the progress of a measurement. It is called often and must not wait. It
// may be nil.
type Progress func(phase Phase, now, of time.Duration)

func (p Progress) tell(phase Phase, now, of time.Duration) {
	if p != nil {
		p(phase, now, of)
	}
}

const (
	// again is the time between two repetitions of a question while answers are missing.
	again = time.Second

	// callPatience is how long the emitter waits for the next answer to a call. Nodes
	// without a receiver never answer, so if a network has such nodes, every run waits for
	// callPatience. A guess: many round trips.
	callPatience = 2 * time.Second

	// reportPatience is how long the emitter waits for the next report. A receiver reports
	// when its queue and its links are empty, and 4 MiB at 10 Mbit/s take 3 s.
	reportPatience = 10 * time.Second

	// echoPatience is how long the emitter waits for echoes after all receivers have
	// reported.
	echoPatience = 2 * time.Second
)

// ErrNobodyAnswers means that none of the network's nodes has a receiver.
var ErrNobodyAnswers = errors.New("no node of the network answers: run smoke bench --serve on the nodes to be measured")

// ErrInterrupted means that ctx ended before anything was emitted.
var ErrInterrupted = errors.New("interrupted before anything was measured")

// session is the emitter of one run.
type session struct {
	node  *smoke.Node
	plan  Plan
	run   uint64
	now   func() time.Duration
	watch *Watch        // nil if round trips are measured
	nodes int           // set by call
	news  chan struct{} // holds at most one token; each answer adds it if it is missing

	mu      sync.Mutex // guards all below
	members map[smoke.ID]*member
	started bool    // no further members are accepted
	echoes  *echoes // set when the run starts, if there is no watch; only Measure sets the field, so Measure may read it without the lock
}

// member is a receiver of the run.
type member struct {
	addr   string
	report *Report // nil until it arrives
}

// Measure emits the events of a plan from a running node, and collects the reports of the
// receivers. With a watch, which the receivers must share, it measures latencies in one
// direction. If watch is nil, it measures round trips.
//
// If ctx ends while events are emitted, the result covers the events emitted so far.
// Otherwise an error is a *[PlanError], [ErrNobodyAnswers], [ErrInterrupted], or an error
// of Emit.
func Measure(ctx context.Context, node *smoke.Node, watch *Watch, plan Plan, progress Progress) (*Result, error) {
	if err := plan.Validate(); err != nil {
		return nil, err
	}
	clock := watch
	if clock == nil {
		clock = NewWatch()
	}
	s := &session{node: node, plan: plan, run: rand.Uint64(), now: clock.now, watch: watch,
		news: make(chan struct{}, 1), members: make(map[smoke.ID]*member)}
	b := node.Broadcast()
	defer smoke.On(b, nameHere, s.onHere)()
	defer smoke.On(b, nameReport, s.onReport)()
	defer smoke.On(b, nameEcho, s.onEcho)()

	progress.tell(Calling, 0, 0)
	if err := s.call(ctx); err != nil {
		return nil, err
	}
	m, err := s.emit(ctx, progress)
	if err != nil {
		return nil, err
	}
	progress.tell(Gathering, 0, 0)
	// The reports are collected even if the run was interrupted.
	if err := s.gather(context.WithoutCancel(ctx), m.events); err != nil {
		return nil, err
	}
	return s.result(&m), nil
}

// call finds the receivers of the network.
func (s *session) call(ctx context.Context) error {
	var err error
	for range 3 { // while links change, a count may be too low
		if s.nodes, err = s.node.Count(ctx); err == nil || !errors.Is(err, smoke.ErrIncomplete) {
			break
		}
	}
	if err == nil || errors.Is(err, smoke.ErrIncomplete) {
		err = s.askAll(ctx, nameCall, call{Run: s.run}, callPatience, func() (have, want int) { return len(s.members), s.nodes - 1 })
	}
	if ctx.Err() != nil {
		return ErrInterrupted
	}
	if err != nil {
		return fmt.Errorf("ask who answers: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started = true
	if len(s.members) == 0 {
		return ErrNobodyAnswers
	}
	var receivers []smoke.ID
	for id := range s.members {
		receivers = append(receivers, id)
	}
	sort.Slice(receivers, func(i, j int) bool { return receivers[i].Compare(receivers[j]) < 0 })
	if s.watch != nil {
		s.watch.begin(s.run, len(receivers))
	} else {
		s.echoes = newEchoes(receivers, s.now)
	}
	return nil
}

// gather waits for the reports and the last echoes.
func (s *session) gather(ctx context.Context, events uint64) error {
	err := s.askAll(ctx, nameEnd, end{Run: s.run, Events: events}, reportPatience, func() (have, want int) {
		for _, m := range s.members {
			if m.report != nil {
				have++
			}
		}
		return have, len(s.members)
	})
	if err != nil {
		return fmt.Errorf("ask for the reports: %w", err)
	}
	if s.echoes == nil {
		return nil
	}
	limit := time.NewTimer(echoPatience)
	defer limit.Stop()
	for !s.echoes.isComplete() {
		select {
		case <-s.news:
		case <-limit.C:
			return nil
		}
	}
	return nil
}

// askAll emits a question, and repeats it, until there are as many answers as wanted, or
// until patience has passed since the last answer. It holds mu while it calls count.
func (s *session) askAll(ctx context.Context, name string, question any, patience time.Duration, count func() (have, want int)) error {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	repeat := time.NewTicker(again)
	defer repeat.Stop()
	if err := s.node.Broadcast().EmitContext(ctx, name, question); err != nil {
		return err
	}
	for had := 0; ; {
		s.mu.Lock()
		have, want := count()
		s.mu.Unlock()
		if have >= want {
			return nil
		}
		if have > had {
			had = have
			limit.Reset(patience)
		}
		select {
		case <-s.news:
		case <-limit.C:
			return nil
		case <-repeat.C:
			if err := s.node.Broadcast().EmitContext(ctx, name, question); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *session) tellNews() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

func (s *session) onHere(e smoke.Event, h here) {
	s.mu.Lock()
	if h.Run == s.run && !s.started {
		s.members[e.Origin] = &member{addr: h.Addr}
	}
	s.mu.Unlock()
	s.tellNews()
}

func (s *session) onReport(e smoke.Event, r Report) {
	s.mu.Lock()
	if m := s.members[e.Origin]; m != nil && r.Run == s.run {
		m.report = &r // if there are several, the last one is the most complete
	}
	s.mu.Unlock()
	s.tellNews()
}

func (s *session) onEcho(e smoke.Event, back echo) {
	s.mu.Lock()
	echoes := s.echoes
	s.mu.Unlock()
	if back.Run == s.run && echoes != nil {
		echoes.came(e.Origin, back.Number)
		s.tellNews()
	}
}
