package emitter

// Room is nil while the handlers keep up. Otherwise it is a channel that is
// closed when half of what makes the queue crowded has been taken: whoever
// pushes and can wait, may. Nobody has to, Push takes what comes.
//
// The queue is crowded from [Config.CrowdedEvents] or [Config.CrowdedBytes] on.
// Whether half has been taken is looked at now and then, after a quarter at the
// most, or one run.
//
// Hold and Close close the channel, and Room is nil while the emitter is held,
// since whoever pushes may be the one to release it. A handler of this emitter
// that waits for Room waits for itself.
//
// While there is room, the call costs the load of a flag.
func (e *Emitter) Room() <-chan struct{} {
	if !e.crowded.Load() {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.crowded.Load() {
		return nil
	}
	if e.room == nil {
		e.room = make(chan struct{})
	}
	return e.room
}

// crowd notes that the queue is crowded, where it is. The caller holds mu.
func (e *Emitter) crowd() {
	if e.held.Load() || e.crowded.Load() {
		return
	}
	// Nearly always it is enough to know that all of the chunk in hand would not
	// make a crowd. How far the runner has come with it is asked only where it
	// matters: to read what another processor writes all the time is dear.
	events, bytes := e.queue.events, e.queue.bytes
	if e.hand != nil {
		events, bytes = events+e.hand.todo, bytes+e.hand.bytes
	}
	if events < e.config.CrowdedEvents && bytes < e.config.CrowdedBytes {
		return
	}
	events, bytes = e.waiting()
	e.crowded.Store(events >= e.config.CrowdedEvents || bytes >= e.config.CrowdedBytes)
}

// uncrowd notes that there is room again, where there is. The caller holds mu.
func (e *Emitter) uncrowd() {
	events, bytes := e.waiting()
	if 2*events <= e.config.CrowdedEvents && 2*bytes <= e.config.CrowdedBytes {
		e.relieve()
	}
}

// relieve lets everybody go on who waits for room. The caller holds mu.
func (e *Emitter) relieve() {
	e.crowded.Store(false)
	if e.room != nil {
		close(e.room)
		e.room = nil
	}
}

// waiting is what is in the queue and in hand. Bytes in hand count until the
// last of them is done. The caller holds mu.
func (e *Emitter) waiting() (events, bytes int) {
	events, bytes = e.queue.events+e.inHand(), e.queue.bytes
	if e.hand != nil {
		bytes += e.hand.bytes
	}
	return events, bytes
}
