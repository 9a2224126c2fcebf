package loadtest

import (
	"fmt"
	"math"
	"time"
)

// Plan describes the events that an emitter emits.
type Plan struct {
	Rate   float64       // events a second; 0: as fast as Emit accepts them
	Size   int           // bytes of an event's encoded arguments, MinSize to MaxSize
	For    time.Duration // how long to measure
	Warmup time.Duration // how long to emit before that
}

// The limits of a plan. They keep the numbers of events in their range.
const (
	mostRate = 1e7
	mostFor  = 24 * time.Hour
)

// PlanError reports a field of a plan with an invalid value.
type PlanError struct {
	Field   string // of Plan
	Value   string
	Allowed string
}

// Error implements error.
func (e *PlanError) Error() string {
	return fmt.Sprintf("%s is %s, and can be %s", e.Field, e.Value, e.Allowed)
}

// Validate returns a *[PlanError] for the first invalid field.
func (p Plan) Validate() error {
	switch {
	case math.IsNaN(p.Rate) || p.Rate < 0 || p.Rate > mostRate:
		return &PlanError{"rate", fmt.Sprint(p.Rate), fmt.Sprintf("up to %.0f events a second, or 0 for as fast as possible", float64(mostRate))}
	case p.Size < MinSize:
		return &PlanError{"size", fmt.Sprint(p.Size), fmt.Sprintf("%d to %d bytes: an event has its number, its time and a checksum in it", MinSize, MaxSize)}
	case p.Size > MaxSize:
		return &PlanError{"size", fmt.Sprint(p.Size), fmt.Sprintf("%d to %d bytes, which is the most that a node carries (Options.MaxPayload)", MinSize, MaxSize)}
	case p.For <= 0 || p.For > mostFor:
		return &PlanError{"for", fmt.Sprint(p.For), fmt.Sprintf("above 0, up to %v", mostFor)}
	case p.Warmup < 0 || p.Warmup > mostFor:
		return &PlanError{"warmup", fmt.Sprint(p.Warmup), fmt.Sprintf("0 to %v", mostFor)}
	}
	return nil
}

// scheduled returns when an event is due, counted from the start of the run. Only a plan
// with a Rate has a schedule.
func (p Plan) scheduled(number uint64) time.Duration {
	return time.Duration(math.Round(float64(number) / p.Rate * float64(time.Second)))
}
