package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/smokesignal-go/smokesignal/bench/internal/contest"
	"github.com/smokesignal-go/smokesignal/bench/internal/contest/smokenet"
	"github.com/smokesignal-go/smokesignal/bench/internal/load"
	"github.com/smokesignal-go/smokesignal/bench/internal/report"
)

// request describes the measurements of one table. It comes from the flags of a workload,
// or from the plan.
type request struct {
	workload   string
	ns, sizes  []int
	senders    int
	window     int
	rate       float64
	only       []string // names of contestants; empty: all
	rounds     int
	slowRounds int // rounds of contestants that are slow
	warm, span time.Duration
	sideBySide bool // measure all contestants at the same time, because each takes next to no CPU time
	prime      int
	title      string
}

// window is the window of contestants that lose messages without one. It holds a few of
// their batches.
const window = 1024

// requestOf returns the request of a workload without flags.
func requestOf(workload string, quick bool) request {
	r := request{workload: workload, ns: []int{100}, sizes: []int{128}, senders: 1, rounds: 5, slowRounds: 2}
	switch workload {
	case "flat":
		r.title = "Deliveries a second, flat out"
		r.warm, r.span = 500*time.Millisecond, time.Second
	case "steady":
		r.title = "Latency at a steady rate, the nodes in turn"
		r.senders, r.rate = 0, 100
		r.rounds, r.slowRounds = 3, 1
		r.warm, r.span = time.Second, 2*time.Second
	case "form":
		r.title = "From nothing to a connected network"
		r.rounds, r.slowRounds = 2, 1
		r.span = 200 * time.Millisecond
	case "idle":
		r.title = "A network that says nothing"
		r.rounds, r.slowRounds = 1, 1
		r.warm, r.span = 60*time.Second, 20*time.Second // until address books are full and links no longer change
		r.sideBySide = true
	case "stall":
		r.title = "One receiver stops reading, 1 KiB messages"
		r.ns, r.sizes, r.senders, r.rate = []int{32}, []int{1024}, 0, 1000
		r.rounds, r.slowRounds = 1, 1
		r.warm, r.span = time.Second, 16*time.Second
		r.only = []string{"smoke", "nats", "redis"}
		// For each node; 72 MiB in all. A node keeps a history of 16 MiB, and the garbage
		// collector needs some rounds until the memory in use no longer grows.
		r.prime = 2400
	}
	if quick {
		r.rounds, r.slowRounds = min(r.rounds, 2), 1
		switch workload {
		case "idle":
			r.span = 5 * time.Second
			r.warm = 5 * time.Second
		case "steady":
			r.rounds = 1
		}
	}
	return r
}

// flags adds the flags of a workload. r has their defaults.
func (r *request) flags(f *pflag.FlagSet) {
	f.IntSliceVar(&r.ns, "n", r.ns, "numbers of nodes")
	f.IntSliceVar(&r.sizes, "size", r.sizes, "sizes of a message, in bytes")
	f.IntVar(&r.senders, "senders", r.senders, "how many nodes send; 0: all")
	f.IntVar(&r.window, "window", r.window, "messages that all senders together may be ahead of the slowest receiver; 0: no window")
	f.Float64Var(&r.rate, "rate", r.rate, "messages a second from all senders together, for steady and stall")
	f.StringSliceVar(&r.only, "only", r.only, "contestants, separated by commas")
	f.IntVar(&r.rounds, "rounds", r.rounds, "how often each contestant is measured")
	f.IntVar(&r.slowRounds, "slow-rounds", r.slowRounds, "how often a slow contestant is measured")
	f.DurationVar(&r.warm, "warm", r.warm, "time before the measurement begins")
	f.DurationVar(&r.span, "for", r.span, "length of the measurement")
}

