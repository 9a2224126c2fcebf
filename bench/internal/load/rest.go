package load

import (
	"context"
	"errors"
	"runtime"

	"github.com/smokesignal-go/smokesignal/bench/internal/contest"
	"github.com/smokesignal-go/smokesignal/bench/internal/measure"
)

// form measures only how a network forms, and whether its links stay.
func form(ctx context.Context, c contest.Contestant, r *Result) error {
	s, err := open(ctx, c, r, nil)
	if err != nil {
		return err
	}
	return errors.Join(sleep(ctx, r.Spec.For), s.close())
}

// idle measures the cost of a network without messages.
func idle(ctx context.Context, c contest.Contestant, r *Result) error {
	runtime.GC()
	routines := measure.Goroutines()
	empty, err := measure.RSS(nil)
	if err != nil {
		return err
	}
	s, err := open(ctx, c, r, nil)
	if err != nil {
		return err
	}
	return errors.Join(s.rest(ctx, routines, empty), s.close())
}

func (s *stage) rest(ctx context.Context, routines int, empty uint64) error {
	if err := sleep(ctx, s.spec.Warm); err != nil {
		return err
	}
	from, err := s.sample()
	if err != nil {
		return err
	}
	if err := sleep(ctx, s.spec.For); err != nil {
		return err
	}
	to, err := s.sample()
	if err != nil {
		return err
	}
	full, err := measure.RSS(s.others)
	if err != nil {
		return err
	}
	f, n := s.result.Figures, float64(s.spec.N)
	seconds := to.At.Sub(from.At).Seconds()
	f[Share] = (to.CPU - from.CPU).Seconds() / seconds
	f[IdleBytes] = float64(to.Written-from.Written) / seconds / n
	f[IdleGoroutines] = float64(measure.Goroutines()-routines) / n
	f[IdleRSS] = float64(full-min(empty, full)) / n
	return nil
}
