// Package smoketest runs real nodes inside one test, on a network in memory and in virtual
// time. Use it to test a program that uses package smoke under partitions, crashes and slow
// links:
//
//	func TestCacheStaysRight(t *testing.T) {
//		var caches [5]*Cache
//		o := smoketest.Options{
//			Setup: func(t *testing.T, i int, node *smoke.Node) { caches[i] = NewCache(node) },
//		}
//		smoketest.RunWith(t, 5, o, func(t *testing.T, net *smoketest.Network) {
//			net.Partition([]int{0, 1}, []int{2, 3, 4})
//			net.Settle()
//			…
//			net.Heal()
//			net.Settle()
//			…
//		})
//	}
//
// # Time
//
// Everything runs in a bubble of testing/synctest. The clock stands still while anything
// can run, and jumps to the next timer when nothing can. So time.Sleep costs only the work
// that nodes do meanwhile, and a hundred minutes take seconds (BenchmarkHundredMinutes).
// The rules of a bubble also apply to the program under test. It must not wait for real
// sockets, processes or anything else outside. T.Run and T.Parallel must not be called on
// the t inside the bubble. Call t.Parallel before Run.
//
// Some behaviour of nodes depends on time. For example, [smoke.Node.OnNetsplit] reports
// parts that were apart for more than ten seconds, and a cut of three seconds calls neither
// it nor OnHeal. Let a minute pass where that matters.
//
// # The network
//
// Node i is at Addr(i). The first three are the seeds of all; all other options have their
// zero value. Links are plaintext, unless [Options.Configure] sets an option that makes a
// node encrypt them. Bytes take a millisecond one way; see [Network.Latency].
//
// Cuts are black holes in both directions. No node is notified, and nodes find out when
// pings get no answer, about five seconds later. There are no one-way cuts, because a TCP
// link without its return path stalls. There are no losses, because TCP turns a loss into a
// delay, which a Latency with jitter models. Bytes in flight when a cut begins wait, and
// arrive if the cut heals before the nodes have closed the link.
//
// # What is reproducible
//
// Time is virtual, and neither a real network nor the load of the machine has any effect.
// Two things differ between runs. Nodes make random choices without a seed (ids,
// neighbours, times of periodic work). And goroutines that can run at the same moment run
// in any order. A test must hold for all of these; run it with -count=100. The race
// detector works as usual.
//
// # The end
//
// When the test function returns or fails, all nodes are stopped, as by [Network.Stop].
// Then the functions given to t.Cleanup run. If goroutines of the bubble are left after
// that, Go ends the test with
//
//	panic: deadlock: main bubble goroutine has exited but blocked goroutines remain
//
// and with their stacks. In that case the program under test has leaked these goroutines,
// or one of its handlers has not returned. End your goroutines when Emit returns
// [smoke.ErrStopped], when t.Context ends, or in t.Cleanup. Use the t that Setup gets, not
// the one outside.
//
// The reverse is not detected: nodes have timers as long as they live, so a test that waits
// without end is not a deadlock. It waits until go test's own -timeout. [Network.Wait] and
// [Network.Settle] have time limits.
//
// If the test fails, the log of the nodes is printed: warnings and errors, or everything
// with go test -v.
package smoketest
