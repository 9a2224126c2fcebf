package smoke_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// Four nodes, each linked with each other one, all emit as fast as Emit lets them,
// and their histories hold half of it: in every circle of links everything
// is full at once. It comes to an end, and everybody has heard everything.
//
// It fails where readers wait: have link.read wait, without patience, until no link
// of the node is congested, and each node waits for the next one around the circle.
// And where nobody is asked to slow down: let driver.measure never press, and
// events are gone from all histories before all have them.
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

// ballast is what a shouted word carries, in bytes.
const ballast = 512

// shout emits words that are heavy, and gives up with ctx.
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

// A neighbour that takes nothing in holds emitters up for a while, and then no
// more; the log says whose events wait.
func TestANeighbourThatIsSlowForGoodHoldsNobodyUp(t *testing.T) {
	s := tell(t)
	ann := s.start(smoke.Options{})
	ann.burden()
	ann.wantLogged("a neighbour is slow", "bytes")

	// What it did not take is told at the end, and why.
	err := ann.Stop()
	left, ok := errors.AsType[*smoke.UndeliveredError](err)
	if !ok || left.Bytes < 1<<20 || !errors.Is(err, smoke.ErrBusy) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stop: %v", err)
	}
}

// burden gives the node a neighbour that takes nothing in, and has it emit more than
// the sockets of both ends hold.
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
