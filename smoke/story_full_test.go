package smoke_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// Four nodes are all linked with each other. All emit as fast as Emit permits, and their
// histories hold half of the events, so everything is full in each circle of links. Emit
// returns each time, and all nodes receive all events.
//
// The test fails if readers wait: make link.read wait without a bound until no link of
// the node is congested. Then each node waits for the next one around the circle. It also
// fails if no node asks emitters to slow down: make driver.measure never send a SLOW.
// Then events leave all histories before all nodes have them.
func TestACircleOfFullNodesComesToAnEnd(t *testing.T) {
	s := tell(t)
	events := 20_000
	if raced {
		events /= 10
	}
	o := smoke.Options{MinPeers: 3, MaxPeers: 3}
	seed := s.create(o)
	cast := []*actor{seed}
	if err := seed.Start(); err != nil {
		t.Fatal(err)
	}
	o.Seeds = []string{seed.Addr()}
	cast = append(cast, s.startAtOnce(3, o)...)
	s.wantOverlay(cast, 3)

	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	start := time.Now()
	each(cast, func(a *actor) { a.shout(ctx, events) })
	t.Logf("emitted within %v", time.Since(start))
	s.wantHeard(cast, cast)
	t.Logf("%d events of %d bytes heard by 3 others each, within %v", len(cast)*events, ballast, time.Since(start))
	s.wantNever(cast, "gap", "disconnect")
}

// ballast is the size of the second argument of an event of shout, in bytes.
const ballast = 512

// shout emits large events until ctx ends.
func (a *actor) shout(ctx context.Context, words int) {
	a.story.Helper()
	load := make([]byte, ballast)
	for range words {
		a.spoken++
		if err := a.Broadcast().EmitContext(ctx, "word", a.spoken, load); err != nil {
			a.story.Error(fmt.Errorf("shout word %d: %w", a.spoken, err))
			return
		}
	}
}

// A neighbour that reads nothing delays emitters for a while, and then no longer. The log
// names the neighbour.
func TestANeighbourThatStaysSlowDoesNotDelayEmitters(t *testing.T) {
	s := tell(t)
	ann := s.start(smoke.Options{})
	ann.burden()
	ann.wantLogged("a neighbour is slow", "bytes")

	// Stop reports the events that the neighbour did not take, and the reason.
	err := ann.Stop()
	left, ok := errors.AsType[*smoke.UndeliveredError](err)
	if !ok || left.Bytes < 1<<20 || !errors.Is(err, smoke.ErrBusy) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stop: %v", err)
	}
}

// burden links the node with a neighbour that reads nothing, and emits more than the
// sockets of both ends hold.
func (a *actor) burden() {
	a.story.Helper()
	deaf := visit(a.story, a.Addr())
	deaf.befriend()
	ballast := make([]byte, 1<<20-64)
	for range 12 {
		if err := a.Broadcast().Emit("ballast", ballast); err != nil {
			a.story.Fatal(err)
		}
	}
}
