package smoke

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/smokesignal-go/smokesignal/internal/engine"
	"github.com/smokesignal-go/smokesignal/internal/handshake"
)

// Refusal reports that a node looks for neighbours and has none: for at least five seconds,
// no address that it knows has led to a link.
type Refusal struct {
	// Err is the reason: [ErrPeerFull], [ErrNotAdmitted], [ErrPlaintext],
	// [ErrOtherNetwork], [ErrOtherVersion], [ErrNotSmokesignal], [ErrRefused], an error of
	// the transport or the resolver, or [ErrNobodyAnswers]. If the addresses have different
	// reasons, Err is the one that comes first in this list: the one that is nearest to a
	// link.
	Err error

	// Tried has the addresses, at most 32, each with the error of the last attempt. A seed
	// whose name resolves to no address is listed by its name.
	Tried []*DialError
}

// String returns the reason and the addresses, for people.
func (r Refusal) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "refused everywhere: %v; tried ", r.Err)
	for i, t := range r.Tried {
		if i == shownTried {
			fmt.Fprintf(&b, " and %d more", len(r.Tried)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s (%v)", t.Addr, t.Err)
	}
	return b.String()
}

// shownTried limits how many addresses String writes.
const shownTried = 3

// OnRefused registers a hook for the moment at which the node finds that it is refused
// everywhere, and for each change of the reason while it is refused. The refusal has ended
// when OnConnect runs. A node that knows no address to try, such as a first seed, is not
// refused.
func (n *Node) OnRefused(fn func(Refusal)) (off func()) { return n.hooks.refused.on(fn) }

// Refusal returns the refusal that OnRefused reported last. ok is false while the node is not
// refused everywhere: it has a neighbour, has not looked for long enough, knows no
// address to try, or does not run.
func (n *Node) Refusal() (r Refusal, ok bool) {
	l, err := n.life()
	if err != nil {
		return Refusal{}, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refusal == nil {
		return Refusal{}, false
	}
	return l.refusal.copied(), true
}

// copied returns a Refusal that the program may change.
func (r Refusal) copied() Refusal {
	tried := make([]*DialError, len(r.Tried))
	for i, t := range r.Tried {
		tried[i] = &DialError{Addr: t.Addr, Err: t.Err}
	}
	r.Tried = tried
	return r
}

// refusalReasons lists the reasons of a Refusal, the nearest to a link first. After them
// come other errors, and then silence.
var refusalReasons = []error{
	ErrPeerFull, ErrNotAdmitted, ErrPlaintext, ErrOtherNetwork, ErrOtherVersion, ErrNotSmokesignal, ErrRefused,
}

// newRefusal returns the refusal, and its reason as a place in refusalReasons or
// behind them.
func newRefusal(tried []*engine.DialError) (r Refusal, reason int) {
	r.Err, reason = ErrNobodyAnswers, len(refusalReasons)+1
	for _, t := range tried {
		r.Tried = append(r.Tried, (*DialError)(t))
		if isSilence(t.Err) {
			continue
		}
		at := slices.IndexFunc(refusalReasons, func(known error) bool { return errors.Is(t.Err, known) })
		switch {
		case at >= 0 && at < reason:
			reason, r.Err = at, refusalReasons[at]
		case at < 0 && reason > len(refusalReasons):
			reason, r.Err = len(refusalReasons), t.Err
		}
	}
	return r, reason
}

// isSilence reports whether no node answered: no program listens at the address, or no
// answer came from there.
func isSilence(err error) bool {
	return errors.Is(err, handshake.ErrNothingListens) || errors.Is(err, ErrTimeout)
}
