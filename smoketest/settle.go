package smoketest

import (
	"fmt"
	"testing/synctest"
	"time"
)

const (
	// settleWithin is longer than the longest wait between two probes of a seed,
	// which is ten minutes.
	settleWithin = 15 * time.Minute
	// No event may have come for so long. What a lost link held up is announced by
	// others within two seconds, when they do so least often; and what nobody has any
	// more is given up, and told, five seconds after that is known.
	eventsRest = 7 * time.Second
	// No link may have come or gone for so long. Less than for events, since in a
	// large network some node always swaps a link for a better one.
	linksRest = time.Second

	settleStep = 50 * time.Millisecond
	waitStep   = 10 * time.Millisecond
)

// Settle waits until the network is connected and quiet. It takes seven seconds of
// virtual time at least, and after fifteen minutes fails the test, with a picture
// of who sees whom.
//
// Connected means: in each part, that is among nodes that run and reach each other
// over nodes of that part, each has neighbours, both ends of every link know it,
// and links lead from each node to all others of its part; no node still has a link
// to one that is cut off from it, or gone.
//
// Quiet means: for seven seconds no node took in an event that is new to it, and
// none waits for a link or for handlers; for one second no link came or went. By
// then every event that was on its way has been handled, one exception aside: if
// nodes have crashed that were the only ones to have an event which others know of,
// these others wait for it up to half a minute before they tell OnGap, and hold
// back what the same origin emitted later. [Network.Wait] is for that, and for
// programs that emit all the time, which are never quiet. Settle does not see a
// handler that waits for something itself, nor what a program does on goroutines of
// its own.
func (n *Network) Settle() {
	n.t.Helper()
	start := time.Now()
	links, events := start, start // since when there is nothing new of them
	var last view
	for {
		synctest.Wait() // until whatever can run has run
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

// Wait waits until cond holds, and fails the test if it does not within that
// (virtual) time; what says what was waited for, as in "all caches agree".
//
// cond is called on the goroutine of the test, every ten milliseconds, and at
// moments at which nothing else can run. What it shares with handlers needs its
// locks all the same: the race detector knows of no order between what cond reads
// and what a handler writes later.
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

// Connected reports whether each part is connected now, in the sense of
// [Network.Settle], quiet or not: a condition for Wait.
func (n *Network) Connected() bool { return n.look().fault == "" }
