package emitter

// start makes sure that what waits is being run. The caller holds mu.
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
	// The handler goroutine. Owner: this emitter, one at most. It ends on Hold, on
	// Close, and when the timer finds that there was nothing to run for a while.
	// Drain, Wait and Close wait for what it runs.
	go e.work()
}

// park keeps the handler goroutine for the events that may come soon: to begin
// one costs more than a handler, and its stack has grown to what handlers need.
// It reports whether there is something to run. The caller holds mu.
func (e *Emitter) park() bool {
	if !e.armed || e.closed.Load() {
		return false // nobody would end it
	}
	e.parked = true
	for e.parked && !e.dismissed {
		e.bell.Wait()
	}
	e.parked, e.dismissed = false, false
	return e.running
}

// dismiss ends the handler goroutine if it is parked, and if nothing comes for it
// before it has noticed. The caller holds mu.
func (e *Emitter) dismiss() {
	e.dismissed = e.parked
	e.bell.Signal()
}

// run is the handler goroutine.
func (e *Emitter) run() {
	finished := false
	defer func() {
		if !finished { // a handler called runtime.Goexit: this goroutine is lost
			// The handler goroutine again, in place of the one that ends here:
			// the same owner, the same end, the same waiters.
			go e.work()
		}
	}()
	for e.take() {
		e.runHand()
		if e.spent != nil && e.table.handlers.Load() == 0 {
			e.spent()
		}
	}
	finished = true
}

// take sees to it that there is something in hand. It reports false when the
// runner is to end; running is off by then.
func (e *Emitter) take() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for !e.takeNext() {
		if e.held.Load() || !e.park() {
			return false
		}
	}
	return true
}

// takeNext is take once. The caller holds mu.
func (e *Emitter) takeNext() bool {
	if e.cut.Load() {
		e.discardHand()
		e.cut.Store(false)
	}
	if e.hand != nil && e.inHand() == 0 && len(e.hand.lost) == 0 {
		e.letGo()
	}
	if e.crowded.Load() {
		e.uncrowd()
	}
	idle := e.hand == nil && e.queue.empty()
	if idle || e.held.Load() {
		if idle {
			e.queue.rest()
		}
		e.running = false
		e.wake()
		return false
	}
	if e.hand == nil {
		e.hand = chunks.Get().(*chunk)
		// A quarter, so that Room is seen to in time.
		e.queue.fill(e.hand, e.config.CrowdedEvents/4, e.config.CrowdedBytes/4)
		e.taken += uint64(e.hand.todo)
	}
	e.interrupt.Store(false)
	return true
}

// letGo frees the chunk in hand. The caller holds mu, and the runner is the
// caller or is not there.
func (e *Emitter) letGo() {
	e.hand.free()
	e.hand = nil
	e.progress.fresh()
}

// runHand runs what is in hand, up to an interrupt.
func (e *Emitter) runHand() {
	e.hand.at.callOff("") // the event in which a handler ended the goroutine, if one did
	for !e.runOn(e.hand) {
	}
}

// runOn runs what is in hand from where the runner is. It reports false after a
// panic, which it has told, and is to be called again then: to be ready for
// panics costs as much as an event, and so is done once for many.
func (e *Emitter) runOn(b *chunk) (through bool) {
	p := &b.at
	defer func() {
		if !through {
			e.tellPanic(p.event.Name, recover())
		}
	}()
	for {
		for first := p.isFirst(); ; first = false {
			r := p.nextHandler()
			if r == nil {
				break
			}
			if e.cut.Load() {
				return true // the handler before has closed the emitter
			}
			if !first {
				e.progress.begin(0)
			}
			if r.branch != nil && r.wants(&p.event) && !r.gone.Load() {
				e.putAside(r, p)
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
			p.callOff(note.Name)
			e.tellLost(note)
		case p.left > 0:
			turns, err := e.nextEvent(p)
			e.progress.begin(turns)
			if err != nil {
				e.tellError("", err)
			}
		case p.item < b.count:
			it := &b.items[p.item]
			p.item++
			switch {
			case it.hook != nil:
				p.callOff("")
				e.progress.begin(1)
				it.hook()
			case e.table.handlers.Load() == 0: // a node that only passes events on
				e.progress.begin(it.run.Count)
			default:
				p.beginRun(&it.run)
			}
		default:
			note, ok := e.nextOverrun()
			if !ok {
				return true
			}
			p.callOff(note.Name)
			e.tellLost(note)
		}
	}
}

// wants reports whether an event of its name is for a handler.
func (r *registration) wants(event *Event) bool {
	return (!event.Own || r.Echo) && event.Before <= r.Rewind && !r.waits.Load()
}

// call gives one event to one handler.
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
		handle = e.untilTaken(r)
	}
	if err := handle(event); err != nil {
		e.tellError(event.Name, err)
	}
}

// untilTaken returns a handler that lets the one of a registration say that it takes
// the event. The next handler must not say so for this one, also after a panic.
func (e *Emitter) untilTaken(r *registration) Handler {
	return func(event *Event) error {
		event.taker = &taker{e, r}
		defer func() { event.taker = nil }()
		return r.handler(event)
	}
}
