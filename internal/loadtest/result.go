package loadtest

import (
	"slices"
	"sort"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/histogram"
	"github.com/smokesignal-go/smokesignal/smoke"
)

// Kind distinguishes the two ways to measure latency.
type Kind string

// The two kinds; see the package comment.
const (
	OneWay    Kind = "one way"
	RoundTrip Kind = "round trip"
)

// Seconds is a duration as a JSON number.
type Seconds float64

func seconds(d time.Duration) Seconds { return Seconds(d.Seconds()) }

// Duration returns s as a time.Duration.
func (s Seconds) Duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

// Latency summarizes durations. Each value is exact to 1 %.
type Latency struct {
	Samples uint64  `json:"samples"`
	P50     Seconds `json:"p50Seconds"`
	P90     Seconds `json:"p90Seconds"`
	P99     Seconds `json:"p99Seconds"`
	P999    Seconds `json:"p999Seconds"`
	Max     Seconds `json:"maxSeconds"`
}

func newLatency(h *histogram.Histogram) Latency {
	return Latency{
		Samples: h.Count(),
		P50:     seconds(h.Quantile(0.5)), P90: seconds(h.Quantile(0.9)),
		P99: seconds(h.Quantile(0.99)), P999: seconds(h.Quantile(0.999)), Max: seconds(h.Max()),
	}
}

// timing has the times that a Watch or the echoes recorded.
type timing struct {
	kind       Kind
	each, last Latency
	asked      uint64 // how many echoes were asked for
}

// Emits summarizes how long the emitter's calls of Emit took.
type Emits struct {
	Latency
	Slow        uint64  `json:"slow"`        // calls of a millisecond or more; with small events, these waited for room
	SlowSeconds Seconds `json:"slowSeconds"` // the total time of the slow calls
}

// Received holds the results of one receiver.
type Received struct {
	Node       string `json:"node"`
	Addr       string `json:"addr"`
	Received   uint64 `json:"received"`
	Lost       uint64 `json:"lost"`
	Told       uint64 `json:"told"`
	Duplicates uint64 `json:"duplicates"`
	OutOfOrder uint64 `json:"outOfOrder"`
	Corrupt    uint64 `json:"corrupt"`
	Unanswered uint64 `json:"unanswered"`
	NoReport   string `json:"noReport,omitempty"` // why there is no report; the numbers are 0 then

	name string
}

// IsGood reports whether the receiver got every event once, undamaged and in order.
func (r *Received) IsGood() bool {
	return r.Lost == 0 && r.Duplicates == 0 && r.OutOfOrder == 0 && r.Corrupt == 0 && r.NoReport == ""
}

// Result is the result of a run. Sums are over all receivers that reported.
type Result struct {
	Good        bool `json:"good"`        // every receiver got every event once, undamaged and in order
	Interrupted bool `json:"interrupted"` // ctx ended before the plan was complete

	Nodes     int `json:"nodes"`     // nodes of the network, with those that only relay
	Receivers int `json:"receivers"` // receivers that answered the call
	Reports   int `json:"reports"`   // receivers that reported

	Size     int     `json:"size"`        // bytes of an event's arguments
	Offered  float64 `json:"offeredRate"` // events a second; 0: as fast as Emit accepts them
	Achieved float64 `json:"achievedRate"`
	Measured Seconds `json:"measuredSeconds"`
	Events   uint64  `json:"events"` // emitted in that time
	Warmup   uint64  `json:"warmupEvents"`

	Deliveries float64 `json:"deliveriesPerSecond"` // over all receivers
	Expected   uint64  `json:"expected"`            // deliveries; like all sums below, with the warm-up
	Received   uint64  `json:"received"`
	Percent    float64 `json:"receivedPercent"`
	Lost       uint64  `json:"lost"`
	Told       uint64  `json:"told"` // lost events that OnGap reported; it may count other events of the emitter
	Duplicates uint64  `json:"duplicates"`
	OutOfOrder uint64  `json:"outOfOrder"`
	Corrupt    uint64  `json:"corrupt"`

	Emit    Emits   `json:"emit"`
	Kind    Kind    `json:"latencyKind"`
	Latency Latency `json:"latency"`        // of deliveries, or of echoes
	Last    Latency `json:"lastLatency"`    // of the last delivery, or the last echo, of each event
	Asked   uint64  `json:"echoesAskedFor"` // only if round trips are measured

	Each []Received `json:"each"` // in the order of their ids
}

// result computes the result from the reports.
func (s *session) result(m *emission) *Result {
	var t timing
	if s.watch != nil {
		t = s.watch.read()
	} else {
		t = s.echoes.read()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &Result{
		Interrupted: m.cut, Nodes: s.nodes, Receivers: len(s.members),
		Size: s.plan.Size, Offered: s.plan.Rate, Measured: seconds(m.lasted),
		Events: m.events - m.warm, Warmup: m.warm,
		Emit: Emits{newLatency(&m.calls), m.slow, seconds(m.slowFor)},
		Kind: t.kind, Latency: t.each, Last: t.last, Asked: t.asked,
	}
	lasted := m.lasted
	var measured uint64
	for id, member := range s.members {
		each, report := judge(id, member, m.events)
		r.Each = append(r.Each, each)
		if report == nil {
			continue
		}
		r.Reports++
		measured += report.Measured
		lasted = max(lasted, report.Span)
		r.add(&each)
	}
	sort.Slice(r.Each, func(i, j int) bool { return r.Each[i].Node < r.Each[j].Node })
	r.Expected = m.events * uint64(r.Reports)
	if r.Expected > 0 {
		r.Percent = 100 * float64(r.Received) / float64(r.Expected)
	}
	if m.lasted > 0 {
		r.Achieved = float64(r.Events) / m.lasted.Seconds()
		r.Deliveries = float64(measured) / lasted.Seconds()
	}
	r.Good = !slices.ContainsFunc(r.Each, func(each Received) bool { return !each.IsGood() })
	return r
}

// judge returns the results of one member of a run with the given number of events. The
// report is nil if no correct report arrived.
func judge(id smoke.ID, m *member, events uint64) (Received, *Report) {
	each := Received{Node: id.String(), Addr: m.addr, name: displayName(id, m.addr)}
	report := m.report
	if report == nil {
		each.NoReport = "it did not report"
		return each, nil
	}
	if why := report.fault(events); why != "" {
		each.NoReport = why
		return each, nil
	}
	each.Received, each.Lost, each.Told = report.Received, events-report.Received, report.Told
	each.Duplicates, each.OutOfOrder, each.Corrupt = report.Duplicates, report.OutOfOrder, report.Corrupt
	each.Unanswered = report.Unanswered
	return each, report
}

// add adds the results of one receiver to the sums.
func (r *Result) add(each *Received) {
	r.Received += each.Received
	r.Lost += each.Lost
	r.Told += each.Told
	r.Duplicates += each.Duplicates
	r.OutOfOrder += each.OutOfOrder
	r.Corrupt += each.Corrupt
}
