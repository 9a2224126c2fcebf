package loadtest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// join starts one more node and calls Join for it.
func (h *hall) join(o smoke.Options) (time.Duration, error) {
	h.Helper()
	node := h.enter(o, false)
	start := time.Now()
	err := Join(h.Context(), node, o, JoinWithin)
	return time.Since(start), err
}

func TestJoin(t *testing.T) {
	inHall(t, func(t *testing.T, h *hall) {
		seeds := []string{ip(1) + ":8495"}
		if took, err := h.join(smoke.Options{Seeds: seeds}); err != nil || took > time.Second {
			t.Errorf("after %v: %v", took, err)
		}
		if err := Join(t.Context(), h.nodes[1], smoke.Options{}, 0); err != nil {
			t.Errorf("again: %v", err)
		}
		ctx, interrupt := context.WithCancel(t.Context())
		interrupt()
		alone := h.enter(smoke.Options{Seeds: []string{"10.0.0.99:1"}}, false)
		if err := Join(ctx, alone, smoke.Options{}, JoinWithin); !errors.Is(err, ErrInterrupted) {
			t.Errorf("interrupted: %v", err)
		}
	})
}

// If no node is found, the error names what was tried and what to check. Join returns the
// error at once if waiting can't help.
func TestNobodyIsFound(t *testing.T) {
	for _, story := range []struct {
		name    string
		options smoke.Options
		after   time.Duration
		says    []string
	}{
		{"nobody there", smoke.Options{Seeds: []string{"10.0.0.99:1"}}, JoinWithin,
			[]string{`no node of network ""`, "tried 10.0.0.99:1: ", "firewall"}},
		{"a host that refuses", smoke.Options{Seeds: []string{ip(1) + ":1"}}, JoinWithin,
			[]string{"tried 10.0.0.1:1: refused", "smoke ping "}},
		{"another network", smoke.Options{Seeds: []string{ip(1) + ":8495"}, Network: "other"}, firstTry,
			[]string{`no node of network "other"`, "another network", "--network NAME"}},
		{"itself", smoke.Options{Seeds: []string{ip(2) + ":8495"}}, firstTry,
			[]string{"the node itself", "name another node"}},
		{"one of two may come", smoke.Options{Seeds: []string{ip(1) + ":8495", ip(1) + ":1"}, Network: "other"}, JoinWithin,
			[]string{"tried 10.0.0.1:8495", "tried 10.0.0.1:1"}},
		{"a name", smoke.Options{Seeds: []string{"dns://nowhere:1"}, Resolver: nobodyKnows{}}, JoinWithin,
			[]string{"tried dns://nowhere:1: "}},
		{"no seeds", smoke.Options{Seeds: []string{}}, JoinWithin, []string{"there are no seeds"}},
	} {
		inHall(t, func(t *testing.T, h *hall) {
			took, err := h.join(story.options)
			if alone, ok := errors.AsType[*AloneError](err); !ok || alone.After != took {
				t.Fatalf("%s: after %v: %v", story.name, took, err)
			}
			if took < story.after || took > story.after+tryWithin {
				t.Errorf("%s: it took %v", story.name, took)
			}
			for _, says := range story.says {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("%s: there is no %q in: %v", story.name, says, err)
				}
			}
		})
	}
}

// nobodyKnows is a resolver that resolves no name.
type nobodyKnows struct{}

// Lookup implements discovery.Resolver.
func (nobodyKnows) Lookup(context.Context, string) ([]string, error) {
	return nil, errors.New("there is no such name")
}
