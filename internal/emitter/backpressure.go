package emitter

// Backpressure returns nil while the handlers keep up. If the queue is crowded, it
// returns a channel that is closed when the queue has fallen to half of the bound. A
// caller of Push that can wait should wait for it. Push accepts events in any case.
//
// The queue is crowded if it has at least [Config.CrowdedEvents] events or
// [Config.CrowdedBytes] bytes. The runner compares the queue with half of the bound after
// each chunk, which is at most a quarter of the bound, or one run.
//
// Hold and Close close the channel. While the emitter is held, Backpressure returns nil,
// because the caller may be the one that releases it. A handler of this emitter must not
// wait for the channel: it would wait for itself.
//
// If the queue is not crowded, the call costs one atomic load.
func (e *Emitter) Backpressure() <-chan struct{} {
	if !e.crowded.Load() {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.crowded.Load() {
		return nil
	}
	if e.relieved == nil {
		e.relieved = make(chan struct{})
	}
	return e.relieved
}

// beginBackpressure marks the emitter as crowded if its queue is. The caller holds mu.
func (e *Emitter) beginBackpressure() {
	if e.held.Load() || e.crowded.Load() {
		return
	}
	// Usually the queue is not crowded, even if the whole chunk in the runner's hand is
	// counted. The runner's progress is read only if it is crowded, because reading a
	// word that another processor writes all the time is expensive.
	events, bytes := e.queue.events, e.queue.bytes
	if e.hand != nil {
		events, bytes = events+e.hand.todo, bytes+e.hand.bytes
	}
	if events < e.config.CrowdedEvents && bytes < e.config.CrowdedBytes {
		return
	}
	events, bytes = e.backlog()
	e.crowded.Store(events >= e.config.CrowdedEvents || bytes >= e.config.CrowdedBytes)
}

// endBackpressure ends the backpressure if the queue is short enough. The caller holds mu.
func (e *Emitter) endBackpressure() {
	events, bytes := e.backlog()
	if 2*events <= e.config.CrowdedEvents && 2*bytes <= e.config.CrowdedBytes {
		e.wakeWaiters()
	}
}

// wakeWaiters wakes all callers that wait for the channel. The caller holds mu.
func (e *Emitter) wakeWaiters() {
	e.crowded.Store(false)
	if e.relieved != nil {
		close(e.relieved)
		e.relieved = nil
	}
}

// backlog returns the events and bytes in the queue and in the runner's hand. The bytes
// in the hand count until the last of them is handled. The caller holds mu.
func (e *Emitter) backlog() (events, bytes int) {
	events, bytes = e.queue.events+e.inHand(), e.queue.bytes
	if e.hand != nil {
		bytes += e.hand.bytes
	}
	return events, bytes
}
