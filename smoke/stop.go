package smoke

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
)

// stopWithin is how long Stop waits for outboxes, handlers and other functions of the
// program, after it has waited for a neighbour that takes what was emitted.
const stopWithin = time.Second

// Stop ends the node. It notifies the neighbours, sends all that waits for them, lets the
// handlers finish their events, and closes all links and the listener. It returns when
// every goroutine of the node has ended. If the node does not run, Stop returns nil.
//
// If no neighbour has taken the events that the node emitted, Stop first tries each seed
// once and waits until a neighbour has taken them, for two seconds at most. After that it
// waits for one second at most. An *[UndeliveredError] has what was left. It also names
// functions of the program that still run. The node can't end these; it ignores their
// results.
//
// Stop may be called from any function that the node calls. There it does not wait for
// such functions, and no further handler runs. If another goroutine already stops the
// node, Stop waits for it. If the node is starting, Start returns [ErrStopped].
func (n *Node) Stop() error { return n.shutdown(context.Background(), stopWithin) }

// Run starts the node and stops it when ctx ends. It returns the error of Start, or that
// of Shutdown with a limit of five seconds. If another goroutine stops the node, Run
// returns nil when the node has ended. If ctx has ended already, Run returns its error
// and does not start the node.
func (n *Node) Run(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	d, err := n.start()
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-d.ended:
		return nil
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return n.Shutdown(last)
}

// UndeliveredError reports what Stop or Shutdown did not wait for, and what is lost.
type UndeliveredError struct {
	Unsent  int      // events of this node that no neighbour has taken, or only those that stopped in the same moment and may not have passed them on; those of Peer.Emit among them
	Bytes   int      // that were still to be sent
	Events  int      // left for the handlers, hooks and those that run among them
	Running []string // functions of the program that have not returned, such as "Resolver.Lookup(dns://x)"; sorted
	Err     error    // why: that of the context; or ErrBusy: neighbours are slow; ErrAlone; ErrHangs: only Running is set
}

// Error implements error.
func (e *UndeliveredError) Error() string {
	var parts []string
	if e.Unsent > 0 {
		parts = append(parts, fmt.Sprintf("%d events of this node reached no neighbour", e.Unsent))
	}
	if e.Bytes > 0 {
		parts = append(parts, fmt.Sprintf("%d bytes were not sent", e.Bytes))
	}
	if e.Events > 0 {
		parts = append(parts, fmt.Sprintf("%d events were not handled", e.Events))
	}
	if len(e.Running) > 0 {
		parts = append(parts, "still running: "+strings.Join(e.Running, ", "))
	}
	if len(parts) == 0 {
		return fmt.Sprintf("stop the node: %v", e.Err)
	}
	return fmt.Sprintf("stop the node: %s: %v", strings.Join(parts, "; "), e.Err)
}

// Unwrap returns Err.
func (e *UndeliveredError) Unwrap() error { return e.Err }

// isEmpty reports whether nothing was left.
func (e *UndeliveredError) isEmpty() bool {
	return e.Unsent == 0 && e.Bytes == 0 && e.Events == 0 && len(e.Running) == 0
}

// Shutdown is Stop with a time limit that the caller chooses: it returns when ctx ends,
// at the latest. If ctx has ended already, Shutdown still stops the node, and returns an
// error that wraps that of ctx.
func (n *Node) Shutdown(ctx context.Context) error { return n.shutdown(ctx, 0) }

// shutdown is Shutdown. If within is not 0, it bounds the waiting after that of
// awaitTaken.
func (n *Node) shutdown(ctx context.Context, within time.Duration) error {
	n.mu.Lock()
	if s := n.starting; s != nil {
		s.stopped = true
		s.cancel()
		n.mu.Unlock()
		ctx, cancel := withTimeout(ctx, within)
		defer cancel()
		return s.stop(ctx)
	}
	d := n.driver
	if d == nil {
		ending := n.ending
		n.mu.Unlock()
		ctx, cancel := withTimeout(ctx, within)
		defer cancel()
		return n.awaitEnd(ctx, ending)
	}
	defer close(d.ended)
	n.driver, n.ending, n.stopped = nil, d.ended, true
	n.mu.Unlock()
	n.peerlist.tell()
	tooLate := ctx.Err()
	isInside := isCallback()
	d.awaitTaken(ctx)
	ctx, cancel := withTimeout(ctx, within)
	defer cancel()
	left := d.stop(ctx, isInside)
	left.await(ctx, n.events)
	n.log.Info("stopped", nil)
	left.awaitProgram(ctx, d, isInside)
	switch {
	case ctx.Err() != nil:
		left.Err = ctx.Err()
	case left.Bytes > 0, left.Events > 0:
		left.Err = ErrBusy // a slow neighbour takes no more than LastWords of what waits
	case left.Unsent > 0:
		left.Err = ErrAlone
	default:
		left.Err = ErrHangs
	}
	if left.isEmpty() && tooLate == nil {
		return nil
	}
	return left
}

