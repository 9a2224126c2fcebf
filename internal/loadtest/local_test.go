package loadtest

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

func quiet(int) smoke.Options { return smoke.Options{Logger: slog.New(slog.DiscardHandler)} }

// Two nodes on real loopback TCP. Their speed is not checked.
func TestTwoNodesOnLoopback(t *testing.T) {
	local, err := StartLocal(t.Context(), 2, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := local.Close(); err != nil {
			t.Error(err)
		}
	}()
	phases := make(map[Phase]bool)
	small := Plan{Rate: 500, Size: 200, For: 200 * time.Millisecond, Warmup: 20 * time.Millisecond}
	r, err := Measure(t.Context(), local.Nodes[0], local.Watch, small, func(phase Phase, _, _ time.Duration) { phases[phase] = true })
	if err != nil {
		t.Fatal(err)
	}
	// If the machine stalls, fewer events than planned are emitted.
	wantGood(t, r, r.Events, r.Warmup, 1)
	if r.Events == 0 || r.Nodes != 2 || r.Latency.Samples != r.Events || r.Last.Samples != r.Events || len(phases) != 3 {
		t.Errorf("%+v, phases %v", r, phases)
	}
}

func TestALocalNetworkThatCannotStart(t *testing.T) {
	for name, c := range map[string]struct {
		options func(i int) smoke.Options
		wants   func(error) bool
	}{
		"bad options": {func(i int) smoke.Options { o := quiet(i); o.Port = -i; return o }, func(err error) bool {
			_, ok := errors.AsType[*smoke.OptionsError](err)
			return ok
		}},
		"two networks": {func(i int) smoke.Options { o := quiet(i); o.Network = string(rune('a' + i)); return o }, func(err error) bool {
			return errors.Is(err, ErrInterrupted)
		}},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		if name == "two networks" {
			time.AfterFunc(50*time.Millisecond, cancel) // these nodes never become one network
		}
		if _, err := StartLocal(ctx, 3, c.options); !c.wants(err) {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
}
