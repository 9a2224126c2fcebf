package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
)

// Unfinished counts the events and bytes that a life could not send or handle before it
// ended.
type Unfinished struct {
	Unsent  int      // events of this node that may have reached no neighbour
	Bytes   int      // bytes that were not sent
	Events  int      // events that handlers did not get
	Running []string // functions of the program that have not returned
}

// AwaitHandlers waits until the handlers of an emitter have finished, and closes it.
func (u *Unfinished) AwaitHandlers(ctx context.Context, events *emitter.Emitter) {
	var drain *emitter.DrainError
	if err := events.Drain(ctx); errors.As(err, &drain) && !errors.Is(err, emitter.ErrInside) {
		u.Events += drain.Left
	}
	// There is nothing to wait for now, or the wait has failed already.
	if err := events.CloseContext(ctx); err != nil && !errors.Is(err, emitter.ErrInside) {
		running := events.Running()
		if len(running) == 0 { // the function has returned since the error
			running = []string{"a handler"}
		}
		u.Running = append(u.Running, running...)
	}
}

// Stop ends the life. It waits until ctx ends for the work that is still in progress.
// isInside is set if the caller is code of the program that the node has called. Then
// Stop does not wait for the goroutines of the life, because the caller may run on one of
// them. Stop does not wait for the handlers of the broadcast: its caller does that.
func (d *Driver) Stop(ctx context.Context, isInside bool) (*Unfinished, Memory) {
	left := &Unfinished{}
	d.mu.Lock()
	d.stopping = true // from now on, calls of Emit and new links are refused
	d.mu.Unlock()
	d.program.closeListener()
	if d.awaitCapacity(ctx, false) == nil {
		d.mu.Unlock()
	}

	var open []*link
	var memory Memory
	leftAt := time.Now()
	d.step(func(now time.Time) {
		for l := range d.conns { // the order does not matter, because Stop waits for all
			open = append(open, l)
			left.Bytes += max(d.machine.Lag(l.id)-overlay.LastWords, 0)
		}
		memory.Anchors = d.machine.Anchors()
		d.hasLeft = true
		d.machine.Leave(now, d.out())
	})
	flushed := make(chan struct{})
	// Owner: Stop. It ends when the links have ended, which the closing below ensures,
	// unless a connection of the program hangs. Here a link ends when the peer closes its
	// end, which it does when it has read everything. Closing earlier could destroy data
	// on its way.
	go func() {
		for _, l := range open {
			<-l.ended
		}
		close(flushed)
	}()
	late := false
	select {
	case <-flushed:
	case <-ctx.Done():
		late = true
	}
	for _, l := range open {
		bytes, direct, wasCut := l.unsent()
		if late || wasCut {
			left.Bytes += bytes
		}
		left.Unsent += direct
	}
	d.doubtLast(open, leftAt)
	own, _ := d.own.Count(0)
	left.Unsent += own
	d.cancel() // ends dials, look-ups and handshakes
	for _, l := range open {
		l.closeSoon()
	}
	d.awaitGoroutines(ctx, isInside)
	d.mu.Lock()
	memory.Heard = d.machine.Heard()
	d.machine = nil
	d.timer.Stop()
	clear(d.questions) // d.ctx has ended, which has answered them
	clear(d.surveys)
	met := d.met
	d.met = nil
	former := d.formerConns
	d.mu.Unlock()
	d.file.save(ctx, state{memory.Anchors, memory.Heard})
	for _, n := range met {
		n.finish()
		left.AwaitHandlers(ctx, n.events)
	}
	for _, l := range open {
		if l.ownConn != nil && !slices.Contains(former, l.ownConn) {
			former = append(former, l.ownConn)
		}
	}
	for _, c := range former {
		if what := c.Running(); what != "" && !isInside {
			left.Running = append(left.Running, what)
		}
	}
	return left, memory
}

// awaitGoroutines waits for the goroutines of this life until ctx ends. Some of them may
// wait for the program. If such a goroutine continues later, the machine no longer exists
// and the goroutine does nothing.
func (d *Driver) awaitGoroutines(ctx context.Context, isInside bool) {
	if isInside {
		return
	}
	ended := make(chan struct{})
	// Owner: this life. It ends with the last goroutine of the life.
	go func() {
		d.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}

// AwaitCalls waits until the functions of the program that the life has called return, or
// until ctx ends. It returns the names of those that have not returned.
func (d *Driver) AwaitCalls(ctx context.Context) []string {
	d.program.Await(ctx)
	return d.program.Names()
}
