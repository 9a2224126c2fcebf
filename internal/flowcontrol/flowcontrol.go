// Package flowcontrol limits how fast nodes emit, so that no receiver falls behind.
//
// Every event reaches every node, so the network is as fast as the slowest node that it
// waits for. A node falls behind if its send queues or its handler queue grow. It then
// floods a small SLOW frame, and every emitter lowers its rate. While no further SLOW
// arrives, each emitter raises its rate again. Both changes are factors: additive
// increase is too slow if rates differ by a factor of a thousand. Relays never wait, so
// no cycle of waiting nodes can form.
//
// The network does not wait for a node that stays behind. The owner of that node must
// stop calling [Pacer.Throttle] after a while; how long is the owner's decision.
//
// [Pacer] does no I/O and has no deadlines. Only one goroutine at a time may call its
// methods.
package flowcontrol

import (
	"math"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/frame"
)

// Message is one frame of this protocol.
type Message interface {
	frame.Message
	pace()
}

// Slow asks all emitters to emit less.
type Slow struct {
	Origin ident.Origin  // the node that is behind
	Count  uint64        // rises with each SLOW of that origin
	Stop   time.Duration // emit nothing for this long; 0: only lower the rate
}

func (*Slow) pace() {}

// Out sends the frames of a [Pacer]. It must not change a message.
type Out interface {
	Send(to ident.Link, m Message)
}

const (
	// Begin is the initial rate of an emitter, in bytes per second. Burst is how many
	// bytes a node may emit at once if it has emitted little before. With these values,
	// a hundred nodes that start together emit less than one history holds. Both are
	// guesses.
	Begin = 128 << 10
	Burst = 64 << 10

	least  = 16 << 10 // bytes per second: the floor of the rate, whatever SLOWs arrive
	cut    = 0.8      // factor of the rate after a SLOW
	growth = 5.0      // growth of the rate per second without a SLOW; three times as fast before the first SLOW
	// every is the shortest gap between two SLOWs that a node obeys, sends or forwards.
	every    = 100 * time.Millisecond
	mostWait = 0.02        // seconds
	stale    = time.Second // age after which Wait computes the allowance again
	// MostStop is the longest time for which one Slow stops an emitter.
	MostStop = 50 * time.Millisecond
	// stopShare and stopCredit bound how long all SLOWs together stop an emitter: half
	// of the time, plus one second. A node that is behind can thus stop emitters for
	// two seconds in a row. An attacker cannot silence them.
	stopShare  = 2
	stopCredit = time.Second
	// maxKnown bounds the origins whose last Count is stored.
	maxKnown = 256
)

// Pacer computes how much one node may emit, and floods SLOW frames. See the package
// comment for its rules of use.
type Pacer struct {
	self  ident.Origin
	count uint64
	links []ident.Link
	known []heard // latest last

	rate    float64   // bytes per second
	tokens  float64   // bytes that may be emitted now; negative if too many were
	at      time.Time // the time for which tokens and rate hold
	slowed  time.Time // when the last SLOW was obeyed; zero: never
	stopped time.Time // end of the current stop

	credit   time.Duration // how much longer this node may be stopped
	creditAt time.Time     // the time for which credit holds; zero: credit is stopCredit
}

type heard struct {
	origin ident.Origin
	count  uint64
}

// New returns the Pacer of one life of a node.
func New(self ident.Origin) *Pacer {
	return &Pacer{self: self, rate: Begin, tokens: Burst}
}

// LinkUp adds a neighbour.
func (p *Pacer) LinkUp(id ident.Link) { p.links = append(p.links, id) }

// LinkDown removes a neighbour.
func (p *Pacer) LinkDown(id ident.Link) {
	p.links = slices.DeleteFunc(p.links, func(l ident.Link) bool { return l == id })
}

// Throttle reports that this node is behind. It slows this node down and floods a SLOW,
// unless a SLOW of any node was obeyed within the last 100 ms. If stop is positive,
// emitters stop for that time, at most MostStop. All stops together take at most half
// of the time, plus one second.
func (p *Pacer) Throttle(now time.Time, stop time.Duration, out Out) {
	if !p.slowDown(now, stop) {
		return
	}
	p.count++
	p.flood(0, &Slow{Origin: p.self, Count: p.count, Stop: stop}, out)
}

