package hyparview

import (
	"slices"
	"time"
)

// Attempt is the outcome of the last attempt to get a link to the node at an address.
type Attempt struct {
	Addr string
	Err  error // one of the errors of Add, or the error passed to DialFailed
}

const (
	// A node without a neighbour reports ShutOut after shutOutAfter. A guess: a few
	// rounds of low-priority requests and one of high-priority requests take three
	// seconds.
	shutOutAfter = 5 * time.Second

	// shutOutAgain is the gap between repeated reports, in case the reason changes.
	shutOutAgain = 10 * time.Second

	maxAttempts = 32 // highest number of attempts that are remembered
)

// shutOut is the record of attempts of a node without neighbours.
type shutOut struct {
	since    time.Time // when the node lost its last neighbour; zero while it has one
	attempts []Attempt // the last attempt at each address, oldest first; attempts at seeds are dropped last
	reported time.Time // when Out.ShutOut was last called; zero: never
}

// recordAttempt records that an attempt at an address yielded no link.
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

// Unresolved records that a seed's name could not be resolved.
func (m *Membership) Unresolved(now time.Time, seed string, err error) {
	m.recordAttempt(now, seed, err)
}

// shutOutAt returns when ShutOut must be reported, or the zero time if it need not be.
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

// reportShutOut reports that this node has no neighbour although it has tried. It waits
// until that has lasted for shutOutAfter, and repeats the report every shutOutAgain.
func (m *Membership) reportShutOut(now time.Time, out Out) {
	if at := m.shutOutAt(); !at.IsZero() && !now.Before(at) {
		m.shutOut.reported = now
		out.ShutOut(slices.Clone(m.shutOut.attempts))
	}
}

// refusalError returns the error for the reason in a refusal.
func refusalError(why Reason) error {
	switch why {
	case ReasonFull:
		return ErrPeer
	case ReasonTwin:
		return ErrTwin
	case ReasonDuplicate: // the peer's own dial replaces this link
		return nil
	}
	return ErrRefused
}
