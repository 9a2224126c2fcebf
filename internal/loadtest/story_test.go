package loadtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport/mem"
)

// hall is a set of real nodes on a network in memory, in virtual time. The latency is 5 ms.
// Node 1 emits.
type hall struct {
	*testing.T
	network   *mem.Network
	watch     *Watch // nil if round trips are measured
	nodes     []*smoke.Node
	receivers []*Receiver
	ended     map[int]chan Run // for each node, the runs that its receiver reported
}

const way = 5 * time.Millisecond

// inHall runs a story with one emitter.
func inHall(t *testing.T, story func(t *testing.T, h *hall)) {
	synctest.Test(t, func(t *testing.T) {
		h := &hall{T: t, network: mem.New(), ended: make(map[int]chan Run)}
		h.network.Latency(way)
		defer h.close()
		h.enter(smoke.Options{}, false)
		story(t, h)
	})
}

func ip(number int) string { return fmt.Sprintf("10.0.0.%d", number) }

// enter starts a node, with a receiver if counts is true.
func (h *hall) enter(o smoke.Options, counts bool) *smoke.Node {
	h.Helper()
	number := len(h.nodes) + 1
	o.ID, o.Address, o.Port = smoke.ID{byte(number)}, ip(number), 8495
	o.Transport = h.network.Host(o.Address)
	o.Logger = slog.New(slog.DiscardHandler)
	if number > 1 && o.Seeds == nil {
		o.Seeds = []string{ip(1) + ":8495"}
	}
	node := smoke.CreateNode(o)
	h.nodes = append(h.nodes, node)
	if counts {
		ended := make(chan Run, 8)
		h.ended[number] = ended
		h.receivers = append(h.receivers, NewReceiver(node, h.watch, func(r Run) { ended <- r }))
	}
	if err := node.Start(); err != nil {
		h.Fatalf("start node %d: %v", number, err)
	}
	return node
}

// receive starts n nodes with receivers, and waits until all nodes are one network.
func (h *hall) receive(n int) {
	h.Helper()
	for range n {
		h.enter(smoke.Options{}, true)
	}
	h.settle()
}

