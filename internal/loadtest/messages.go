package loadtest

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// The names of the broadcasts of a run.
const (
	nameCall   = "bench.call"
	nameHere   = "bench.here"
	nameEvent  = "bench.event"
	nameEcho   = "bench.echo"
	nameEnd    = "bench.end"
	nameReport = "bench.report"
)

type (
	call struct{ Run uint64 }
	here struct {
		Run  uint64
		Addr string
	}
	echo struct{ Run, Number uint64 }
	end  struct{ Run, Events uint64 }
)

// Report is the report of one receiver after a run.
type Report struct {
	Run        uint64
	Received   uint64        // different events, including the warm-up
	Measured   uint64        // different events after the warm-up
	Duplicates uint64        // events that arrived again
	OutOfOrder uint64        // events that arrived after one with a higher number
	Corrupt    uint64        // events with a wrong checksum, and malformed events
	Told       uint64        // events that OnGap reported as lost
	Span       time.Duration // from the first measured event to the last
	Unanswered uint64        // echoes that were dropped because too many waited
}

// fault returns why the report can't be correct for a run with the given number of events,
// or "" if it can.
func (r *Report) fault(events uint64) string {
	switch {
	case r.Received > events:
		return fmt.Sprintf("claims %d of %d events", r.Received, events)
	case r.Measured > r.Received:
		return fmt.Sprintf("claims %d measured events of %d", r.Measured, r.Received)
	case r.Span < 0:
		return "claims a time below zero"
	case max(r.Duplicates, r.OutOfOrder, r.Corrupt, r.Told, r.Unanswered) > mostCounted:
		return "claims more than any run has"
	}
	return ""
}

// mostCounted is larger than every correct count in a report, so that sums of the counts
// that nodes claim can't overflow. At a million events a second it is two weeks of events.
const mostCounted = 1 << 40

// displayName returns a name of a node for people. It quotes addr, which may hold any bytes.
func displayName(id smoke.ID, addr string) string {
	if addr == "" {
		return id.Short()
	}
	const longest = 100
	if len(addr) > longest {
		addr = addr[:longest]
	}
	addr = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, addr)
	return id.Short() + " at " + addr
}
