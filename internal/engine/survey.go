package engine

import (
	"context"
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/census"
)

// Count counts the nodes of the network, including this one. If it returns
// [ErrIncomplete], the number may be too low. Other errors: [ErrStopped], the error of
// ctx.
func (d *Driver) Count(ctx context.Context) (nodes int, err error) {
	r, err := d.ask(ctx, func(now time.Time, token uint64) { d.machine.Count(now, token, d.out()) })
	if err == nil && !r.complete {
		err = ErrIncomplete
	}
	return int(r.nodes), err
}

// Survey counts the nodes as Count does, and also collects the digest of each node. It
// calls report, which is code of the program, on the caller's goroutine.
func (d *Driver) Survey(ctx context.Context, report func(census.Digest)) (nodes int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &survey{more: make(chan struct{}, 1)}
	ended := make(chan struct{})
	var r result
	go func() { // this goroutine ends with ask, which ends with ctx, with the answer, or with this life; Survey waits for it
		defer close(ended)
		r, err = d.ask(ctx, func(now time.Time, token uint64) {
			d.surveys[token] = s
			d.machine.Survey(now, token, d.out())
		})
	}()
	for open := true; open; {
		select {
		case <-s.more:
		case <-ended:
			open = false
		}
		for _, digest := range s.take() {
			if err := d.program.Protect("the function of Survey", func() { report(digest) }); err != nil {
				cancel()
				<-ended
				return 0, err
			}
		}
	}
	if err == nil && !r.complete {
		err = ErrIncomplete
	}
	return int(r.nodes), err
}

// survey holds the answers to a survey that the caller has not taken yet.
type survey struct {
	more chan struct{} // has a token if there are answers

	mu      sync.Mutex // guards waiting
	waiting []census.Digest
}

func (s *survey) add(list []census.Digest) {
	s.mu.Lock()
	s.waiting = append(s.waiting, list...)
	s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
}

func (s *survey) take() []census.Digest {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.waiting
	s.waiting = nil
	return list
}

// Describe returns the digest of this node, and false if the life is over.
func (d *Driver) Describe() (census.Digest, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.machine == nil {
		return census.Digest{}, false
	}
	return d.machine.Describe(time.Now()), true
}

// describe completes the digest that the machine made of this node. It is called inside a step.
func (d *Driver) describe(g *census.Digest) {
	g.Version = d.cfg.Version
	g.Queued = uint64(d.events.Stats().Queued)
	g.Refused += d.refusals.reported()
}
