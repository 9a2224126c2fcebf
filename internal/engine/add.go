package engine

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
	// addAfter is the time between two waves of dials of AddPeer. Each wave has twice as
	// many dials as the one before (compare RFC 8305, section 5).
	addAfter = 150 * time.Millisecond
	// mostJoined limits the number of errors that AddPeer returns.
	mostJoined = 8
)

// cleanAddrs returns the addresses that a resolver found, in canonical form and each
// once. If there are more than a node uses, it returns a random selection of them.
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

// Add makes the node at an address ("host:port") a neighbour. It returns nil if that node
// is now a neighbour. Otherwise it returns the reasons: *[DialError]s, [ErrStopped], the
// error of ctx, or an error that only states how many further errors there were.
func (d *Driver) Add(ctx context.Context, addr string) []error {
	addrs, err := d.resolve(ctx, addr)
	if cause := ctx.Err(); cause != nil {
		return []error{cause}
	}
	if len(addrs) == 0 {
		return []error{&DialError{Addr: addr, Err: err}}
	}
	return d.addOne(ctx, addrs)
}

// Remove ends the link to a neighbour. It returns [ErrPeerGone] if there is no such
// neighbour, or [ErrStopped].
func (d *Driver) Remove(id ident.ID) error {
	err := ErrStopped
	d.step(func(now time.Time) {
		if err = nil; !d.machine.Remove(now, id, d.out()) {
			err = ErrPeerGone
		}
	})
	return err
}

// addOne makes the node at one of these addresses a neighbour. Most of the addresses may
// not answer, so it dials in waves, each twice as large as the one before.
func (d *Driver) addOne(ctx context.Context, addrs []string) []error {
	trying, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan error, len(addrs))
	try := func(addr string) {
		var mine uint64
		r, err := d.ask(trying, func(now time.Time, token uint64) {
			mine = token
			d.machine.Add(now, addr, token, d.out())
		})
		if err == nil && r.err != nil {
			err = addError(addr, r.err)
		}
		if trying.Err() != nil && ctx.Err() == nil {
			d.step(func(time.Time) { d.machine.Withdraw(mine) }) // another address has succeeded
		}
		results <- err
	}
	var errs []error
	started, failed := 0, 0
	for wave := 1; ; wave *= 2 {
		for _, addr := range addrs[started:min(started+wave, len(addrs))] {
			started++
			// Owner: addOne. The goroutine ends when its dial is answered, or when the
			// context trying ends.
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
				if err == nil {
					next.Stop()
					return nil
				}
				if ctx.Err() != nil || errors.Is(err, ErrStopped) {
					next.Stop()
					return []error{err}
				}
				if failed++; len(errs) < mostJoined {
					errs = append(errs, err)
				}
				waits = failed < started // false if all dials have failed
				if failed == len(addrs) {
					next.Stop()
					if failed > mostJoined {
						errs = append(errs, fmt.Errorf("and %d more addresses", failed-mostJoined))
					}
					return errs
				}
			case <-late:
				waits = false
			}
		}
		next.Stop()
	}
}
