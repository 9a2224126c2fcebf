// Package cluster runs a network of real processes. Each [Actor] is a process with one node
// of package smoke. It takes orders on standard input and reports events on standard
// output, one JSON line each. A [Cast] holds all actors, by seat, with a [Ledger] of the
// emitted texts and their expected receivers.
//
// The caller decides where the processes run and which faults the network has. It prepares
// the command of each seat; the arguments come from [NodeOptions.Args]. The calling program
// is also the node. Its main (or TestMain) begins with
//
//	if cluster.IsNode() {
//		os.Exit(cluster.BeNode())
//	}
//
// One goroutine, the caller's, owns the cast, its actors and its ledger. News are processed
// only while that goroutine waits in [Cast.Until], so the state does not change at other
// times. Each process has one more goroutine, which reads its reports.
package cluster
