package emitter

// Stats is what an emitter has counted since New.
type Stats struct {
	Queued      int    // events and hooks that wait
	QueuedBytes int    // of the runs in the queue; what the runner has taken is not among them
	Aside       int    // events that wait in the queues that handlers have of their own
	Delivered   uint64 // events and hooks whose turn has come, whether anybody listened or not
	Dropped     uint64 // events that made room for newer ones, whether anybody listened or not
	Discarded   uint64 // events and hooks that Close found waiting
	Panics      uint64 // handlers, hooks and callbacks that panicked
	Errors      uint64 // errors that handlers returned, and bytes that were no event
	Slow        uint64 // handlers and hooks that ran longer than SlowAfter
	Handlers    int    // handlers that are registered
}

// Stats returns the counters. Those of a running emitter move on meanwhile.
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

// inHand counts the events and hooks that the runner took and did not begin.
// The caller holds mu.
func (e *Emitter) inHand() int {
	if e.hand == nil {
		return 0
	}
	return e.hand.todo - e.progress.begun()
}
