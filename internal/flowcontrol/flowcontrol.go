// Package flowcontrol keeps those who emit from outrunning those who hear.
//
// Every event goes to every node, so the whole network is as fast as the slowest
// part of it that is waited for. A node that falls behind, with what it has to
// send on or with its handlers, says so: it floods a small SLOW. Whoever emits
// then emits less, and as long as it hears nothing more of the kind, ever more
// again: additive increase is too slow where rates differ by a factor of a
// thousand, so both are by factors. Nobody waits in the middle of the network, so
// nothing there can wait for itself in a circle.
//
// What is behind for good is not waited for: its owner stops pressing after a
// while. How long that is, is the owner's business.
//
// [Pacer] is the machine. It does no I/O and has no deadlines. Its methods are
// called from one goroutine at a time.
package flowcontrol

import (
	"math"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// Message is one frame of this protocol.
type Message interface{ pace() }

// Slow asks all who emit to emit less.
type Slow struct {
	Origin ident.Origin  // who is behind
	Count  uint64        // rises with each one of that origin
	Stop   time.Duration // emit nothing for so long; zero: only less
}

func (*Slow) pace() {}

// Out takes what a [Pacer] wants sent. Nobody changes a message.
type Out interface {
	Send(to ident.Link, m Message)
}

const (
	// Begin is how many bytes a second one node emits before it knows better, and
	// Burst how many it may emit at once when it has emitted little before. A
	// hundred nodes that all begin at one moment emit less than a history holds.
	// Guesses.
	Begin = 128 << 10
	Burst = 64 << 10

	least  = 16 << 10 // bytes a second that are allowed whatever is heard
	cut    = 0.8      // what a SLOW leaves of the rate
	growth = 5.0      // of the rate, in a second without one; before the first one three times that
	// every is the gap between two SLOWs that a node takes, or sends, or passes on.
	every    = 100 * time.Millisecond
	mostWait = 0.02        // s
	stale    = time.Second // what was allowed so long ago is looked at again
	// MostStop bounds how long one Slow stops an emitter.
	MostStop = 50 * time.Millisecond
	// stopShare and stopCredit bound how long all of them together do: half of the
	// time, and a second more. Who is behind has emitters stopped for two seconds
	// on end, then; who only wants to silence others can't.
	stopShare  = 2
	stopCredit = time.Second
	// maxKnown bounds the origins whose count is remembered.
	maxKnown = 256
)

// Pacer is the machine of one node.
type Pacer struct {
	self  ident.Origin
	count uint64
	links []ident.Link
	known []heard // latest last

	rate    float64   // bytes a second
	tokens  float64   // bytes that may be emitted now; below zero: too many were
	at      time.Time // when tokens and rate were right
	slowed  time.Time // the last SLOW that was taken; zero: none ever was
	stopped time.Time // until then

	credit   time.Duration // for how long this node may still be stopped
	creditAt time.Time     // when that was right; zero: all of stopCredit
}

type heard struct {
	origin ident.Origin
	count  uint64
}

// New makes the machine of one life of a node.
func New(self ident.Origin) *Pacer {
	return &Pacer{self: self, rate: Begin, tokens: Burst}
}

// LinkUp takes a new neighbour.
func (p *Pacer) LinkUp(id ident.Link) { p.links = append(p.links, id) }

// LinkDown takes the end of one.
func (p *Pacer) LinkDown(id ident.Link) {
	p.links = slices.DeleteFunc(p.links, func(l ident.Link) bool { return l == id })
}

// Press says that this node is behind: everybody slows down, unless that was said
// a moment ago, by whomever. With stop nothing at all is emitted for so long, which
// is MostStop at most; but nobody is stopped for more than half of the time, and a
// second, whoever asks for it and however often.
func (p *Pacer) Press(now time.Time, stop time.Duration, out Out) {
	if !p.takes(now, stop) {
		return
	}
	p.count++
	p.flood(0, &Slow{Origin: p.self, Count: p.count, Stop: stop}, out)
}

// Handle takes a frame that came on a link.
func (p *Pacer) Handle(now time.Time, from ident.Link, m Message, out Out) {
	slow, ok := m.(*Slow)
	if !ok || slow.Origin == p.self || !p.isNew(slow) {
		return
	}
	if p.takes(now, slow.Stop) {
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

// isNew reports whether a SLOW was not heard before.
func (p *Pacer) isNew(m *Slow) bool {
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

// takes slows down, unless that was done just now, and reports whether it did.
func (p *Pacer) takes(now time.Time, stop time.Duration) bool {
	stops := p.stop(now, min(stop, MostStop))
	if !stops && now.Sub(p.slowed) < every {
		return false
	}
	p.refill(now)
	p.rate = max(p.rate*cut, least)
	p.slowed = now
	return true
}

// stop stops the emitter, and reports whether it did: not again within half of a
// stop, nor if it was stopped for too much of the time.
func (p *Pacer) stop(now time.Time, stop time.Duration) bool {
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

// Wait is how long a node has to wait before it asks again whether it may emit;
// zero: it may. That is not long, since the rate grows while it waits.
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
	// It wakes up to some work, not to a single event.
	wait := (min(Burst/4, p.rate/20) - p.tokens) / p.rate
	return time.Duration(min(wait, mostWait)*float64(time.Second)) + time.Millisecond
}

// Emits takes note that so many bytes are emitted.
func (p *Pacer) Emits(now time.Time, bytes int) {
	if p.at.IsZero() {
		p.at = now
	}
	p.tokens -= float64(bytes)
}

// refill lets time pass.
func (p *Pacer) refill(now time.Time) {
	passed := now.Sub(p.at).Seconds()
	if p.at.IsZero() || passed <= 0 {
		return
	}
	p.at = now
	p.tokens += p.rate * passed
	if p.tokens < max(Burst, p.rate/50) {
		// All of the rate is used: it may be more.
		grows := growth
		switch {
		case p.slowed.IsZero():
			grows *= 3
		case now.Sub(p.slowed) < every+every/4:
			grows = 0 // another may be on its way
		}
		p.rate *= 1 + min(grows*passed, 1)
		return
	}
	// It is not. What was learnt is forgotten slowly.
	p.rate = max(p.rate*math.Exp(-passed), min(p.rate, Begin))
	p.tokens = max(Burst, p.rate/50)
	if now.Sub(p.slowed) > 10*time.Second {
		p.slowed = time.Time{}
		p.rate = max(p.rate, Begin)
	}
}
