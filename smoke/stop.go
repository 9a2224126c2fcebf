package smoke

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
)

// stopWithin is how long Stop waits for outboxes and handlers.
const stopWithin = time.Second

// Stop ends the node: it says goodbye to its neighbours, sends what is in the
// outboxes, lets the handlers finish what they have, closes all links and the
// listener, and returns when every goroutine of the node has ended. It waits a
// second at most for neighbours and handlers; what was left then is in the
// error, an *[UndeliveredError]. A handler that runs even then can't be ended: it
// is the last one. Nor can [Options].Admit, whose context has ended. A node that does
// not run is stopped already: nil.
//
// Called from a handler, Stop does not wait for handlers; no further one runs.
// If somebody else is stopping the node already, Stop waits for that.
func (n *Node) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	return n.Shutdown(ctx)
}

// Run starts the node and stops it when ctx ends. It returns what Start or
// Shutdown, with five seconds, returns.
func (n *Node) Run(ctx context.Context) error {
	if err := n.Start(); err != nil {
		return err
	}
	<-ctx.Done()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return n.Shutdown(last)
}

// UndeliveredError says what Stop or Shutdown did not wait for any longer.
type UndeliveredError struct {
	Bytes  int   // that were still to be sent
	Events int   // left for the handlers, hooks and those that run among them
	Err    error // why: that of the context, or ErrBusy where neighbours are slow
}

// Error gives the sentence.
func (e *UndeliveredError) Error() string {
	return fmt.Sprintf("stop the node: %d bytes were not sent and %d events not handled: %v", e.Bytes, e.Events, e.Err)
}

// Unwrap gives Err.
func (e *UndeliveredError) Unwrap() error { return e.Err }

// Shutdown is Stop with an end of one's own to the waiting.
func (n *Node) Shutdown(ctx context.Context) error {
	n.mu.Lock()
	d := n.driver
	if d == nil {
		ending := n.ending
		n.mu.Unlock()
		return n.awaitEnd(ctx, ending)
	}
	ended := make(chan struct{})
	defer close(ended)
	n.driver, n.ending, n.stopped = nil, ended, true
	n.mu.Unlock()
	n.peerlist.tell()
	left := d.stop(ctx)
	left.await(ctx, n.events)
	n.log.info("stopped", nil)
	if left.Bytes > 0 || left.Events > 0 {
		if left.Err = ctx.Err(); left.Err == nil {
			left.Err = ErrBusy // a slow neighbour takes no more than LastWords of what waits
		}
		return left
	}
	return nil
}

// await lets the handlers of an emitter finish, and closes it.
func (e *UndeliveredError) await(ctx context.Context, events *emitter.Emitter) {
	var drain *emitter.DrainError
	if err := events.Drain(ctx); errors.As(err, &drain) && !errors.Is(err, emitter.ErrInside) {
		e.Events += drain.Left
	}
	// Now there is nothing to wait for, or the waiting has failed already.
	_ = events.CloseContext(ctx)
}

// awaitEnd waits for a Shutdown that somebody else has called.
func (n *Node) awaitEnd(ctx context.Context, ending <-chan struct{}) error {
	if ending == nil || emitter.Inside() {
		return nil
	}
	select {
	case <-ending:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop the node: wait for who else stops it: %w", ctx.Err())
	}
}

// stop ends a life, and returns what was left of it, the node's own handlers
// aside.
func (d *driver) stop(ctx context.Context) *UndeliveredError {
	left := &UndeliveredError{}
	d.mu.Lock()
	d.stopping = true // no more emits and links
	d.mu.Unlock()
	d.listener.Close()
	if d.awaitRoom(ctx, false) == nil {
		d.mu.Unlock()
	}

	var open []*link
	var anchors []string
	d.step(func(now time.Time) {
		for l := range d.conns { // order does not matter: all are waited for
			open = append(open, l)
			left.Bytes += max(d.machine.Lag(l.id)-overlay.LastWords, 0)
		}
		anchors = d.machine.Anchors()
		d.machine.Leave(now, d)
	})
	flushed := make(chan struct{})
	// Owned by stop; ends when the links have, which closing ensures below. Here
	// a link ends when the peer has hung up: it has taken all in then. To close
	// before that could destroy what is on its way.
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
		if bytes, wasCut := l.unsent(); late || wasCut {
			left.Bytes += bytes
		}
	}
	d.cancel() // ends dials, look-ups and greetings
	for _, l := range open {
		l.conn.Close()
	}
	d.running.Wait()
	<-flushed
	d.mu.Lock()
	heard := d.machine.Heard()
	d.machine = nil
	d.timer.Stop()
	for token := range d.calls { // order does not matter: each call waits for its own
		d.answer(token, result{err: ErrStopped})
	}
	peers := d.peers
	d.peers = nil
	d.mu.Unlock()
	d.saveState(state{anchors, heard})
	d.node.mu.Lock()
	d.node.heard = heard
	if len(anchors) > 0 {
		d.node.anchors = anchors
	}
	d.node.mu.Unlock()
	for _, p := range peers {
		left.await(ctx, p.events)
	}
	return left
}
