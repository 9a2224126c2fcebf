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

// Report is what one receiver says of a run when it has ended.
type Report struct {
	Run        uint64
	Received   uint64        // different events, those to warm up too
	Measured   uint64        // of them those after the warm-up
	Duplicates uint64        // events that came again
	OutOfOrder uint64        // events that came after one with a higher number
	Corrupt    uint64        // events whose checksum differs, or that are none
	Told       uint64        // events that OnGap said will not come
	Span       time.Duration // from the first measured event to the last one
	Unanswered uint64        // echoes that had to go, because others waited
}

// fault says why a report of a run of so many events can't be true; "" if it can.
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
