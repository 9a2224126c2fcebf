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

// stallLook is how long after the stall latencies count as those of others who
// suffer from it. The stalled one is to be out by then.
const stallLook = 10 * time.Second

// stall sends steadily, and lets the last node stop reading when spec.Warm is
// over and a quarter of spec.For has passed. It neither sends nor counts.
//
// Before all that every sender sends spec.Prime messages as fast as it may: what
// a system remembers of recent messages in any case is not to look like
// something that it holds for the stalled one.
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
	times.n-- // the last node does not count
	before, lostBefore := times.latencies(warm, at)
	after, lostAfter := times.latencies(at, min(at+int(spec.Rate*stallLook.Seconds()), count))
	b, okB := percentile(before, 0.99)
	a, okA := percentile(after, 0.99)
	if !okA || !okB {
		return errors.New("nothing was delivered")
	}
	r.Figures[CalmP99], r.Figures[StallP99], r.Figures[StallRise] = b, a, a/b
	r.Figures[StallLost] = float64(lostBefore + lostAfter)
	r.Lost, r.UnderWay = uint64(lostBefore+lostAfter), 0 // the stalled one hears nothing, and that is no loss
	return nil
}

// prime sends until what is remembered is full.
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

// watch looks at what a stall does, on a goroutine of its own.
type watch struct {
	staller contest.Staller
	stage   *stage
	running sync.WaitGroup
	stop    atomic.Bool

	before uint64        // RSS, the peak up to the stall
	peak   uint64        // RSS, since then
	out    time.Duration // 0: never
	failed error
}

// begin stalls the last node. Memory is looked at every 20 ms.
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
	w.running.Go(func() { // the watch owns it, stop ends it, end waits
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