// withTimeout is context.WithTimeout; 0 means none.
func withTimeout(ctx context.Context, within time.Duration) (context.Context, context.CancelFunc) {
	if within == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, within)
}

// await lets the handlers of an emitter finish, and closes it.
func (e *UndeliveredError) await(ctx context.Context, events *emitter.Emitter) {
	var drain *emitter.DrainError
	if err := events.Drain(ctx); errors.As(err, &drain) && !errors.Is(err, emitter.ErrInside) {
		e.Events += drain.Left
	}
	// Now there is nothing to wait for, or the waiting has failed already.
	if err := events.CloseContext(ctx); err != nil && !errors.Is(err, emitter.ErrInside) {
		e.Running = append(e.Running, "a handler")
	}
}

// awaitProgram waits for the program's functions that are no handlers. Called from one of
// them, it does not wait: it would wait for itself.
func (e *UndeliveredError) awaitProgram(ctx context.Context, d *driver, isInside bool) {
	if isInside {
		return
	}
	d.outside.Await(ctx)
	e.Running = append(e.Running, d.outside.Names()...)
	isWritten := false
	if ctx.Err() != nil {
		isWritten = d.log.FlushBriefly()
	} else {
		isWritten = d.log.Flush(ctx)
	}
	if !isWritten {
		e.Running = append(e.Running, "Options.Logger")
	}
	slices.Sort(e.Running)
	e.Running = slices.Compact(e.Running)
}

// awaitEnd waits for a Shutdown that another goroutine has called.
func (n *Node) awaitEnd(ctx context.Context, ending <-chan struct{}) error {
	if ending == nil || isCallback() {
		return nil
	}
	select {
	case <-ending:
		return nil
	default:
	}
	select {
	case <-ending:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop the node: wait for who else stops it: %w", ctx.Err())
	}
}

// stop ends a life, and returns what was left of it, the node's own handlers
// aside. Called from the program's code (isInside), it does not wait for the goroutines of
// the life, one of which may be the caller's.
func (d *driver) stop(ctx context.Context, isInside bool) *UndeliveredError {
	left := &UndeliveredError{}
	d.mu.Lock()
	d.stopping = true // no more emits and links
	d.mu.Unlock()
	d.closeListener()
	if d.awaitRoom(ctx, false) == nil {
		d.mu.Unlock()
	}

	var open []*link
	var anchors []string
	leftAt := time.Now()
	d.step(func(now time.Time) {
		for l := range d.conns { // order does not matter: all are waited for
			open = append(open, l)
			left.Bytes += max(d.machine.Lag(l.id)-overlay.LastWords, 0)
		}
		anchors = d.machine.Anchors()
		d.hasLeft = true
		d.machine.Leave(now, d)
	})
	flushed := make(chan struct{})
	// Owned by stop; ends when the links have, which closing ensures below, unless a
	// connection of the program hangs. Here a link ends when the peer has hung up: it has
	// taken all in then. To close before that could destroy what is on its way.
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
	d.cancel() // ends dials, look-ups and greetings
	for _, l := range open {
		l.closeSoon()
	}
	d.awaitGoroutines(ctx, isInside)
	d.mu.Lock()
	heard := d.machine.Heard()
	d.machine = nil
	d.timer.Stop()
	for token := range d.calls { // order does not matter: each call waits for its own
		d.answer(token, result{err: ErrStopped})
	}
	peers := d.peers
	d.peers = nil
	former := d.formerConns
	d.mu.Unlock()
	d.saveState(ctx, state{anchors, heard})
	d.host.keep(heard, anchors)
	for _, p := range peers {
		p.finish()
		left.await(ctx, p.events)
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
	return left
}

// awaitGoroutines waits for the goroutines of this life to the end of ctx. Some of them
// may wait for the program: what these do after that finds no machine.
func (d *driver) awaitGoroutines(ctx context.Context, isInside bool) {
	if isInside {
		return
	}
	ended := make(chan struct{})
	// Owned by this life; it ends with the last goroutine of it.
	go func() {
		d.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}
