package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/smokesignal-go/smokesignal/bench/internal/contest"
)

// flat makes the senders send as fast as they can.
func flat(ctx context.Context, c contest.Contestant, r *Result) error {
	s, err := open(ctx, c, r, nil)
	if err != nil {
		return err
	}
	senders := r.Spec.Senders
	if senders == 0 {
		senders = r.Spec.N
	}
	var stop atomic.Bool
	var all sync.WaitGroup
	errs := make([]error, senders)
	for i := range senders {
		all.Go(func() { errs[i] = s.sendAll(i, senders, &stop) }) // owner: this call; ends by stop or with the network
	}
	err = s.measure(ctx)
	stop.Store(true)
	s.drain()
	if err = errors.Join(err, s.close()); err != nil {
		return err
	}
	all.Wait()
	for _, e := range errs {
		if e != nil {
			r.trouble("senders that gave up")
		}
	}
	return nil
}

// measure waits until the warm-up ends, and then measures.
func (s *stage) measure(ctx context.Context) error {
	if err := sleep(ctx, s.spec.Warm); err != nil {
		return err
	}
	finish, err := s.spec.profile()
	if err != nil {
		return err
	}
	from, err := s.moment()
	if err != nil {
		return err
	}
	if err := sleep(ctx, s.spec.For); err != nil {
		return err
	}
	to, err := s.moment()
	if err != nil {
		return err
	}
	s.note(from, to)
	return finish()
}

// sendAll is the loop of one sender.
func (s *stage) sendAll(from, senders int, stop *atomic.Bool) error {
	window := uint64(0)
	if s.spec.Window > 0 {
		window = uint64(max(s.spec.Window/senders, 1))
	}
	limit := window // the first number that may not be sent yet
	for !stop.Load() {
		m := s.ledger.Next(from, 0)
		for window > 0 && m.Seq >= limit && !stop.Load() {
			if limit = s.ledger.SlowestOf(from, nil) + window; m.Seq >= limit {
				time.Sleep(20 * time.Microsecond) // about the time of a few batches of the receivers
			}
		}
		if err := s.net.Emit(m); err != nil {
			if stop.Load() {
				return nil
			}
			return fmt.Errorf("node %d: %w", from, err)
		}
		s.ledger.Sent(from)
	}
	return nil
}

// trouble adds one to the count of an error.
func (r *Result) trouble(name string) {
	if r.Troubles == nil {
		r.Troubles = make(map[string]uint64)
	}
	r.Troubles[name]++
}

// sleep waits for d, or until the context ends.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
