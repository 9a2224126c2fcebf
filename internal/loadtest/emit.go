package loadtest

import (
	"context"
	"fmt"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/histogram"
)

const (
	// slowEmit is the shortest duration for which a call of Emit counts as having waited
	// for room. Without waiting, a call takes microseconds, and a few milliseconds for a
	// MiB.
	slowEmit = time.Millisecond

	// grace is added to the plan, so that its last events are emitted even if a timer is late.
	grace = 100 * time.Millisecond
)

// emission counts what was emitted, and how long it took.
type emission struct {
	events  uint64        // all events
	warm    uint64        // those of the warm-up
	lasted  time.Duration // without the warm-up
	calls   histogram.Histogram
	slow    uint64 // calls of Emit that took slowEmit or longer
	slowFor time.Duration
	cut     bool // ctx ended before the plan did
}

// emit emits the events of the plan. If ctx ends, emit stops early and returns no error.
func (s *session) emit(ctx context.Context, progress Progress) (emission, error) {
	var m emission
	envelope := newEnvelope(s.plan.Size, s.run)
	timer := time.NewTimer(0)
	defer timer.Stop()
	begin := s.now()
	total := s.plan.Warmup + s.plan.For
	var woke time.Duration // when the last sleep ended
	for ctx.Err() == nil {
		now := s.now() - begin
		progress.tell(Emitting, now, total)
		scheduled := now
		if s.plan.Rate > 0 {
			scheduled = s.plan.scheduled(m.events)
		}
		if scheduled >= total || now >= total+grace {
			break
		}
		if scheduled > now {
			if !sleep(ctx, timer, scheduled-now) {
				break
			}
			woke = s.now() - begin
		}
		ev := event{
			run:    s.run,
			number: m.events,
			// A timer may be up to a millisecond late, and the network is not the cause. So
			// an event is due at the end of the sleep at the earliest. But if Emit has
			// waited, the events that were scheduled meanwhile count as late.
			due:      begin + max(scheduled, woke),
			measured: scheduled >= s.plan.Warmup,
		}
		if err := s.emitOne(ctx, envelope, ev, &m); err != nil && ctx.Err() == nil {
			return m, fmt.Errorf("emit event %d: %w", ev.number, err)
		}
	}
	if left := begin + total - s.now(); left > 0 {
		sleep(ctx, timer, left)
	}
	m.lasted = max(s.now()-begin-s.plan.Warmup, 0)
	m.cut = ctx.Err() != nil
	return m, nil
}

// emitOne emits one event and counts it.
func (s *session) emitOne(ctx context.Context, envelope *envelope, ev event, m *emission) error {
	if ev.measured && s.echoes != nil {
		ev.ask = s.echoes.ask(ev.number, ev.due)
	}
	raw := envelope.seal(ev)
	start := s.now()
	err := s.node.Broadcast().EmitContext(ctx, nameEvent, raw)
	if err != nil {
		if ev.ask != nobody {
			s.echoes.withdraw(ev.number)
		}
		return err
	}
	m.events++
	if !ev.measured {
		m.warm++
		return nil
	}
	took := s.now() - start
	m.calls.Add(took)
	if took >= slowEmit {
		m.slow++
		m.slowFor += took
	}
	return nil
}

// sleep waits for d. It returns false if ctx has ended.
func sleep(ctx context.Context, timer *time.Timer, d time.Duration) bool {
	timer.Reset(d)
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
