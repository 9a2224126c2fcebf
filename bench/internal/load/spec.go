// Package load puts a contestant under a load, in this process, and measures the results.
// Each measurement has its own process, so that none inherits the heap or the connections
// of another; see the command.
//
// There are five workloads:
//
//   - flat: senders send as fast as they can. If a system without backpressure
//     loses messages, they are counted. With a window it gets backpressure from
//     the test: senders stay within that many messages of the slowest receiver.
//   - steady: a fixed rate of messages, on a schedule. Latency counts from the
//     scheduled time and not from when the message could be sent, so a system
//     that delays its senders does not hide that (no coordinated omission).
//   - form: from nothing to a network in which all nodes reach each other.
//   - idle: the cost of a network without messages.
//   - stall: one receiver stops reading; the effect on the others.
package load

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/smokesignal-go/smokesignal/bench/internal/check"
	"github.com/smokesignal-go/smokesignal/bench/internal/contest"
)

// Spec is one measurement.
type Spec struct {
	Contestant string        `json:"contestant"`
	Workload   string        `json:"workload"`
	N          int           `json:"n"`
	Size       int           `json:"size,omitempty"`    // bytes of a message
	Senders    int           `json:"senders,omitempty"` // nodes 0 to Senders-1 send; 0: all
	Window     int           `json:"window,omitempty"`  // how many messages all senders together may be ahead of the slowest receiver; 0: no limit
	Rate       float64       `json:"rate,omitempty"`    // messages a second from all senders, for steady and stall
	Prime      int           `json:"prime,omitempty"`   // messages that each sender sends at the beginning, for stall
	Warm       time.Duration `json:"warm,omitempty"`    // time before the measurement; for idle: after the network has formed
	For        time.Duration `json:"for,omitempty"`     // length of the measurement
	Round      int           `json:"round"`

	// Files for profiles of the measurement; empty: none.
	CPUProfile   string `json:"-"`
	MemProfile   string `json:"-"`
	MutexProfile string `json:"-"`
}

// Result is the result of one measurement.
type Result struct {
	Spec     Spec               `json:"spec"`
	Missing  string             `json:"missing,omitempty"` // why the contestant could not be measured
	Error    string             `json:"error,omitempty"`   // why it failed
	Figures  map[string]float64 `json:"figures,omitempty"` // by the names below
	Counts   check.Counts       `json:"counts"`
	Lost     uint64             `json:"lost"`               // deliveries
	UnderWay uint64             `json:"underWay,omitempty"` // deliveries that might still have come when the measurement ended
	Troubles map[string]uint64  `json:"troubles,omitempty"`
}

// Names of figures. Times are in seconds, sizes in bytes.
const (
	Rate       = "deliveriesPerSecond"
	CPU        = "cpuSecondsPerMillion"   // for a million deliveries, including sending and checking
	Bytes      = "bytesPerPayloadByte"    // bytes written for each byte delivered
	Share      = "coreShare"              // processor time divided by time; 1 is one core
	Others     = "othersShare"            // cores that other programs used during the measurement
	Allocs     = "allocationsPerDelivery" // of this process, including sending and checking
	PeakRSS    = "peakRSS"                // of the whole run
	Goroutines = "goroutines"             // at the end of the measurement

	Form      = "formSeconds"           // from the first node's start
	FormCPU   = "formCPUSeconds"        // processor time of forming
	FormDrops = "linksLostWhileForming" // only of systems with links

	P50      = "p50" // latency of a delivery
	P99      = "p99"
	P999     = "p999"
	Max      = "max"
	LastP50  = "lastP50"  // latency of the last delivery of a message
	LastP99  = "lastP99"  //
	PacerP99 = "pacerP99" // how late this program sent, which is a part of the latencies

	IdleBytes      = "bytesPerSecondAndNode"
	IdleGoroutines = "goroutinesPerNode" // in addition to those of a process without nodes
	IdleRSS        = "rssPerNode"        // likewise

	CalmP99   = "p99BeforeStall"
	StallP99  = "p99AfterStall"    // of the other nodes, in the ten seconds after the stall
	StallRise = "p99AfterByBefore" // ratio
	StallOut  = "secondsUntilOut"  // from the stall until no node has a link to the stalled one; absent: it never happened
	StallRSS  = "rssGrowthStalled" // the peak after the stall minus the peak before it
	StallLost = "lostByOthers"     // deliveries
)

// Measure runs one measurement. An error is in the result.
func Measure(ctx context.Context, c contest.Contestant, spec Spec) *Result {
	r := &Result{Spec: spec, Figures: make(map[string]float64)}
	workloads := map[string]func(context.Context, contest.Contestant, *Result) error{
		"flat": flat, "steady": steady, "form": form, "idle": idle, "stall": stall,
	}
	run, ok := workloads[spec.Workload]
	if !ok {
		r.Error = fmt.Sprintf("there is no workload %q", spec.Workload)
		return r
	}
	err := run(ctx, c, r)
	var missing *contest.Missing
	switch {
	case errors.As(err, &missing):
		r.Missing = missing.Why
	case err != nil:
		r.Error = inShort(err)
	}
	return r
}

// inShort returns the first line of an error, and how many more there are. If a network fails, a
// hundred nodes may report the same error.
func inShort(err error) string {
	first, rest, more := strings.Cut(err.Error(), "\n")
	if more {
		return fmt.Sprintf("%s (and %d more)", first, 1+strings.Count(rest, "\n"))
	}
	return first
}
