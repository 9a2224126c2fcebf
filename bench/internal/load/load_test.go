package load

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/smokesignal-go/smokesignal/bench/internal/check"
	"github.com/smokesignal-go/smokesignal/bench/internal/contest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a network that delivers at once, without the deliveries for which drop returns true.
type fake struct {
	contest.Config
	drop    func(to int, m check.Message) bool
	stalled atomic.Bool
	closed  atomic.Bool
}

func (f *fake) Emit(m check.Message) error {
	if f.closed.Load() {
		return errors.New("closed")
	}
	for to := range f.N {
		if f.stalled.Load() && to == f.N-1 || f.drop != nil && f.drop(to, m) {
			continue
		}
		f.Receive.Receive(to, m)
	}
	return nil
}

func (f *fake) Close() error                { f.closed.Store(true); return nil }
func (f *fake) Stall() error                { f.stalled.Store(true); return nil }
func (f *fake) Out() bool                   { return f.stalled.Load() }
func (f *fake) Troubles() map[string]uint64 { return map[string]uint64{"good": 0, "bad": 2} }
func (f *fake) LinksLost() uint64           { return 3 }

func faked(drop func(to int, m check.Message) bool) contest.Contestant {
	return contest.Contestant{Name: "fake", Open: func(_ context.Context, c contest.Config) (contest.Net, error) {
		return &fake{Config: c, drop: drop}, nil
	}}
}

// short returns a small measurement of a workload.
func short(workload string) Spec {
	return Spec{Workload: workload, N: 4, Size: 64, Rate: 2000, Warm: 20 * time.Millisecond, For: 80 * time.Millisecond}
}

func TestEveryWorkloadBringsItsFigures(t *testing.T) {
	for workload, names := range map[string][]string{
		"flat":   {Rate, CPU, Bytes, Share, Others, PeakRSS, Goroutines, Form, FormCPU, FormDrops},
		"steady": {Rate, P50, P99, P999, Max, LastP50, LastP99, PacerP99, PeakRSS},
		"form":   {Form, FormCPU, FormDrops, PeakRSS},
		"idle":   {Share, IdleBytes, IdleGoroutines, IdleRSS},
		"stall":  {CalmP99, StallP99, StallRise, StallOut, StallRSS, StallLost},
	} {
		r := Measure(t.Context(), faked(nil), short(workload))
		if r.Error != "" || r.Missing != "" {
			t.Errorf("%s: %q, %q", workload, r.Error, r.Missing)
		}
		for _, name := range names {
			if _, ok := r.Figures[name]; !ok {
				t.Errorf("%s: no %s", workload, name)
			}
		}
		if r.Lost != 0 || r.Troubles["bad"] != 2 || len(r.Troubles) != 1 {
			t.Errorf("%s: lost %d, troubles %v", workload, r.Lost, r.Troubles)
		}
	}
}

func TestLossesAreCounted(t *testing.T) {
	r := Measure(t.Context(), faked(func(to int, m check.Message) bool { return to == 1 && m.From == 0 && m.Seq%10 == 3 }), short("steady"))
	// 200 messages, 50 of them from node 0. Of these, numbers 3, 13, …, 43 are dropped.
	if r.Lost != 5 || r.Counts.Sent != 200 || r.Counts.Delivered != 595 {
		t.Errorf("lost %d, %+v", r.Lost, r.Counts)
	}
}

func TestOneOfTheSendersOnly(t *testing.T) {
	spec := short("flat")
	spec.Senders = 1
	r := Measure(t.Context(), faked(func(_ int, m check.Message) bool { return m.From != 0 }), spec)
	if r.Lost != 0 || r.Counts.Sent == 0 {
		t.Errorf("lost %d, %+v", r.Lost, r.Counts)
	}
}

// slow is a network that delivers on request, and records the most messages that waited.
type slow struct {
	contest.Config
	mu    sync.Mutex
	held  []check.Message
	most  int
	until int
}

func (s *slow) Emit(m check.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = append(s.held, m)
	s.most = max(s.most, len(s.held))
	if len(s.held) == s.until {
		for _, m := range s.held {
			for to := range s.N {
				s.Receive.Receive(to, m)
			}
		}
		s.held = nil
	}
	return nil
}

func (s *slow) Close() error { return nil }

// TestTheWindowHoldsSenders: a network delivers only when it holds 8 messages. With a window
// of 8 it always delivers again, and never holds a ninth message.
func TestTheWindowHoldsSenders(t *testing.T) {
	net := &slow{until: 8}
	spec := short("flat")
	spec.Senders, spec.Window = 1, 8
	r := Measure(t.Context(), contest.Contestant{Open: func(_ context.Context, c contest.Config) (contest.Net, error) {
		net.Config = c
		return net, nil
	}}, spec)
	if r.Error != "" || net.most != 8 || r.Counts.Sent <= 8 {
		t.Errorf("%q, at most %d held, %+v", r.Error, net.most, r.Counts)
	}
}

func TestTheStalledOneDoesNotCount(t *testing.T) {
	spec := short("stall")
	spec.Prime = 5
	r := Measure(t.Context(), faked(nil), spec)
	if r.Error != "" || r.Figures[StallLost] != 0 || r.Lost != 0 {
		t.Errorf("%q, lost by others %v, lost %d", r.Error, r.Figures[StallLost], r.Lost)
	}
	if want := uint64(3*5 + 200); r.Counts.Sent != want {
		t.Errorf("%d sent, want %d", r.Counts.Sent, want)
	}
}

func TestWhatCannotBeMeasuredSaysWhy(t *testing.T) {
	broken := contest.Contestant{Open: func(context.Context, contest.Config) (contest.Net, error) {
		return nil, errors.Join(errors.New("no luck"), errors.New("again"), errors.New("and again"))
	}}
	if r := Measure(t.Context(), broken, short("flat")); r.Error != "form: no luck (and 2 more)" {
		t.Errorf("error %q", r.Error)
	}
	absent := contest.Contestant{Open: func(context.Context, contest.Config) (contest.Net, error) {
		return nil, &contest.Missing{Why: "not here"}
	}}
	if r := Measure(t.Context(), absent, short("flat")); r.Missing != "not here" || r.Error != "" {
		t.Errorf("missing %q, error %q", r.Missing, r.Error)
	}
	small := faked(nil)
	small.MaxSize = 63
	if r := Measure(t.Context(), small, short("flat")); !strings.Contains(r.Missing, "63 bytes") {
		t.Errorf("missing %q", r.Missing)
	}
	if r := Measure(t.Context(), faked(nil), Spec{Workload: "?"}); r.Error == "" {
		t.Error("no error")
	}
}

func TestPercentiles(t *testing.T) {
	var values []uint32
	for v := range uint32(1000) {
		values = append(values, 10*(1000-v)) // 1 µs to 1 ms
	}
	for share, want := range map[float64]float64{0: 1e-6, 0.5: 501e-6, 0.99: 991e-6, 1: 1e-3} {
		if got, ok := percentile(values, share); !ok || got != want {
			t.Errorf("%v: %v, %v; want %v", share, got, ok, want)
		}
	}
	if _, ok := percentile(nil, 0.5); ok {
		t.Error("nothing has a median")
	}
	if ticksOf(-time.Second) != 1 || ticksOf(time.Hour) != 1<<32-1 {
		t.Error("what is out of range is not clamped")
	}
}
