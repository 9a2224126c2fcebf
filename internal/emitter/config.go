package emitter

import "time"

// Defaults of [Config].
const (
	DefaultQueueEvents   = 1 << 19     // a guess: half a second of a stalled handler at 130 000 events/s
	DefaultQueueBytes    = 64 << 20    // a guess: 64 events of the largest size, or 65 536 of 1 KiB
	DefaultCrowdedEvents = 4096        // a guess: an eighth of what may wait, some milliseconds of brisk handlers
	DefaultCrowdedBytes  = 4 << 20     // a guess: a sixteenth of what may wait
	DefaultSlowAfter     = time.Second // a guess: long for a handler, short for somebody who watches a log
)

// Config holds the limits of an emitter and what it reports. The zero value
// works: default limits, and nobody told.
//
// OnPanic, OnError and OnDrop run on the handler goroutine, so what they do
// delays the next handler. OnSlow runs on a goroutine of its own, at the same
// time as the handler that it is about. All four may call the emitter.
type Config struct {
	// How many events, and bytes of Run.Packed, may wait in the queue before the
	// oldest make room. 0 or less means DefaultQueueEvents, DefaultQueueBytes.
	QueueEvents int
	QueueBytes  int

	// From how many waiting events or bytes on [Emitter.Room] asks for patience.
	// 0 or less means DefaultCrowdedEvents, DefaultCrowdedBytes. What the runner
	// has in hand counts as waiting here: it takes a quarter of this at a time,
	// and what is left of the run where that ends. These bounds are of use only
	// where they are less than those of the queue.
	CrowdedEvents int
	CrowdedBytes  int

	SlowAfter time.Duration // 0 means DefaultSlowAfter; negative: slow handlers are not looked for

	// OnPanic is told of a handler (or a hook, then name is "") that panicked,
	// with the panic value and the stack. A handler that ended its goroutine
	// with runtime.Goexit is reported with [ErrGoexit] as the value.
	OnPanic func(name string, value any, stack []byte)

	// OnError is told of the error that a handler returned, and of bytes that
	// are no event, then name is "" and the error wraps wire.ErrMalformed or
	// wire.ErrTooLarge.
	OnError func(name string, err error)

	// OnSlow is told, once per call, of a handler (or a hook, then name is
	// "") that is still running SlowAfter after it began. It is found between
	// SlowAfter and 1.25·SlowAfter after its start; soFar is at least SlowAfter.
	OnSlow func(name string, soFar time.Duration)

	// OnDrop is told of events that had to make room for newer ones.
	OnDrop func(Lost)
}

// withDefaults fills in what the zero value leaves open.
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
