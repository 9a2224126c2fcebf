package smoketest

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport/mem"
)

// Options change the nodes of a test. Both functions may be nil; they are called
// on the goroutine of the test, for one node after another. The t they get is the
// one inside the bubble.
type Options struct {
	// Configure changes what node i is to be like. It is called once for each
	// node; all its lives have the same options. Set are Address, Port, Seeds,
	// Transport and Logger; a Transport of one's own should wrap that one.
	Configure func(t *testing.T, i int, o *smoke.Options)

	// Setup is where the program under test comes in: it registers handlers and
	// hooks on a node that is about to start, so that none comes too late. It is
	// called once for each life: at the beginning, and again by Add and Restart.
	Setup func(t *testing.T, i int, node *smoke.Node)

	// Busy is for programs that emit by themselves from Setup on, and are never quiet:
	// the test begins when all nodes are connected, and does not wait for more.
	Busy bool
}

// Run runs a test with n nodes, numbered from 0, that are connected already. It
// returns when the test has, and all nodes are stopped.
func Run(t *testing.T, n int, test func(t *testing.T, net *Network)) {
	t.Helper()
	RunWith(t, n, Options{}, test)
}

// RunWith is Run with nodes of one's own.
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

// newNetwork makes a network that is about to have n nodes.
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
		n.t.Fatalf("a network of %d nodes: it needs one at least", nodes)
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

// end stops all nodes at once, and shows their logs if the test has failed.
func (n *Network) end() {
	var wg sync.WaitGroup
	for _, m := range n.members {
		if m.state == running {
			// Owned by end, which waits; ends with Stop, which takes a second at most.
			wg.Go(func() { n.stop(m) })
		}
	}
	wg.Wait()
	if n.t.Failed() {
		n.showLogs()
	}
}
