package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/smokesignal-go/smokesignal/bench/internal/check"
	"github.com/smokesignal-go/smokesignal/bench/internal/contest"
	"github.com/smokesignal-go/smokesignal/bench/internal/measure"
)

// stallLook is for how long after the stall the latencies of the other nodes are measured.
// By then the others should have closed their links to the stalled node.
const stallLook = 10 * time.Second

// stall sends at a steady rate. The last node stops reading when spec.Warm and a quarter of
// spec.For have passed. It sends nothing, and its deliveries do not count.
//
// Before that, every sender sends spec.Prime messages as fast as it can. They fill the buffers
// in which a system keeps recent messages in any case, so that these do not look like memory
// that is held for the stalled node.
func stall(ctx context.Context, c contest.Contestant, r *Result) error {
	spec := r.Spec
	spec.Senders = spec.N - 1
	warm := int(spec.Rate * spec.Warm.Seconds())
	at := warm + int(spec.Rate*spec.For.Seconds()/4)
	count := warm + int(spec.Rate*spec.For.Seconds())
	times := newTimes(spec, count)
	s, err := open(ctx, c, r, func(l *check.Ledger) { l.OnFirst = times.arrived })
	if err != nil {
		return err
	}
	staller, ok := s.net.(contest.Staller)
	if !ok {
		return errors.Join(&contest.Missing{Why: "nothing in it can stall alone"}, s.close())
	}
	w := watch{staller: staller, stage: s}
	err = s.prime(ctx)
	err = errors.Join(err, s.pace(ctx, times, warm, count, func(k int) error {
		if k != at {
			return nil
		}
		return w.begin()
	}))
	err = errors.Join(err, w.end())
	s.drain()
	if err = errors.Join(err, s.close()); err != nil {
		return err
	}
	w.note(r.Figures)
	times.n-- // deliveries to the last node do not count
	before, lostBefore := times.latencies(warm, at)
	after, lostAfter := times.latencies(at, min(at+int(spec.Rate*stallLook.Seconds()), count))
	b, okB := percentile(before, 0.99)
	a, okA := percentile(after, 0.99)
	if !okA || !okB {
		return errors.New("nothing was delivered")
	}
	r.Figures[CalmP99], r.Figures[StallP99], r.Figures[StallRise] = b, a, a/b
	r.Figures[StallLost] = float64(lostBefore + lostAfter)
	r.Lost, r.UnderWay = uint64(lostBefore+lostAfter), 0 // without the stalled node, which is meant to get nothing
	return nil
}

// prime sends messages until the buffers for recent messages are full.
func (s *stage) prime(ctx context.Context) error {
	for range s.spec.Prime {
		for from := range s.spec.N - 1 {
			if err := s.emit(ctx, from, -1); err != nil {
				return err
			}
		}
	}
	s.drain()
	return nil
}

// watch observes the effects of a stall, on a goroutine of its own.
type watch struct {
	staller contest.Staller
	stage   *stage
	running sync.WaitGroup
	stop    atomic.Bool

	before uint64        // peak of RSS before the stall
	peak   uint64        // peak of RSS after it
	out    time.Duration // when the stalled node had lost its last link; 0: never
	failed error
}

// begin stalls the last node. Memory is read every 20 ms.
func (w *watch) begin() error {
	before, err := measure.PeakRSS(w.stage.others)
	if err != nil {
		return err
	}
	w.before = before
	if err := w.staller.Stall(); err != nil {
		return fmt.Errorf("stall: %w", err)
	}
	start := time.Now()
	w.running.Go(func() { // owner: the watch; stop ends it, and end waits for it
		for ; !w.stop.Load(); time.Sleep(20 * time.Millisecond) {
			now, err := measure.RSS(w.stage.others)
			if err != nil {
				w.failed = err
				return
			}
			w.peak = max(w.peak, now)
			if w.out == 0 && w.staller.Out() {
				w.out = time.Since(start)
			}
		}
	})
	return nil
}

func (w *watch) end() error {
	w.stop.Store(true)
	w.running.Wait()
	return w.failed
}

func (w *watch) note(figures map[string]float64) {
	if w.out > 0 {
		figures[StallOut] = w.out.Seconds()
	}
	figures[StallRSS] = float64(w.peak) - float64(min(w.before, w.peak))
}
