package smoke

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/callout"
)

// counters are what a node counts, since CreateNode, that nobody else keeps. Who adds
// to them writes to the network, waits, or has met with something rare, so that it
// costs nothing. They stand apart from the Node, which many read at the same time.
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

// HandlerStats count what has befallen the handlers of a node, those of its peers and
// the hooks among them.
type HandlerStats struct {
	Panics  uint64 // calls that panicked
	Errors  uint64 // calls that returned an error, or whose arguments did not fit
	Slow    uint64 // calls that took longer than Options.SlowHandler
	Surplus uint64 // calls for which the event had more arguments than the handler takes; they were left out
	Dropped uint64 // events that had to make room, because handlers were too slow
}
