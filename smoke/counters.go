package smoke

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/callout"
)

// counters hold the figures since CreateNode that no other part of the node keeps. They are
// written next to I/O, waits or rare events, so the atomics cost nothing there. They are
// allocated apart from the Node, whose fields many goroutines read.
type counters struct {
	bytesIn, bytesOut       atomic.Uint64
	peersAdded, dialsFailed atomic.Uint64
	netsplits, heals        atomic.Uint64
	shutOut                 atomic.Uint64
	conflicts               atomic.Uint64
	waited                  atomic.Int64   // nanoseconds
	panics, errors, slow    atomic.Uint64  // of handlers
	surplusNames            sync.Map       // names of events of which surplus arguments were logged
	surplusLogged           atomic.Int64   // how many these are; see mostSurplusNames
	tagged                  sync.Map       // reflect.Type: looked at for tags that mean nothing; as many as the program has
	surplus                 atomic.Uint64  // events with arguments that a handler did not take
	dropped                 atomic.Uint64  // by the emitters of peers; that of the node has its own
	calls                   callout.Counts // of the program's functions that are no handlers
}

// into fills in what they say.
func (c *counters) into(s *Stats) {
	s.BytesIn, s.BytesOut = c.bytesIn.Load(), c.bytesOut.Load()
	s.PeersAdded, s.DialsFailed = c.peersAdded.Load(), c.dialsFailed.Load()
	s.Netsplits, s.Heals, s.ShutOut = c.netsplits.Load(), c.heals.Load(), c.shutOut.Load()
	s.Conflicts = c.conflicts.Load()
	s.Waited = time.Duration(c.waited.Load())
	s.Handlers.Panics, s.Handlers.Errors, s.Handlers.Slow = c.panics.Load(), c.errors.Load(), c.slow.Load()
	s.Handlers.Surplus = c.surplus.Load()
	s.Handlers.Dropped += c.dropped.Load()
	s.Calls.Panics, s.Calls.GivenUp, s.Calls.Hanging = c.calls.Panics.Load(), c.calls.GivenUp.Load(), c.calls.Hanging()
}

// CallStats count the calls that a node makes of the program's functions that are no
// handlers: Options.Logger, Resolver, Transport and its connections, Admit, the callbacks
// of TLS, and the function of Survey.
type CallStats struct {
	Panics      uint64 // calls that panicked
	GivenUp     uint64 // calls that did not return within their bound
	Hanging     int    // of these, calls that have not returned yet
	LogsDropped uint64 // log records that Options.Logger was too slow for
}

// HandlerStats are counters of the handlers of a node, including its hooks and the handlers
// of its peers, since CreateNode.
type HandlerStats struct {
	Panics  uint64 // calls that panicked
	Errors  uint64 // calls that returned an error, or whose arguments did not fit
	Slow    uint64 // calls that took longer than Options.SlowHandler
	Surplus uint64 // calls for which the event had more arguments than the handler takes; they were left out
	Dropped uint64 // events that had to make room, because handlers were too slow
}
