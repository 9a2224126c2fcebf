// Package smoketest runs real nodes inside one test, on a network in memory and in
// virtual time, so that a program that uses package smoke can be tested under
// netsplits, crashes and slow links:
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
// All of it happens in a bubble of testing/synctest. The clock stands still while
// anything can run, and jumps to the next timer when nothing can. So time.Sleep
// costs nothing but what the nodes do meanwhile, and a hundred minutes take seconds
// (BenchmarkHundredMinutes). The rules of a bubble hold for the program under test
// too: it must not wait for real sockets, processes or anything else outside, and
// T.Run and T.Parallel are not for the t inside (call t.Parallel before Run).
//
// Some of what nodes do depends on how long things last. [smoke.Node.OnNetsplit],
// for one, is about parts that were apart for ten seconds or more. Let a minute
// pass where that matters.
//
// # The network
//
// Node i is at Addr(i). The first three are the seeds of all, and their options
// are else the zero ones: links are plaintext, unless [Options.Configure] sets what
// makes a node encrypt them. Bytes take a millisecond, one way; see
// [Network.Latency].
//
// Cuts are black holes in both directions: nobody is told, and nodes find out when
// pings get no answer, some five seconds later. There are no one-way cuts, since a
// TCP link without its way back is a link that stalls; and no losses, since TCP
// turns a loss into a delay, which a Latency with jitter shows. What is on the way
// when a cut begins stays there, and arrives if the cut heals before the nodes have
// given the link up.
//
// # What is the same each time
//
// Virtual time, and that no real network and no load of the machine takes part in
// it. Not the same: what nodes choose by chance (ids, neighbours, the moments of
// what they do now and then), which has no seed, and the order in which goroutines
// run that can run at one moment. A test has to hold whatever these are; run it
// with -count=100. The race detector works as always.
//
// # The end
//
// When the test function returns, or fails, all nodes are stopped, as by
// [Network.Stop]; then functions given to t.Cleanup run. If goroutines of the
// bubble are left after that, Go ends the test with
//
//	panic: deadlock: main bubble goroutine has exited but blocked goroutines remain
//
// and with their stacks. It means that the program under test has leaked them, or
// that one of its handlers has not returned. End what it starts when Emit returns
// [smoke.ErrStopped], when t.Context ends, or in t.Cleanup; with the t that Setup
// gets, and not the one outside.
//
// The reverse does not show by itself: nodes have timers for as long as they live,
// so a test that waits for what never comes is no deadlock. It waits until go
// test's own -timeout. [Network.Wait] and [Network.Settle] have an end.
//
// What the nodes have logged is shown when the test fails: warnings and errors, and all
// of it with go test -v.
package smoketest
