package peerlist

import (
	"slices"
	"time"
)

// Attempt is what came of the last try to get a link to the node at an address.
type Attempt struct {
	Addr string
	Err  error // one of the errors of Add, or what DialFailed was given
}

const (
	// refusedAfter is how long a node may be without a neighbour before it says that
	// it is refused everywhere. A guess: a few rounds of asking and one of insisting
	// take three seconds.
	shutOutAfter = 5 * time.Second

	// refusedAgain is when it says so again, in case the reason is another one.
	shutOutAgain = 10 * time.Second

	maxAttempts = 32 // that are remembered
)

// refusal is what a node without neighbours has tried.
type shutOut struct {
	since    time.Time // when it lost its last neighbour; zero while it has one
	attempts []Attempt // the latest of each address, oldest first; seeds stay longest
	reported time.Time // when Out.ShutOut was last called; zero: not yet
}

// wasRefused notes that an address brought no link.
func (m *Membership) recordAttempt(now time.Time, addr string, err error) {
	r := &m.shutOut
	if len(m.active) > 0 || addr == "" || err == nil || m.leaving {
		return
	}
	if r.since.IsZero() {
		r.since = now
	}
	r.attempts = slices.DeleteFunc(r.attempts, func(a Attempt) bool { return a.Addr == addr })
	if len(r.attempts) >= maxAttempts {
		at := slices.IndexFunc(r.attempts, func(a Attempt) bool { return !m.isSeed(a.Addr) })
		at = max(at, 0)
		r.attempts = slices.Delete(r.attempts, at, at+1)
	}
	r.attempts = append(r.attempts, Attempt{addr, err})
}

// Unresolved takes the news that a seed's name led to no address.
func (m *Membership) Unresolved(now time.Time, seed string, err error) {
	m.recordAttempt(now, seed, err)
}

// refusalAt is when it is to be seen whether this node is refused everywhere; zero
// while it is not to be.
func (m *Membership) shutOutAt() time.Time {
	r := &m.shutOut
	if len(m.active) > 0 || m.leaving || len(r.attempts) == 0 {
		return time.Time{}
	}
	if !r.reported.IsZero() {
		return r.reported.Add(shutOutAgain)
	}
	return r.since.Add(shutOutAfter)
}

// reportRefusal says that this node has no neighbour and is refused wherever it asks,
// once it has been so for a moment, and then every ten seconds.
func (m *Membership) reportShutOut(now time.Time, out Out) {
	if at := m.shutOutAt(); !at.IsZero() && !now.Before(at) {
		m.shutOut.reported = now
		out.ShutOut(slices.Clone(m.shutOut.attempts))
	}
}

// refusalError is the error for a reason with which a peer refuses.
func refusalError(why Reason) error {
	switch why {
	case ReasonFull:
		return ErrPeer
	case ReasonTwin:
		return ErrTwin
	case ReasonDuplicate: // the other side's own dial takes the place
		return nil
	}
	return ErrRefused
}
