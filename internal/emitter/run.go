package emitter

// start makes the runner run if there is work. The caller holds mu.
func (e *Emitter) start() {
	if e.running || e.held.Load() || e.closed.Load() || (e.queue.empty() && e.hand == nil) {
		return
	}
	e.running = true
	e.arm()
	if e.parked {
		e.parked, e.dismissed, e.recalled = false, false, true
		e.bell.Signal()
		return
	}
	// The handler goroutine. Owner: this emitter, one at most. It ends on Hold, on Close,
	// and when the timer finds that it was idle for a while. Drain, Wait and Close wait
	// for the handler that it runs.
	go e.work()
}

// park keeps the handler goroutine for events that may follow soon. Starting a new one
// takes longer than a handler, and the stack of this one has grown already. park reports
// whether there is new work. The caller holds mu.
func (e *Emitter) park() bool {
	if !e.armed || e.closed.Load() {
		return false // no timer would end the parked goroutine
	}
	e.parked = true
	for e.parked && !e.dismissed {
		e.bell.Wait()
	}
	e.parked, e.dismissed = false, false
	return e.running
}

// dismiss ends the handler goroutine if it is parked. If work arrives before it wakes, it
// continues. The caller holds mu.
func (e *Emitter) dismiss() {
	e.dismissed = e.parked
	e.bell.Signal()
}

// run is the handler goroutine.
func (e *Emitter) run() {
	finished := false
	defer func() {
		if !finished { // a handler called runtime.Goexit, so this goroutine ends
			// The handler goroutine again, which replaces the one that ends here. It has
			// the same owner, ends in the same cases, and the same methods wait for it.
			go e.work()
		}
	}()
	for e.take() {
		e.runHand()
		if e.onEmpty != nil && e.table.handlers.Load() == 0 {
			e.onEmpty()
		}
	}
	finished = true
}

// take waits until the runner has a chunk in its hand. If the runner must end, take
// returns false, and running is then false.
func (e *Emitter) take() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for !e.fillHand() {
		if e.held.Load() || !e.park() {
			return false
		}
	}
	return true
}

// fillHand tries once to take a chunk from the queue. It returns false if the queue is
// empty or the emitter is held. The caller holds mu.
func (e *Emitter) fillHand() bool {
	if e.cut.Load() {
		e.discardHand()
		e.cut.Store(false)
	}
	if e.hand != nil && e.inHand() == 0 && len(e.hand.lost) == 0 {
		e.releaseChunk()
	}
	if e.crowded.Load() {
		e.endBackpressure()
	}
	idle := e.hand == nil && e.queue.empty()
	if idle || e.held.Load() {
		if idle {
			e.queue.shrink()
		}
		e.running = false
		e.wake()
		return false
	}
	if e.hand == nil {
		e.hand = chunks.Get().(*chunk)
		// The chunk is a quarter of the bound, so that the end of backpressure is noticed
		// in time.
		e.queue.fill(e.hand, e.config.CrowdedEvents/4, e.config.CrowdedBytes/4)
		e.taken += uint64(e.hand.todo)
	}
	e.interrupt.Store(false)
	return true
}

// releaseChunk frees the chunk in the runner's hand. The caller holds mu. The runner is
// the caller or does not run.
func (e *Emitter) releaseChunk() {
	e.hand.free()
	e.hand = nil
	e.progress.resetTurns()
}

// runHand runs the chunk in the runner's hand, until its end or an interrupt.
func (e *Emitter) runHand() {
	e.hand.at.skipHandlers("") // skip the event in which a handler ended the goroutine
	for !e.runOn(e.hand) {
	}
}

// runOn runs the chunk from the current position. If a handler panics, runOn reports the
// panic and returns false; the caller must then call it again. Preparing for panics costs
// as much as an event, so it is done once for many events.
func (e *Emitter) runOn(b *chunk) (through bool) {
	p := &b.at
	defer func() {
		if !through {
			e.reportPanic(p.event.Name, recover())
		}
	}()
	for {
		for first := p.isFirst(); ; first = false {
			r := p.nextHandler()
			if r == nil {
				break
			}
			if e.cut.Load() {
				return true // the previous handler closed the emitter
			}
			if !first {
				e.progress.begin(0)
			}
			if r.branch != nil && r.wants(&p.event) && !r.gone.Load() {
				e.enqueueInBranch(r, p)
				continue
			}
			e.call(r, &p.event)
		}
		if e.interrupt.Load() {
			return true
		}
		switch {
		case len(b.lost) > 0:
			note := b.lost[0]
			b.lost = b.lost[1:]
			p.skipHandlers(note.Name)
			e.reportLost(note)
		case p.left > 0:
			turns, err := e.nextEvent(p)
			e.progress.begin(turns)
			if err != nil {
				e.reportError("", err)
			}
		case p.item < b.count:
			it := &b.items[p.item]
			p.item++
			switch {
			case it.hook != nil:
				p.skipHandlers("")
				e.progress.begin(1)
				it.hook()
			case e.table.handlers.Load() == 0: // the usual case at a node that only relays
				e.progress.begin(it.run.Count)
			default:
				p.beginRun(&it.run)
			}
		default:
			note, ok := e.nextOverrun()
			if !ok {
				return true
			}
			p.skipHandlers(note.Name)
			e.reportLost(note)
		}
	}
}

// wants reports whether a registration of the event's name receives the event.
func (r *registration) wants(event *Event) bool {
	return (!event.Own || r.Echo) && event.Before <= r.Rewind && !r.waits.Load()
}

// call passes one event to one handler.
func (e *Emitter) call(r *registration, event *Event) {
	if !r.wants(event) {
		return
	}
	if r.Once && !r.Fitting {
		if !r.gone.CompareAndSwap(false, true) {
			return
		}
		e.off(r)
	} else if r.gone.Load() {
		return
	}
	handle := r.handler
	if r.Once && r.Fitting {
		handle = e.withTaker(r)
	}
	if err := handle(event); err != nil {
		e.reportError(event.Name, err)
	}
}

// withTaker returns the handler of a registration with a taker set, so that the handler
// can call Take. The taker is removed afterwards, even after a panic, so that the next
// handler can't use it.
func (e *Emitter) withTaker(r *registration) Handler {
	return func(event *Event) error {
		event.taker = &taker{e, r}
		defer func() { event.taker = nil }()
		return r.handler(event)
	}
}
