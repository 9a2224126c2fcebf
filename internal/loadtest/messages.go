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
	Measured   uint64        // of them those after the warm-up
	Duplicates uint64        // events that came again
	OutOfOrder uint64        // events that arrived again
	Corrupt    uint64        // events that arrived after one with a higher number
	Told       uint64        // events with a wrong checksum, and malformed events
	Span       time.Duration // events that OnGap reported as lost
	Unanswered uint64        // echoes that were dropped because others waited
}

// fault returns why a report of a run of that many events can't be correct, or "".
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

// mostCounted is above the numbers of all events, and keeps sums of what others
// claim from wrapping round. At a million events a second it is two weeks.
const mostCounted = 1 << 40

// who names a node for people. What a node says of itself may be anything.
func who(id smoke.ID, addr string) string {
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
