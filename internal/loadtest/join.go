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

// JoinWithin is how long [Join] looks for others by default. A guess: a dozen
// tries at a seed that is there.
const JoinWithin = 10 * time.Second

// tryWithin is how long a seed may take to say why it can't be joined.
const tryWithin = 3 * time.Second

// AloneError says that a node found no other, and what came of its seeds.
type AloneError struct {
	Network string
	After   time.Duration // how long it looked
	Tried   []Tried
}

// Tried is what came of one seed.
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

// fix says what to check.
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

// Join waits until a node that runs has a neighbour. If there is none within
// that time, or never will be, the error is an *[AloneError] with what each seed
// says; if ctx ends before, [ErrInterrupted].
func Join(ctx context.Context, node *smoke.Node, options smoke.Options, within time.Duration) error {
	start := time.Now()
	silent := make(chan smoke.SeedLost, len(options.Seeds)+1)
	defer node.OnSeedLost(func(lost smoke.SeedLost) {
		select {
		case silent <- lost:
		default: // one word of each is enough
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

// firstTry is after how long alone the seeds are asked why for the first time:
// what won't change need not be waited for.
const firstTry = time.Second

// mayChange reports whether a seed may let the node in later, as it is.
func (t Tried) mayChange() bool {
	for _, lasting := range []error{smoke.ErrOtherNetwork, smoke.ErrOtherVersion, smoke.ErrNotSmokesignal, smoke.ErrSelf} {
		if errors.Is(t.Err, lasting) {
			return false
		}
	}
	return true
}

var errNoWord = errors.New("none of its addresses answers")

// trySeeds asks all seeds at once. A name that stands for several addresses is
// left to the node, which looks it up.
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
				err = dial.Err // the address stands before it already
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
