package emitter

import "time"

// Defaults of [Config].
const (
	DefaultQueueEvents   = 1 << 19     // a guess: half a second of a stalled handler at 130 000 events/s
	DefaultQueueBytes    = 64 << 20    // a guess: 64 events of the largest size, or 65 536 of 1 KiB
	DefaultCrowdedEvents = 4096        // a guess: 1/128 of the queue, some milliseconds of fast handlers
	DefaultCrowdedBytes  = 4 << 20     // a guess: a sixteenth of the queue
	DefaultSlowAfter     = time.Second // a guess: long for a handler, short for a person who reads the log
)

// Config holds the limits of an emitter and its callbacks. The zero value means default
// limits and no callbacks.
//
// OnPanic, OnError and OnDrop run on the handler goroutine, so they delay the next handler.
// OnSlow runs on its own goroutine, at the same time as the handler that it reports. All
// four may call the emitter.
type Config struct {
	// QueueEvents and QueueBytes bound the queue in events and in bytes of Run.Packed. If
	// it is full, the oldest events are dropped. 0 or less means DefaultQueueEvents,
	// DefaultQueueBytes.
	QueueEvents int
	QueueBytes  int

	// If the backlog reaches CrowdedEvents or CrowdedBytes, [Emitter.Backpressure] asks
	// callers to wait. 0 or less means DefaultCrowdedEvents, DefaultCrowdedBytes. The
	// backlog includes the chunk that the runner has taken, which is a quarter of these
	// bounds, rounded up to a whole run. The bounds have an effect only if they are less
	// than those of the queue.
	CrowdedEvents int
	CrowdedBytes  int

	SlowAfter time.Duration // 0 means DefaultSlowAfter; negative: slow handlers are not reported

	// OnPanic reports that a handler or a hook panicked, with the panic value and the
	// stack. For a hook, name is "". If a handler ended its goroutine with
	// runtime.Goexit, value is [ErrGoexit].
	OnPanic func(name string, value any, stack []byte)

	// OnError reports the error that a handler returned. It also reports bytes that are not
	// an event. Then name is "" and the error wraps wire.ErrMalformed or wire.ErrTooLarge.
	OnError func(name string, err error)

	// OnSlow reports a handler or a hook that still runs SlowAfter after its start, once
	// per call. For a hook, name is "". The report is made between SlowAfter and
	// 1.25·SlowAfter after the start; soFar is at least SlowAfter.
	OnSlow func(name string, soFar time.Duration)

	// OnDrop reports events that were dropped because the queue was full.
	OnDrop func(Lost)
}

// withDefaults replaces zero values by the defaults.
func (c Config) withDefaults() Config {
	for _, limit := range []struct {
		of     *int
		unless int
	}{
		{&c.QueueEvents, DefaultQueueEvents},
		{&c.QueueBytes, DefaultQueueBytes},
		{&c.CrowdedEvents, DefaultCrowdedEvents},
		{&c.CrowdedBytes, DefaultCrowdedBytes},
	} {
		if *limit.of <= 0 {
			*limit.of = limit.unless
		}
	}
	if c.SlowAfter == 0 {
		c.SlowAfter = DefaultSlowAfter
	}
	return c
}
