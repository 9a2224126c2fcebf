package smoke

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/engine"
)

// counters hold the counts since CreateNode that no other part of the node keeps. They are
// allocated separately from the Node, whose fields many goroutines read.
type counters struct {
	engine.Counters
	shutOut              atomic.Uint64
	panics, errors, slow atomic.Uint64 // of handlers
	surplusNames         sync.Map      // names of events of which surplus arguments were logged
	surplusLogged        atomic.Int64  // the number of names in surplusNames; see mostSurplusNames
	tagged               sync.Map      // each reflect.Type that was checked for json tags; bounded by the types of the program
	surplus              atomic.Uint64 // events with arguments that a handler did not take
	dropped              atomic.Uint64 // events dropped by the emitters of peers; the node's emitter has its own count
}

// into copies the counters to s.
func (c *counters) into(s *Stats) {
	s.BytesIn, s.BytesOut = c.BytesIn.Load(), c.BytesOut.Load()
	s.PeersAdded, s.DialsFailed = c.PeersAdded.Load(), c.DialsFailed.Load()
	s.Netsplits, s.Heals, s.ShutOut = c.Netsplits.Load(), c.Heals.Load(), c.shutOut.Load()
	s.Conflicts = c.Conflicts.Load()
	s.Waited = time.Duration(c.Waited.Load())
	s.Handlers.Panics, s.Handlers.Errors, s.Handlers.Slow = c.panics.Load(), c.errors.Load(), c.slow.Load()
	s.Handlers.Surplus = c.surplus.Load()
	s.Handlers.Dropped += c.dropped.Load()
	s.Calls.Panics, s.Calls.GivenUp, s.Calls.Hanging = c.Calls.Panics.Load(), c.Calls.GivenUp.Load(), c.Calls.Hanging()
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
	Errors  uint64 // calls that returned an error, and events whose arguments did not fit a handler; the log tells the two apart
	Slow    uint64 // calls that took longer than Options.SlowHandler
	Surplus uint64 // calls for which the event had more arguments than the handler takes; they were left out
	Dropped uint64 // events that had to make room, because handlers were too slow
}
