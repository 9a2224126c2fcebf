package smoketest

import (
	"fmt"
	"testing/synctest"
	"time"
)

const (
	// settleWithin is longer than the longest wait between two probes of a seed, which is
	// ten minutes.
	settleWithin = 15 * time.Minute
	// eventsRest is the time without a new event after which the network counts as quiet.
	// Other neighbours announce the events of a lost link within two seconds. A lost event
	// is given up and reported five seconds after it is known to be lost.
	eventsRest = 7 * time.Second
	// linksRest is the time without a change of links after which the network counts as
	// quiet. It is shorter than eventsRest, because in a large network some node always
	// replaces a link.
	linksRest = time.Second

	settleStep = 50 * time.Millisecond
	waitStep   = 10 * time.Millisecond
)

// Settle waits until the network is connected and quiet. It takes at least seven seconds of
// virtual time. After fifteen minutes it fails the test and prints the links of all nodes.
//
// Connected means the following for each part, which is a set of running nodes that can
// reach each other. Each node has neighbours, both ends of every link agree on it, and
// links connect all nodes of the part. No node has a link to a node outside the part or to
// one that has ended.
//
// Quiet means that for seven seconds no node took in a new event and none is queued for a
// link or for handlers, and that for one second no link opened or closed. By then every
// event in flight has been handled, with one exception. If all nodes that had an event have
// crashed, nodes that know of the event wait up to half a minute before they call OnGap.
// Until then they hold back later events of the same origin. Use [Network.Wait] in that
// case, and for programs that emit continuously. Settle notices neither a handler that
// waits nor the work of a program's own goroutines.
func (n *Network) Settle() {
	n.t.Helper()
	start := time.Now()
	links, events := start, start // when links and events last changed
	var last view
	for {
		synctest.Wait() // until everything that can run has run
		now, v := time.Now(), n.look()
		if v.fault != "" || v.links != last.links {
			links = now
		}
		if v.fault != "" || v.waits != "" || v.events != last.events {
			events = now
		}
		last = v
		var why string
		switch {
		case v.fault != "":
			why = v.fault
		case now.Sub(links) < linksRest:
			why = "links come and go"
		case v.waits != "":
			why = v.waits
		case now.Sub(events) < eventsRest:
			why = fmt.Sprintf("events come all the time, %d so far (does the program emit without an end? then use Wait)", v.events)
		default:
			return
		}
		if now.Sub(start) >= settleWithin {
			n.t.Fatalf("not settled after %v: %s\n%s", settleWithin, why, v.picture)
		}
		time.Sleep(settleStep)
	}
}

// Wait waits until cond holds. If cond does not hold within the given virtual time, Wait
// fails the test. The parameter what describes the condition in the message, such as "all
// caches agree".
//
// Wait calls cond on the goroutine of the test, every ten milliseconds, at moments when
// nothing else can run. Data shared with handlers still need a lock: the race detector
// sees no order between a read in cond and a later write in a handler.
func (n *Network) Wait(within time.Duration, what string, cond func() bool) {
	n.t.Helper()
	for start := time.Now(); ; time.Sleep(waitStep) {
		synctest.Wait()
		if cond() {
			return
		}
		if time.Since(start) >= within {
			n.t.Fatalf("not within %v: %s\n%s", within, what, n.look().picture)
		}
	}
}

// Connected reports whether each part is connected now, as defined in [Network.Settle],
// quiet or not. Use it as a condition for Wait.
func (n *Network) Connected() bool { return n.look().fault == "" }