func (h *hall) settle() {
	h.Helper()
	for range 1000 {
		if n, err := h.nodes[0].Count(h.Context()); err == nil && n == len(h.nodes) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.Fatal("they are not one network")
}

func (h *hall) close() {
	for _, node := range h.nodes {
		node.Stop() // may fail, since a story may have killed the node or cut it off
	}
	for _, r := range h.receivers {
		if err := r.Close(); err != nil {
			h.Error(err)
		}
	}
}

func (h *hall) measure(plan Plan) *Result {
	h.Helper()
	result, err := Measure(h.Context(), h.nodes[0], h.watch, plan, nil)
	if err != nil {
		h.Fatal(err)
	}
	return result
}

// plan is a small run: 300 events.
var plan = Plan{Rate: 100, Size: 128, For: 2 * time.Second, Warmup: time.Second}

func wantGood(t *testing.T, r *Result, events, warmup uint64, receivers int) {
	t.Helper()
	all := (events + warmup) * uint64(receivers)
	if !r.Good || r.Interrupted || r.Events != events || r.Warmup != warmup || r.Receivers != receivers || r.Reports != receivers ||
		r.Expected != all || r.Received != all || r.Percent != 100 || r.Lost+r.Told+r.Duplicates+r.OutOfOrder+r.Corrupt != 0 {
		t.Errorf("%+v", r)
	}
}

func TestOneWayInOneProcess(t *testing.T) {
	inHall(t, func(t *testing.T, h *hall) {
		h.watch = NewWatch()
		h.receive(7)
		for range 2 { // nothing of the first run may affect the second
			r := h.measure(plan)
			wantGood(t, r, 200, 100, 7)
			if r.Nodes != 8 || r.Kind != OneWay || r.Achieved != 100 || r.Latency.Samples != 1400 || r.Last.Samples != 200 {
				t.Errorf("%+v", r)
			}
			// The nearest receiver is one latency away. How far the others are, and
			// whether an event was pulled, depends on the overlay.
			if r.Latency.P50 < 5*ms || r.Last.P50 < r.Latency.P50 || r.Latency.Max != r.Last.Max {
				t.Errorf("each %+v, last %+v", r.Latency, r.Last)
			}
		}
	})
}

// Between processes round trips are measured: to the receiver and back by the echo.
func TestRoundTripsBetweenProcesses(t *testing.T) {
	inHall(t, func(t *testing.T, h *hall) {
		h.receive(1)
		r := h.measure(plan)
		wantGood(t, r, 200, 100, 1)
		if r.Kind != RoundTrip || r.Asked != 200 {
			t.Errorf("%s of %d", r.Kind, r.Asked)
		}
		wantLatency(t, "each", r.Latency, 200, 10*ms, 10*ms)
		wantLatency(t, "last", r.Last, 200, 10*ms, 10*ms)
	})
}

// Nodes without a receiver relay events. The emitter does not wait for them.
func TestOthersOnlyPassOn(t *testing.T) {
	inHall(t, func(t *testing.T, h *hall) {
		for range 3 {
			h.enter(smoke.Options{}, false)
		}
		h.receive(2)
		r := h.measure(plan)
		wantGood(t, r, 200, 100, 2)
		if r.Nodes != 6 {
			t.Errorf("%d nodes", r.Nodes)
		}
	})
}

// A receiver is cut off for longer than the histories last, so it loses the events of that
// time. The result has the loss and names the node.
func TestALossIsSeen(t *testing.T) {
	inHall(t, func(t *testing.T, h *hall) {
		brief := smoke.History{Age: time.Second}
		h.nodes[0].Stop()
		h.nodes = nil
		h.enter(smoke.Options{History: brief}, false)
		h.enter(smoke.Options{History: brief}, true)
		h.enter(smoke.Options{History: brief}, true)
		h.settle()
		go func() { // ends before the run does; the bubble waits for it
			time.Sleep(3 * time.Second)
			h.network.Cut([]string{ip(3)}, []string{ip(1), ip(2)})
			time.Sleep(15 * time.Second)
			h.network.Heal()
		}()
		r := h.measure(Plan{Rate: 10, Size: MinSize, For: 40 * time.Second})
		if r.Good || r.Reports != 2 || r.Lost == 0 || r.Received+r.Lost != r.Expected || r.Percent == 100 {
			t.Fatalf("%+v", r)
		}
		if r.Told < r.Lost {
			t.Errorf("%d of %d are lost without a word", r.Lost-r.Told, r.Lost)
		}
		if good, bad := r.Each[0], r.Each[1]; !good.IsGood() || bad.Lost != r.Lost || bad.Addr != "10.0.0.3:8495" {
			t.Errorf("%+v", r.Each)
		}
		wantTable(t, r, "NOT GOOD", fmt.Sprintf("03000000 at 10.0.0.3:8495: %d lost\n", r.Lost))
		if run := <-h.ended[3]; run.Lost() != r.Lost {
			t.Errorf("itself it says %d", run.Lost())
		}
	})
}

// The overlay never delivers an event twice, out of order or damaged. So the emitter of this
// test emits such events.
func TestAReceiverSeesWhatIsWrong(t *testing.T) {
	inHall(t, func(t *testing.T, h *hall) {
		h.receive(1)
		liar := h.nodes[0].Broadcast()
		emit := func(name string, what any) {
			t.Helper()
			if err := liar.Emit(name, what); err != nil {
				t.Fatal(err)
			}
		}
		const run = 5
		reports := make(chan Report, 1)
		smoke.On(liar, nameReport, func(_ smoke.Event, r Report) { reports <- r })
		envelope := newEnvelope(128, run)
		say := func(number uint64) { emit(nameEvent, envelope.seal(event{run: run, number: number, measured: true})) }
		say(0) // before the call, so it belongs to no run
		emit(nameCall, call{run})
		say(0)
		say(2)
		say(1) // out of order
		say(2) // a duplicate
		spoilt := slices.Clone(envelope.seal(event{run: run, number: 3}))
		spoilt[100]++
		emit(nameEvent, spoilt) // corrupt
		emit(nameEvent, "what is this?")
		emit(nameEvent, envelope.seal(event{run: run + 1, number: 9})) // of another run
		say(5)                                                         // 3 and 4 are missing
		emit(nameEnd, end{Run: run + 1, Events: 9})
		emit(nameEnd, end{Run: run, Events: 6})
		got := <-h.ended[2]
		if got.Received != 4 || got.Lost() != 2 || got.Duplicates != 1 || got.OutOfOrder != 1 || got.Corrupt != 2 || got.Told != 0 {
			t.Errorf("%+v", got)
		}
		if says := got.Verdict(); says != "4 of 6 received; 2 lost, 1 duplicates, 1 out of order, 2 corrupt" {
			t.Error(says)
		}
		first := <-reports
		emit(nameEnd, end{Run: run, Events: 6}) // the receiver reports again, and does not call the hook again
		if again := <-reports; again != first || first != got.Report {
			t.Errorf("reports %+v, then %+v", first, again)
		}
		if len(h.ended[2]) > 0 {
			t.Error("the run ends twice")
		}
	})
}

// A receiver that dies during the run is reported as missing.
func TestAReceiverThatDiesIsMissed(t *testing.T) {
	inHall(t, func(t *testing.T, h *hall) {
		h.receive(3)
		go func() { // ends before the run does; the bubble waits for it
			time.Sleep(2 * time.Second)
			h.network.Kill(ip(4))
		}()
		r := h.measure(plan)
		if r.Good || r.Receivers != 3 || r.Reports != 2 || r.Expected != 600 || r.Lost != 0 || r.Each[2].NoReport == "" {
			t.Errorf("%+v", r)
		}
		wantTable(t, r, "04000000 at 10.0.0.4:8495: it did not report\n")
	})
}

// Reports that can't be true are not accepted.
func TestFalseReportsAreNotBelieved(t *testing.T) {
	for why, report := range map[string]Report{
		"301 of 300":       {Received: 301},
		"measured events":  {Received: 1, Measured: 2},
		"below zero":       {Span: -1},
		"than any run has": {Told: 1 << 63},
	} {
		inHall(t, func(t *testing.T, h *hall) {
			liar := h.enter(smoke.Options{}, false).Broadcast()
			smoke.On(liar, nameCall, func(_ smoke.Event, c call) {
				report.Run = c.Run
				liar.Emit(nameHere, here{Run: c.Run})
				liar.Emit(nameEcho, echo{Run: c.Run}) // before any event was emitted
			})
			smoke.On(liar, nameEnd, func(_ smoke.Event, ended end) { liar.Emit(nameReport, report) })
			h.receive(1)
			smoke.On(h.nodes[2].Broadcast(), nameCall, func(_ smoke.Event, c call) {
				h.nodes[2].Broadcast().Emit(nameReport, Report{Run: c.Run + 1}) // of another run
			})
			r := h.measure(plan)
			if r.Good || r.Reports != 1 || r.Received != 300 || !strings.Contains(r.Each[0].NoReport, why) {
				t.Errorf("%s: %+v", why, r)
			}
		})
	}
}

func TestNobodyAnswers(t *testing.T) {
	inHall(t, func(t *testing.T, h *hall) {
		h.enter(smoke.Options{}, false)
		h.settle()
		if _, err := Measure(h.Context(), h.nodes[0], nil, plan, nil); !errors.Is(err, ErrNobodyAnswers) {
			t.Error(err)
		}
	})
}

// A run that is interrupted returns the measurements until then, or an error if there are
// none.
func TestInterrupted(t *testing.T) {
	inHall(t, func(t *testing.T, h *hall) {
		h.receive(2)
		ctx, interrupt := context.WithCancel(h.Context())
		r, err := Measure(ctx, h.nodes[0], nil, plan, func(phase Phase, now, _ time.Duration) {
			if phase == Emitting && now >= 1500*time.Millisecond {
				interrupt()
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if !r.Interrupted || !r.Good || r.Warmup != 100 || r.Events < 49 || r.Events > 51 || r.Received != r.Expected || r.Achieved < 98 || r.Achieved > 104 {
			t.Errorf("%+v", r)
		}
		wantTable(t, r, "Interrupted: this is what was measured so far.\n")

		ctx, interrupt = context.WithCancel(h.Context())
		r, err = Measure(ctx, h.nodes[0], nil, plan, func(phase Phase, now, _ time.Duration) {
			if phase == Emitting {
				interrupt()
			}
		})
		if err != nil || r.Events != 0 || r.Achieved != 0 || r.Deliveries != 0 {
			t.Errorf("interrupted while it warms up: %+v, %v", r, err)
		}
		wantTable(t, r, "nothing was timed\n")
		if _, err := Measure(ctx, h.nodes[0], nil, plan, nil); !errors.Is(err, ErrInterrupted) {
			t.Errorf("interrupted before it began: %v", err)
		}
	})
}

// Events that were due while Emit waited are late, although no call was made for them.
func TestEventsThatWaitForEmitAreLate(t *testing.T) {
	inHall(t, func(t *testing.T, h *hall) {
		h.watch = NewWatch()
		h.receive(1)
		go func() { // ends before the run does; the bubble waits for it
			time.Sleep(1005 * time.Millisecond)
			h.network.Cut([]string{ip(1)}, []string{ip(2)})
			time.Sleep(500 * time.Millisecond)
			h.network.Heal()
		}()
		r := h.measure(Plan{Rate: 100, Size: 64 << 10, For: 2 * time.Second})
		wantGood(t, r, r.Events, 0, 1)
		// Emit waits only after 256 KiB are on the way and some more in the outbox.
		// Events that were emitted before the cut take one latency.
		if r.Emit.Slow == 0 || r.Emit.Max < 100*ms || r.Emit.SlowSeconds < r.Emit.Max {
			t.Errorf("Emit: %+v", r.Emit)
		}
		if r.Latency.Max < 400*ms || r.Latency.P90 < 100*ms {
			t.Errorf("fewer than one in ten were late: %+v", r.Latency)
		}
	})
}

// Without a rate there is no schedule, and the run ends in time.
func TestFlatOut(t *testing.T) {
	inHall(t, func(t *testing.T, h *hall) {
		h.receive(1)
		// In virtual time a call of Emit takes no time unless a full link makes it wait.
		r := h.measure(Plan{Size: 64 << 10, For: time.Second})
		if r.Offered != 0 || r.Events == 0 || r.Emit.Slow == 0 || r.Measured < 1 || r.Measured > 1.5 {
			t.Errorf("%+v", r)
		}
	})
}

func TestBadPlans(t *testing.T) {
	for field, bad := range map[string]Plan{
		"rate":   {Rate: -1, Size: 128, For: 1},
		"size":   {Size: MinSize - 1, For: 1},
		"Opt":    {Size: MaxSize + 1, For: 1},
		"for":    {Size: 128},
		"warmup": {Size: 128, For: 1, Warmup: -1},
	} {
		_, err := Measure(t.Context(), smoke.CreateNode(smoke.Options{Network: "gauge test"}), nil, bad, nil)
		var wrong *PlanError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), field) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// wantTable checks that the table of a result has certain lines, and fits.
func wantTable(t *testing.T, r *Result, lines ...string) {
	t.Helper()
	var out strings.Builder
	if err := r.WriteTable(&out); err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		if !strings.Contains(out.String(), line) {
			t.Errorf("there is no %q in\n%s", line, out.String())
		}
	}
	for line := range strings.Lines(out.String()) {
		if n := len([]rune(line)) - 1; n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}
