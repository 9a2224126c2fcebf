// Package cluster has real processes play a network: each [Actor] is a process of
// its own that is one node of package smoke. It takes orders over standard input
// and reports over standard output what happens to it, one JSON line each. A
// [Cast] is all the actors, by seat, with a [Ledger] of what was said and who
// ought to hear it.
//
// Where the processes run, and what befalls the network between them, is the
// business of the caller, who prepares the command of each seat; its arguments
// come from [NodeOptions.Args]. The program that calls is also the node: the
// first thing that its main (or TestMain) does is
//
//	if stage.IsNode() {
//		os.Exit(stage.BeNode())
//	}
//
// One goroutine, the caller's, owns the cast, its actors and its ledger. News
// are taken in while it waits in [Cast.Until], and only then: what it knows does
// not change under its hands. Each process has one goroutine more, which reads
// what the process reports.
package cluster
