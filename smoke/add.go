package smoke

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/smokesignal-go/smokesignal/discovery"
	"github.com/smokesignal-go/smokesignal/ident"
)

const (
	// addAfter is the time from one wave of dials of AddPeer to the next, twice as
	// large one (compare RFC 8305, section 5).
	addAfter = 150 * time.Millisecond
	// mostJoined bounds the errors that AddPeer returns.
	mostJoined = 8
)

// cleanAddrs returns what a resolver has found in canonical form, each address once,
// and a random choice if they are more than a node takes.
func cleanAddrs(found []string) []string {
	var addrs []string
	seen := make(map[string]bool, len(found))
	for _, addr := range found {
		if addr = ident.CanonicalAddr(addr); addr != "" && !seen[addr] {
			seen[addr] = true
			addrs = append(addrs, addr)
		}
	}
	if len(addrs) > discovery.MaxAddrs {
		rand.Shuffle(len(addrs), func(i, j int) { addrs[i], addrs[j] = addrs[j], addrs[i] })
		addrs = addrs[:discovery.MaxAddrs]
	}
	return addrs
}

// addOne makes a neighbour of the node at one of these addresses. It tries them in
// waves, each twice as large as the last one, because most of many may be silent.
func (d *driver) addOne(ctx context.Context, addrs []string) error {
	trying, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan error, len(addrs))
	try := func(addr string) {
		var mine uint64
		r, err := d.call(trying, func(now time.Time, token uint64) {
			mine = token
			d.machine.Add(now, addr, token, d)
		})
		if err == nil {
			err = addError(addr, r.err)
		}
		if trying.Err() != nil && ctx.Err() == nil {
			d.step(func(time.Time) { d.machine.Withdraw(mine) }) // another address was quicker
		}
		results <- err
	}
	var errs []error
	started, failed := 0, 0
	for wave := 1; ; wave *= 2 {
		for _, addr := range addrs[started:min(started+wave, len(addrs))] {
			started++
			// addOne owns it. It ends with its answer, or with trying.
			go try(addr)
		}
		next := time.NewTimer(addAfter)
		for waits := true; waits; {
			var late <-chan time.Time
			if started < len(addrs) {
				late = next.C
			}
			select {
			case err := <-results:
				if err == nil || ctx.Err() != nil || errors.Is(err, ErrStopped) {
					next.Stop()
					return err
				}
				if failed++; len(errs) < mostJoined {
					errs = append(errs, err)
				}
				waits = failed < started // else all of them have failed
				if failed == len(addrs) {
					next.Stop()
					if failed > mostJoined {
						errs = append(errs, fmt.Errorf("and %d more addresses", failed-mostJoined))
					}
					return errors.Join(errs...)
				}
			case <-late:
				waits = false
			}
		}
		next.Stop()
	}
}