// Handle processes a frame that arrived on a link.
func (p *Pacer) Handle(now time.Time, from ident.Link, m Message, out Out) {
	slow, ok := m.(*Slow)
	if !ok || slow.Origin == p.self || !p.note(slow) {
		return
	}
	if p.slowDown(now, slow.Stop) {
		p.flood(from, slow, out)
	}
}

func (p *Pacer) flood(from ident.Link, m *Slow, out Out) {
	for _, l := range p.links {
		if l != from {
			out.Send(l, m)
		}
	}
}

// note records a SLOW and reports whether it is new.
func (p *Pacer) note(m *Slow) bool {
	i := slices.IndexFunc(p.known, func(h heard) bool { return h.origin == m.Origin })
	switch {
	case i >= 0 && p.known[i].count >= m.Count:
		return false
	case i >= 0:
		p.known = slices.Delete(p.known, i, i+1)
	case len(p.known) >= maxKnown:
		p.known = slices.Delete(p.known, 0, 1)
	}
	p.known = append(p.known, heard{m.Origin, m.Count})
	return true
}

// slowDown lowers the rate and reports whether it did. It does nothing if the last SLOW
// was obeyed less than 100 ms ago.
func (p *Pacer) slowDown(now time.Time, stop time.Duration) bool {
	stops := p.stopEmitter(now, min(stop, MostStop))
	if !stops && now.Sub(p.slowed) < every {
		return false
	}
	p.refill(now)
	p.rate = max(p.rate*cut, least)
	p.slowed = now
	return true
}

// stopEmitter stops the emitter and reports whether it did. It does nothing within half
// a MostStop of the last stop, or if the credit is used up.
func (p *Pacer) stopEmitter(now time.Time, stop time.Duration) bool {
	passed := now.Sub(p.creditAt)
	if stop <= 0 || passed < MostStop/2 {
		return false
	}
	p.credit = min(p.credit+passed/stopShare, stopCredit)
	p.creditAt = now
	if p.credit < MostStop {
		return false
	}
	if until := now.Add(stop); until.After(p.stopped) {
		p.credit -= stop - max(p.stopped.Sub(now), 0)
		p.stopped = until
	}
	return true
}

// Wait returns how long the node must wait before it may ask again, or 0 if it may emit
// now. The wait is at most 50 ms: the rate grows meanwhile. A longer stop is returned
// in full.
func (p *Pacer) Wait(now time.Time) time.Duration {
	if wait := p.stopped.Sub(now); wait > 0 {
		return wait
	}
	if p.tokens > 0 && now.Sub(p.at) < stale {
		return 0
	}
	if p.refill(now); p.tokens > 0 {
		return 0
	}
	// Wait until several events fit, not only one.
	wait := (min(Burst/4, p.rate/20) - p.tokens) / p.rate
	return time.Duration(min(wait, mostWait)*float64(time.Second)) + time.Millisecond
}

// Charge subtracts emitted bytes from the allowance.
func (p *Pacer) Charge(now time.Time, bytes int) {
	if p.at.IsZero() {
		p.at = now
	}
	p.tokens -= float64(bytes)
}

// refill adds the allowance of the time that has passed and adapts the rate.
func (p *Pacer) refill(now time.Time) {
	passed := now.Sub(p.at).Seconds()
	if p.at.IsZero() || passed <= 0 {
		return
	}
	p.at = now
	p.tokens += p.rate * passed
	if p.tokens < max(Burst, p.rate/50) {
		// The node uses its whole rate, so the rate may grow.
		grows := growth
		switch {
		case p.slowed.IsZero():
			grows *= 3
		case now.Sub(p.slowed) < every+every/4:
			grows = 0 // another SLOW may be on its way
		}
		p.rate *= 1 + min(grows*passed, 1)
		return
	}
	// The node emits less than its rate, so the rate returns to Begin slowly.
	p.rate = max(p.rate*math.Exp(-passed), min(p.rate, Begin))
	p.tokens = max(Burst, p.rate/50)
	if now.Sub(p.slowed) > 10*time.Second {
		p.slowed = time.Time{}
		p.rate = max(p.rate, Begin)
	}
}
