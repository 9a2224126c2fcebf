package loadtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// Local is a network in this process. The first node emits, the others receive.
type Local struct {
	Nodes     []*smoke.Node
	Watch     *Watch
	receivers []*Receiver
}

// StartLocal starts n nodes, at least two, and waits until they are one network. The first
// node is the seed of the others. options returns the options of each node, for example
// with an address of its own; StartLocal adds the seed.
func StartLocal(ctx context.Context, n int, options func(i int) smoke.Options) (*Local, error) {
	l := &Local{Watch: NewWatch()}
	for i := range n {
		o := options(i)
		if i > 0 {
			o.Seeds = []string{l.Nodes[0].Addr()}
		}
		node := smoke.CreateNode(o)
		if i > 0 {
			l.receivers = append(l.receivers, NewReceiver(node, l.Watch, nil))
		}
		l.Nodes = append(l.Nodes, node)
		if err := node.Start(); err != nil {
			return nil, errors.Join(fmt.Errorf("start node %d of %d: %w", i+1, n, err), l.Close())
		}
	}
	if err := l.settle(ctx); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// settleWithin limits the time in which the nodes of one process must find each other. They
// need a few round trips.
const settleWithin = 30 * time.Second

// settle waits until the nodes are one network.
func (l *Local) settle(ctx context.Context) error {
	limit, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		count, err := l.Nodes[0].Count(limit)
		if err == nil && count == len(l.Nodes) {
			return nil
		}
		isForming := err == nil || errors.Is(err, smoke.ErrIncomplete)
		if isForming && sleep(limit, pause, 20*time.Millisecond) {
			continue
		}
		if ctx.Err() != nil {
			return ErrInterrupted
		}
		return fmt.Errorf("of %d nodes in this process %d are one network after %v", len(l.Nodes), count, settleWithin)
	}
}

// Close stops all nodes.
func (l *Local) Close() error {
	var stopping sync.WaitGroup
	errs := make([]error, len(l.Nodes))
	for i, node := range l.Nodes {
		// Owner: this call, which waits. Stop has a time limit of its own.
		stopping.Go(func() {
			if err := node.Stop(); !errors.Is(err, smoke.ErrAlone) { // all leave at once
				errs[i] = err
			}
		})
	}
	stopping.Wait()
	for _, r := range l.receivers {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}
