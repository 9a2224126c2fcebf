package emitter

// Stats holds the counters of an emitter since New.
type Stats struct {
	Queued      int    // events and hooks that wait
	QueuedBytes int    // bytes of the runs in the queue, without those that the runner has taken
	Aside       int    // events that wait in the queues of single handlers
	Delivered   uint64 // events and hooks that were processed, with or without a handler
	Dropped     uint64 // events dropped from the full queue, with or without a handler
	Discarded   uint64 // events and hooks that Close discarded
	Panics      uint64 // handlers, hooks and callbacks that panicked
	Errors      uint64 // errors that handlers returned, and malformed events
	Slow        uint64 // handlers and hooks that ran longer than SlowAfter
	Handlers    int    // registered handlers
}

// Stats returns the counters. On a running emitter they keep changing.
func (e *Emitter) Stats() Stats {
	aside := 0
	for _, b := range e.allBranches() {
		aside += b.left()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return Stats{
		Queued:      e.queue.len() + e.inHand(),
		QueuedBytes: e.queue.bytes,
		Delivered:   e.taken - uint64(e.inHand()),
		Aside:       aside,
		Dropped:     e.dropped + e.aside.Load(),
		Discarded:   e.discarded,
		Panics:      e.panics.Load(),
		Errors:      e.errors.Load(),
		Slow:        e.slow,
		Handlers:    int(e.table.handlers.Load()),
	}
}

// inHand returns the number of events and hooks that the runner took from the queue and
// that have not begun. The caller holds mu.
func (e *Emitter) inHand() int {
	if e.hand == nil {
		return 0
	}
	return e.hand.todo - e.progress.begun()
}
