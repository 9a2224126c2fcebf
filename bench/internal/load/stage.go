package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/smokesignal-go/smokesignal/bench/internal/check"
	"github.com/smokesignal-go/smokesignal/bench/internal/contest"
	"github.com/smokesignal-go/smokesignal/bench/internal/measure"
)

const (
	formWithin  = 30 * time.Second // a network that has not formed by then never will
	drainWithin = 10 * time.Second
	drainCalm   = time.Second // if nothing arrives for that long, missing messages are lost
)

// stage is a network that has formed, with its measurements.
type stage struct {
	spec   Spec
	net    contest.Net
	ledger *check.Ledger
	result *Result
	others []int // processes in addition to this one
}

// open forms the network. ready may configure the ledger before anything arrives.
func open(ctx context.Context, c contest.Contestant, r *Result, ready func(*check.Ledger)) (*stage, error) {
	s := &stage{spec: r.Spec, result: r, ledger: check.NewLedger(r.Spec.N, r.Spec.Size)}
	if ready != nil {
		ready(s.ledger)
	}
	if c.MaxSize > 0 && r.Spec.Size > c.MaxSize {
		return nil, &contest.Missing{Why: fmt.Sprintf("it carries at most %d bytes", c.MaxSize)}
	}
	before, err := measure.Take(nil)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, formWithin)
	defer cancel()
	net, err := c.Open(ctx, contest.Config{
		N: s.spec.N, Size: s.spec.Size, Seed: uint64(s.spec.Round), Receive: s.ledger, Stallable: s.spec.Workload == "stall",
	})
	if err != nil {
		return nil, fmt.Errorf("form: %w", err)
	}
	s.net = net
	if o, ok := net.(contest.Outside); ok {
		s.others = o.Processes()
	}
	after, err := s.sample()
	if err != nil {
		return nil, errors.Join(err, net.Close())
	}
	r.Figures[Form] = after.At.Sub(before.At).Seconds()
	r.Figures[FormCPU] = (after.CPU - before.CPU).Seconds()
	if l, ok := net.(contest.Linked); ok {
		r.Figures[FormDrops] = float64(l.LinksLost())
	}
	return s, nil
}

// sample returns the sample of measure.Take, with the figures that only the adapter has.
func (s *stage) sample() (measure.Sample, error) {
	m, err := measure.Take(s.others)
	if d, ok := s.net.(contest.Datagrams); ok {
		m.Written += d.BytesSent()
	}
	return m, err
}

// moment is a sample and the number of deliveries until then.
type moment struct {
	measure.Sample
	delivered uint64
	mallocs   uint64 // by this process, since its start
}

func (s *stage) moment() (moment, error) {
	m, err := s.sample()
	return moment{m, s.ledger.Delivered(), measure.Mallocs()}, err
}

// note adds the figures of the time between two moments.
func (s *stage) note(from, to moment) {
	f := s.result.Figures
	deliveries := float64(to.delivered - from.delivered)
	seconds := to.At.Sub(from.At).Seconds()
	cpu := (to.CPU - from.CPU).Seconds()
	f[Rate] = deliveries / seconds
	f[Share] = cpu / seconds
	f[Others] = max((to.Busy-from.Busy).Seconds()-cpu, 0) / seconds
	f[Goroutines] = float64(measure.Goroutines())
	if deliveries > 0 {
		f[CPU] = cpu / deliveries * 1e6
		f[Allocs] = float64(to.mallocs-from.mallocs) / deliveries
		f[Bytes] = float64(to.Written-from.Written) / (deliveries * float64(s.spec.Size))
	}
}

// drain waits until all sent messages have arrived, or until none arrives any more. If its time
// limit passes while messages still arrive, the missing ones count as under way, not as lost.
func (s *stage) drain() {
	const look = 20 * time.Millisecond
	moved, last := time.Now(), s.ledger.Delivered()
	for end := moved.Add(drainWithin); ; time.Sleep(look) {
		c := s.ledger.Counts()
		s.result.Lost = c.Skipped + c.Absent
		if c.Delivered != last {
			moved, last = time.Now(), c.Delivered
		}
		switch {
		case s.result.Lost == 0, time.Since(moved) >= drainCalm:
			return
		case time.Now().After(end):
			s.result.Lost, s.result.UnderWay = c.Skipped, c.Absent
			return
		}
	}
}

// close ends the network and adds the counts to the result.
func (s *stage) close() error {
	s.result.Counts = s.ledger.Counts()
	if t, ok := s.net.(contest.Troubled); ok {
		s.result.Troubles = make(map[string]uint64)
		for name, n := range t.Troubles() {
			if n > 0 {
				s.result.Troubles[name] = n
			}
		}
	}
	peak, err := measure.PeakRSS(s.others)
	s.result.Figures[PeakRSS] = float64(peak)
	if closed := s.net.Close(); closed != nil {
		err = errors.Join(err, fmt.Errorf("close: %w", closed))
	}
	return err
}
