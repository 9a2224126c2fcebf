// Package loadtest measures what a network of real nodes carries. `smoke bench` runs it. It
// uses nodes as any program could: broadcasts, handlers and hooks.
//
// Some nodes answer ([NewReceiver]), one emits ([Measure]). The nodes of a run exchange
// broadcasts whose names begin with "bench.":
//
//	call    from the emitter: run R begins; which nodes take part?
//	here    from each receiver: this node takes part
//	event   from the emitter, many times: number N of run R, due at T
//	echo    from a receiver that was asked for it: number N has reached my handler
//	end     from the emitter: run R had E events
//	report  from each receiver: how many events arrived, and in which state
//
// Nodes without a receiver relay these broadcasts and are not measured. Events of one
// origin arrive in order, so a receiver gets no event of the run after the end. Call and
// end are repeated until all receivers have answered, because a slow receiver may have
// dropped them.
//
// # What is counted
//
// Events are numbered from 0, and each has a checksum. So each receiver detects events that
// are missing, damaged, duplicate or out of order. It counts these from the first event on.
// Rates and times do not include the warm-up.
//
// # Which latency
//
// If all nodes are in one process, they share a [Watch]. Each delivery is then timed in one
// direction: from the time when the event was due to the call of the handler.
//
// Clocks of different hosts are not accurate enough for that, so they are never compared.
// Instead, receivers echo a sample of the events, each echo by a broadcast of its own. The
// emitter measures the round trip: from the time when the event was due to the call of the
// handler of the echo. The paths there and back may differ in length, so half of a round
// trip is not a latency. Echoes are load, too: about [EchoRate] small events a second.
//
// The schedule defines when an event is due, not the call of Emit. If Emit waits for full
// links, the events that should have been emitted meanwhile are late, and are counted as
// late.
package loadtest
