package loadtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// JoinWithin is how long [Join] looks for other nodes by default. A guess: time to try a
// seed a dozen times.
const JoinWithin = 10 * time.Second

// tryWithin is how long a seed may take to answer why it can't be joined.
const tryWithin = 3 * time.Second

// AloneError reports that a node found no other node. It holds the result for each seed.
type AloneError struct {
	Network string
	After   time.Duration // how long the node looked
	Tried   []Tried
}

// Tried is the result for one seed.
type Tried struct {
	Seed string
	Err  error
}

// Error implements error, with a line for each seed.
func (e *AloneError) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "no node of network %q found after %v", e.Network, e.After.Round(time.Second))
	if len(e.Tried) == 0 {
		text.WriteString(": there are no seeds to ask")
	}
	for _, t := range e.Tried {
		fmt.Fprintf(&text, "\n  tried %s: %v", t.Seed, t.Err)
		if fix := t.fix(); fix != "" {
			text.WriteString("\n    " + fix)
		}
	}
	return text.String()
}

// fix returns what the user should check.
func (t Tried) fix() string {
	switch {
	case errors.Is(t.Err, smoke.ErrOtherNetwork):
		return "name its network: --network NAME"
	case errors.Is(t.Err, smoke.ErrPlaintext):
		return "give both a secret (--secret-file or SMOKE_SECRET) or a key (--key), or neither"
	case errors.Is(t.Err, smoke.ErrNotAdmitted):
		return "give this node the secret of that one (--secret-file or SMOKE_SECRET), or put its id on the list of that one"
	case errors.Is(t.Err, smoke.ErrOtherVersion):
		return "use the same version of smoke on all nodes"
	case errors.Is(t.Err, smoke.ErrNotSmokesignal):
		return "check the port"
	case errors.Is(t.Err, smoke.ErrSelf):
		return "name another node: this seed is the one that is looking"
	}
	return "check that a node runs there (smoke ping " + t.Seed + "), that the address is right, and that no firewall is between"
}

// Join waits until a node that has been started has a neighbour. If the node gets none
// within the given time, or can't get one at all, Join returns an *[AloneError] with the
// answer of each seed. If ctx ends first, it returns [ErrInterrupted].
func Join(ctx context.Context, node *smoke.Node, options smoke.Options, within time.Duration) error {
	start := time.Now()
	silent := make(chan smoke.SeedLost, len(options.Seeds)+1)
	defer node.OnSeedLost(func(lost smoke.SeedLost) {
		select {
		case silent <- lost:
		default: // one answer from each seed is enough
		}
	})()
	found := make(chan struct{}, 1)
	defer node.Peers().OnAdd(func(*smoke.Peer) {
		select {
		case found <- struct{}{}:
		default:
		}
	})()
	if node.Peers().Len() > 0 {
		return nil
	}
	limit := time.NewTimer(within)
	defer limit.Stop()
	early := time.NewTimer(firstTry)
	defer early.Stop()
	var tried []Tried
	for isHopeless := false; !isHopeless; {
		var last bool
		select {
		case <-found:
			return nil
		case <-ctx.Done():
			return ErrInterrupted
		case <-early.C:
		case <-limit.C:
			last = true
		}
		tried = trySeeds(ctx, node, options.Seeds)
		switch {
		case ctx.Err() != nil:
			return ErrInterrupted
		case node.Peers().Len() > 0:
			return nil
		}
		isHopeless = last || len(tried) > 0 && !slices.ContainsFunc(tried, Tried.mayChange)
	}
	lost := make(map[string]error)
	for len(silent) > 0 {
		l := <-silent
		lost[l.Addr] = l.Err
	}
	for i := range tried {
		if tried[i].Err == nil {
			tried[i].Err = cmp.Or(lost[tried[i].Seed], errNoWord)
		}
	}
	return &AloneError{Network: options.Network, After: time.Since(start), Tried: tried}
}

// firstTry is how long a node may be without a neighbour before Join asks the seeds for the
// reason. Some reasons can't change, so that further waiting is useless.
const firstTry = time.Second

// mayChange reports whether the seed may accept the node later, with the same options.
func (t Tried) mayChange() bool {
	for _, lasting := range []error{smoke.ErrOtherNetwork, smoke.ErrOtherVersion, smoke.ErrNotSmokesignal, smoke.ErrSelf} {
		if errors.Is(t.Err, lasting) {
			return false
		}
	}
	return true
}

var errNoWord = errors.New("none of its addresses answers")

// trySeeds asks all seeds at once, except names with several addresses, which only the node
// itself looks up and tries.
func trySeeds(ctx context.Context, node *smoke.Node, seeds []string) []Tried {
	tried := make([]Tried, len(seeds))
	var trying sync.WaitGroup
	for i, seed := range seeds {
		tried[i].Seed = seed
		if strings.Contains(seed, "://") {
			continue
		}
		// Owner: this call. It ends with the answer or after tryWithin, and is
		// waited for below.
		trying.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, tryWithin)
			defer cancel()
			err := node.AddPeer(ctx, seed)
			if dial, ok := errors.AsType[*smoke.DialError](err); ok {
				err = dial.Err // without the address, which the message has already
			}
			if errors.Is(err, context.DeadlineExceeded) {
				err = smoke.ErrTimeout
			}
			tried[i].Err = err
		})
	}
	trying.Wait()
	return tried
}
