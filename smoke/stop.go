package smoke

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/engine"
)

// stopWithin limits the time for which Stop waits for outboxes, handlers and other
// functions of the program. Before that, Stop waits for a neighbour to take the emitted
// events.
const stopWithin = time.Second

// Stop ends the node. It notifies the neighbours, sends all that waits for them, lets the
// handlers finish their events, and closes all links and the listener. It returns when
// every goroutine of the node has ended, except those in functions of the program that do
// not return. If the node does not run, Stop returns nil.
//
// If no neighbour has taken the events that the node emitted, Stop first tries each seed
// once and waits until a neighbour has taken them, for two seconds at most. After that it
// waits for one second at most. If something is left, Stop returns an *[UndeliveredError].
// It also names functions of the program that still run. The node can't end these; it
// ignores their results. The node can be started again, but its handlers run one after
// another: if a handler still runs, the handlers of the next life wait for it.
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
	l, err := n.start()
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-l.ended:
		return nil
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return n.Shutdown(last)
}

// UndeliveredError reports what Stop or Shutdown did not wait for, and what is lost.
type UndeliveredError struct {
	// Unsent is the number of events of this node, those of Peer.Emit included, that
	// may be lost. No neighbour has taken them, or only neighbours that stopped at the
	// same moment.
	Unsent int

	Bytes   int      // bytes that were still to be sent
	Events  int      // events and hooks that did not run to their end, running ones included
	Running []string // functions of the program that have not returned, such as `a handler of "chat"` or "Resolver.Lookup(dns://x)"; sorted
	Err     error    // the cause: the error of the context; ErrBusy: neighbours are slow; ErrAlone; or ErrHangs: only Running is set
}

// Error implements error.
func (e *UndeliveredError) Error() string {
	var parts []string
	if e.Unsent > 0 {
		parts = append(parts, plural(e.Unsent, "event", "events")+" of this node reached no neighbour")
	}
	if e.Bytes > 0 {
		parts = append(parts, plural(e.Bytes, "byte was", "bytes were")+" not sent")
	}
	if e.Events > 0 {
		parts = append(parts, plural(e.Events, "event or hook was", "events and hooks were")+" not handled")
	}
	if len(e.Running) > 0 {
		parts = append(parts, "still running: "+strings.Join(e.Running, ", "))
	}
	if len(parts) == 0 {
		return fmt.Sprintf("stop the node: %v", e.Err)
	}
	return fmt.Sprintf("stop the node: %s: %v", strings.Join(parts, "; "), e.Err)
}

// plural returns n with the word for one or for several.
func plural(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}

// Unwrap returns Err.
func (e *UndeliveredError) Unwrap() error { return e.Err }

// Shutdown is like Stop, with a time limit that the caller chooses: it returns at the
// latest when ctx ends. If the node does not run, Shutdown returns nil, whatever ctx is.
//
// If something is left when ctx ends, Shutdown returns an *[UndeliveredError] that wraps
// the error of ctx: errors.Is(err, context.DeadlineExceeded) then holds after a timeout.
// If ctx has ended before the call, Shutdown still stops the node, and always returns such
// an error. If another goroutine already stops the node, Shutdown waits for it, and
// returns the wrapped error of ctx if that ends first.
func (n *Node) Shutdown(ctx context.Context) error { return n.shutdown(ctx, 0) }

// shutdown implements Shutdown. If within is not 0, it limits the wait that follows
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
	l := n.present
	if l == nil {
		ending := n.ending
		n.mu.Unlock()
		ctx, cancel := withTimeout(ctx, within)
		defer cancel()
		return n.awaitEnd(ctx, ending)
	}
	defer close(l.ended)
	n.present, n.ending, n.stopped = nil, l.ended, true
	n.mu.Unlock()
	n.peerlist.tell()
	tooLate := ctx.Err()
	isInside := isCallback()
	l.driver.AwaitTaken(ctx)
	ctx, cancel := withTimeout(ctx, within)
	defer cancel()
	left, memory := l.driver.Stop(ctx, isInside)
	n.remember(memory)
	left.AwaitHandlers(ctx, n.events)
	n.log.Info("stopped", nil)
	n.awaitProgram(ctx, l, left, isInside)
	if tooLate == nil && left.Unsent == 0 && left.Bytes == 0 && left.Events == 0 && len(left.Running) == 0 {
		return nil
	}
	e := &UndeliveredError{Unsent: left.Unsent, Bytes: left.Bytes, Events: left.Events, Running: left.Running}
	switch {
	case ctx.Err() != nil:
		e.Err = ctx.Err()
	case e.Bytes > 0, e.Events > 0:
		e.Err = ErrBusy // of the bytes that wait, a slow neighbour takes no more than LastWords
	case e.Unsent > 0:
		e.Err = ErrAlone
	default:
		e.Err = ErrHangs
	}
	return e
}

// withTimeout is like context.WithTimeout; 0 means no timeout.
func withTimeout(ctx context.Context, within time.Duration) (context.Context, context.CancelFunc) {
	if within == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, within)
}

// awaitProgram waits for the program's functions that are no handlers. If such a function
// calls it, it does not wait, because it would wait for itself.
func (n *Node) awaitProgram(ctx context.Context, l *life, left *engine.Unfinished, isInside bool) {
	if isInside {
		return
	}
	left.Running = append(left.Running, l.driver.AwaitCalls(ctx)...)
	isWritten := false
	if ctx.Err() != nil {
		isWritten = n.log.FlushBriefly()
	} else {
		isWritten = n.log.Flush(ctx)
	}
	if !isWritten {
		left.Running = append(left.Running, "Options.Logger")
	}
	slices.Sort(left.Running)
	left.Running = slices.Compact(left.Running)
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

// remember stores the data with which the next life begins.
func (n *Node) remember(m engine.Memory) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.memory.Heard = m.Heard
	if len(m.Anchors) > 0 {
		n.memory.Anchors = m.Anchors
	}
}
