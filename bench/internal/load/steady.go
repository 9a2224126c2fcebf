package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/smokesignal-go/smokesignal/bench/internal/check"
	"github.com/smokesignal-go/smokesignal/bench/internal/contest"
)

// steady sends on a schedule, from each node in turn.
func steady(ctx context.Context, c contest.Contestant, r *Result) error {
	spec := r.Spec
	warm := int(spec.Rate * spec.Warm.Seconds())
	count := warm + int(spec.Rate*spec.For.Seconds())
	times := newTimes(spec, count)
	s, err := open(ctx, c, r, func(l *check.Ledger) { l.OnFirst = times.arrived })
	if err != nil {
		return err
	}
	err = s.pace(ctx, times, warm, count, nil)
	s.drain()
	if err = errors.Join(err, s.close()); err != nil {
		return err
	}
	times.note(r.Figures, warm, count)
	return nil
}

// pace sends messages 0 to count-1, and measures those from number warm on. Before each message
// it calls before, unless that is nil.
func (s *stage) pace(ctx context.Context, times *times, warm, count int, before func(k int) error) error {
	p := newPacer()
	defer p.done()
	times.start = p.start
	var from moment
	var finish func() error
	var err error
	for k := range count {
		if k == warm {
			if finish, err = s.spec.profile(); err != nil {
				return err
			}
			if from, err = s.moment(); err != nil {
				return err
			}
		}
		if before != nil {
			if err := before(k); err != nil {
				return err
			}
		}
		due := time.Duration(float64(k) / s.spec.Rate * float64(time.Second))
		p.until(due)
		times.late[k] = ticksOf(time.Since(p.start) - due)
		if err := s.emit(ctx, k%times.senders, due); err != nil {
			return err
		}
	}
	to, err := s.moment()
	if err != nil {
		return err
	}
	s.note(from, to)
	return finish()
}

// emit sends one message that was due at a given time.
func (s *stage) emit(ctx context.Context, from int, due time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.net.Emit(s.ledger.Next(from, int64(due))); err != nil {
		return fmt.Errorf("node %d: %w", from, err)
	}
	s.ledger.Sent(from)
	return nil
}

// times has the time at which each message arrived at each node. It keeps every time, so that
// percentiles are exact, and the last delivery of each message is known.
type times struct {
	start   time.Time
	n       int // only the first n nodes count
	nodes   int
	senders int
	primed  int             // how many messages of each sender do not count
	late    []uint32        // by message: how late it was sent
	after   []atomic.Uint32 // by message and node: how long after its due time it arrived; 0: never
}

// tick is the unit of the stored times. 32 bits hold seven minutes.
const tick = 100 * time.Nanosecond

// ticksOf returns a duration in ticks, at least 1.
func ticksOf(d time.Duration) uint32 { return uint32(min(max(d/tick, 1), 1<<32-1)) }

func newTimes(spec Spec, count int) *times {
	senders := spec.Senders
	if senders == 0 {
		senders = spec.N
	}
	return &times{
		n: spec.N, nodes: spec.N, senders: senders, primed: spec.Prime,
		late: make([]uint32, count), after: make([]atomic.Uint32, count*spec.N),
	}
}

// arrived records a delivery; it is set as the ledger's OnFirst.
func (t *times) arrived(to int, m check.Message) {
	if m.At < 0 {
		return // a message of prime
	}
	k := (int(m.Seq)-t.primed)*t.senders + int(m.From)
	t.after[k*t.nodes+to].Store(ticksOf(time.Since(t.start) - time.Duration(m.At)))
}

// note adds the percentiles of the messages from ≤ k < to.
func (t *times) note(figures map[string]float64, from, to int) {
	every, _ := t.latencies(from, to)
	last := t.lasts(from, to)
	late := slices.Clone(t.late[from:to])
	for _, set := range []struct {
		name   string
		values []uint32
		share  float64
	}{
		{P50, every, 0.5}, {P99, every, 0.99}, {P999, every, 0.999}, {Max, every, 1},
		{LastP50, last, 0.5}, {LastP99, last, 0.99}, {PacerP99, late, 0.99},
	} {
		if v, ok := percentile(set.values, set.share); ok {
			figures[set.name] = v
		}
	}
}

// latencies returns the latencies of all deliveries, and the number of missing deliveries.
func (t *times) latencies(from, to int) (list []uint32, lost int) {
	for k := from; k < to; k++ {
		for node := range t.n {
			if v := t.after[k*t.nodes+node].Load(); v > 0 {
				list = append(list, v)
			} else if node != k%t.senders {
				lost++
			}
		}
	}
	return list, lost
}

// lasts returns the latency of the last delivery of each message that arrived at all nodes.
func (t *times) lasts(from, to int) (list []uint32) {
	for k := from; k < to; k++ {
		latest, got := uint32(0), 0
		for node := range t.n {
			if v := t.after[k*t.nodes+node].Load(); v > 0 {
				latest = max(latest, v)
				got++
			}
		}
		if got == t.n-1 {
			list = append(list, latest)
		}
	}
	return list
}

// percentile returns the value in seconds below or at which the given share of the values lies.
// It sorts the values.
func percentile(values []uint32, share float64) (seconds float64, ok bool) {
	if len(values) == 0 {
		return 0, false
	}
	slices.Sort(values)
	i := min(int(share*float64(len(values))), len(values)-1)
	return (time.Duration(values[i]) * tick).Seconds(), true
}
