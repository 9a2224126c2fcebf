package loadtest

import (
	"context"
	"fmt"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/histogram"
)

const (
	// slowEmit is from when on a call of Emit counts as one that has waited for
	// room: otherwise it takes microseconds, and for a MiB a few milliseconds.
	slowEmit = time.Millisecond

	// grace lets the last events of a plan be emitted by a timer that is late.
	grace = 100 * time.Millisecond
)

// emission is what was emitted, and how that went.
type emission struct {
	events  uint64        // all
	warm    uint64        // of them those to warm up
	lasted  time.Duration // the measuring
	calls   histogram.Histogram
	slow    uint64 // calls that took slowEmit or longer
	slowFor time.Duration
	cut     bool // ctx ended before the plan did
}

// emit emits the events of the plan. The end of ctx ends it early, and is no
// error.
func (s *session) emit(ctx context.Context, progress Progress) (emission, error) {
	var m emission
	envelope := newEnvelope(s.plan.Size, s.run)
	timer := time.NewTimer(0)
	defer timer.Stop()
	begin := s.now()
	total := s.plan.Warmup + s.plan.For
	var woke time.Duration // when it last had nothing to do
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
			// A timer is late by up to a millisecond, which is not the network's
			// fault. What should have been emitted while Emit waited is late.
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

// sleep reports false if ctx has ended.
func sleep(ctx context.Context, timer *time.Timer, d time.Duration) bool {
	timer.Reset(d)
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
