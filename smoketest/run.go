package smoketest

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport/mem"
)

// Options configure the nodes of a test. Both functions may be nil. They are called on the
// goroutine of the test, for one node after another. The t that they get is the one inside
// the bubble.
type Options struct {
	// Configure changes the options of node i. It is called once for each node; all its
	// lives have the same options. Address, Port, Seeds, Transport and Logger are set
	// already. If you set another Transport, it should wrap the given one.
	Configure func(t *testing.T, i int, o *smoke.Options)

	// Setup connects the program under test: it registers handlers and hooks on a node that
	// is about to start. It is called once for each life: at the beginning, and again by
	// Add and Restart.
	Setup func(t *testing.T, i int, node *smoke.Node)

	// Busy is for programs that emit continuously from Setup on. The test then begins when
	// all nodes are connected, without waiting for quiet.
	Busy bool
}

// Run runs a test with n connected nodes, numbered from 0. It returns when the test has
// returned and all nodes are stopped.
func Run(t *testing.T, n int, test func(t *testing.T, net *Network)) {
	t.Helper()
	RunWith(t, n, Options{}, test)
}

// RunWith is like Run, with options.
func RunWith(t *testing.T, n int, o Options, test func(t *testing.T, net *Network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		net := newNetwork(t, n)
		if o.Configure != nil {
			net.configure = func(i int, opts *smoke.Options) { o.Configure(t, i, opts) }
		}
		if o.Setup != nil {
			net.onLife(func(i int, node *smoke.Node) { o.Setup(t, i, node) })
		}
		defer net.end()
		net.begin(n, o.Busy)
		test(t, net)
	})
}

// newNetwork makes a network for n nodes.
func newNetwork(t testing.TB, n int) *Network {
	net := &Network{
		t:         t,
		mem:       mem.New(),
		began:     time.Now(),
		whole:     testing.Verbose(),
		configure: func(int, *smoke.Options) {},
		numbers:   make(map[smoke.ID]int),
	}
	for i := range min(n, seedCount) {
		net.seeds = append(net.seeds, Addr(i))
	}
	net.Latency(defaultLatency, 0)
	return net
}

// begin starts the first nodes, all at once.
func (n *Network) begin(nodes int, busy bool) {
	n.t.Helper()
	if nodes < 1 {
		n.t.Fatalf("a network of %d nodes: it needs at least one", nodes)
	}
	for range nodes {
		n.Add()
	}
	if busy {
		n.Wait(time.Minute, "all nodes are connected", n.Connected)
		return
	}
	n.Settle()
}

// end stops all nodes at once, and prints their logs if the test has failed.
func (n *Network) end() {
	var wg sync.WaitGroup
	for _, m := range n.members {
		if m.state == running {
			// The goroutine is owned by end, which waits for it. It ends with Stop, after a
			// second at most.
			wg.Go(func() { n.stop(m) })
		}
	}
	wg.Wait()
	if n.t.Failed() {
		n.showLogs()
	}
}
