// Package loadtest measures what a network of real nodes carries. It is what
// `smoke bench` does, and it uses nodes as any program could: broadcasts,
// handlers and hooks.
//
// Some nodes answer ([NewReceiver]), one emits ([Measure]). A run is a talk in
// broadcasts of the network, the names of which begin with "bench.":
//
//	call    the emitter: run R begins; who counts?
//	here    each receiver: I do
//	event   the emitter, many times: number N of run R, due at T
//	echo    a receiver that was asked to: number N has reached my handler
//	end     the emitter: run R had E events
//	report  each receiver: so many of them came, and how
//
// Nodes without a receiver relay all of that and are not measured. Events of one origin
// arrive in order, so a receiver that gets the end gets nothing after it. Call and end are
// repeated until all receivers have answered, because a slow receiver may have dropped
// them.
//
// # What is counted
//
// Events are numbered from 0, so each receiver sees what is missing, comes
// twice or comes out of order, and each has a checksum. That is so from the
// first event on; rates and times leave out the warm-up.
//
// # Which latency
//
// Where all nodes are in one process they share a [Watch], and each delivery
// counts one way: from when the event was due to the handler. Between hosts
// clocks do not agree well enough for that, and are never compared. There a
// sample of the events is echoed, each echo a broadcast of its own, and the
// emitter counts the round trip: from when the event was due to the handler of
// the echo. It is the way there and the way back over the overlay, which need
// not be equally long: half of it is no latency of anything. Echoes are load,
// too: about [EchoRate] small events a second.
//
// An event is due when the schedule says so, not when Emit came to it. Where
// Emit waits for full links, the events that should have been emitted meanwhile
// are late, and count as such.
package loadtest