// command returns the command line of this request: the workload, and all flags that differ
// from its defaults.
func (r request) command() string {
	words := []string{"go run .", r.workload}
	plain := requestOf(r.workload, false)
	was, is := pflag.NewFlagSet("", 0), pflag.NewFlagSet("", 0)
	plain.flags(was)
	r.flags(is)
	is.VisitAll(func(f *pflag.Flag) {
		value := strings.Trim(f.Value.String(), "[]")
		if value != strings.Trim(was.Lookup(f.Name).Value.String(), "[]") {
			words = append(words, "--"+f.Name, value)
		}
	})
	return strings.Join(words, " ")
}

// id returns the name of the table's marks on the page.
func (r request) id() string {
	id := r.workload
	switch {
	case len(r.ns)*len(r.sizes) > 1:
		id += "-sizes"
	case r.workload == "flat" && r.senders == 0:
		id += "-all"
	case r.workload == "steady":
		id += fmt.Sprintf("-%g", r.rate)
		if r.isSettled() {
			id += "-settled"
		}
	}
	if slices.Contains(r.only, smokenet.TLS.Name) {
		id += "-tls"
	}
	return id
}

// isSettled reports whether the measurement begins long after the network has formed.
func (r request) isSettled() bool { return r.warm >= 30*time.Second }

// contestants returns the requested contestants, in the order of the tables.
func (r request) contestants() (list []contest.Contestant, err error) {
	for _, name := range r.only {
		if _, err := contestant(name); err != nil {
			return nil, err
		}
	}
	for _, c := range contestants {
		if len(r.only) == 0 && !c.Extra || slices.Contains(r.only, c.Name) {
			list = append(list, c)
		}
	}
	return list, nil
}

// section returns the empty table.
func (r request) section() *report.Section {
	title := r.title
	if r.workload == "steady" {
		title = fmt.Sprintf("Latency at %g messages a second, the nodes in turn", r.rate)
		if r.isSettled() {
			title += fmt.Sprintf(", %v after the network formed", r.warm)
		}
	}
	return &report.Section{
		ID: r.id(), Workload: r.workload, Title: title, Command: r.command(),
		Grid: len(r.ns)*len(r.sizes) > 1,
	}
}

// spec returns one measurement.
func (r request) spec(c contest.Contestant, n, size, round int) load.Spec {
	return load.Spec{
		Contestant: c.Name, Workload: r.workload, N: n, Size: size,
		Senders: min(r.senders, n), Window: r.window, Rate: r.rate, Prime: r.prime,
		Warm: r.warm, For: r.span, Round: round,
	}
}

// roundsOf returns the number of rounds of a contestant.
func (r request) roundsOf(c contest.Contestant) int {
	if c.Slow {
		return r.slowRounds
	}
	return r.rounds
}

// main5 are the contestants of every cell.
var main5 = []string{"tree", "tree-msgpack", "smoke", "smoke-typed", "nats"}

// plan returns the requests of `bench all`: ten minutes, or one minute if quick.
func plan(quick bool) []request {
	flat, all := requestOf("flat", quick), requestOf("flat", quick)
	slow, fast := requestOf("steady", quick), requestOf("steady", quick)
	form, idle := requestOf("form", quick), requestOf("idle", quick)
	if quick {
		flat.only = append(slices.Clone(main5), "redis")
		slow.only = main5
		idle.only = main5
		return []request{flat, slow, idle}
	}
	all.senders, all.rounds = 0, 1
	all.title = "Deliveries a second, flat out, all nodes send"
	all.only = main5
	sizes := requestOf("flat", false)
	sizes.ns, sizes.sizes = []int{8, 32, 100}, []int{128, 1024, 64 << 10}
	sizes.rounds, sizes.span, sizes.only = 3, 300*time.Millisecond, main5
	sizes.title = "Deliveries a second, flat out, by nodes and size"
	fast.rate, fast.rounds, fast.only = 1000, 2, main5
	return []request{flat, all, sizes, slow, fast, form, idle, requestOf("stall", false)}
}
