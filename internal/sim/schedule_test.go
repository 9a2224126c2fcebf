package sim_test

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/internal/sim"
)

// schedule is a list of steps that happen to a network, one after another. Unlike a script
// of package scenario it names the nodes of each step. So a line can be removed, and the
// other lines still mean the same.
//
// Its text has one line for each step. The first line describes the network, whose nodes
// all start at once. Nodes are numbered from 0, and the first ones are the seeds.
//
//	net nodes=5 seeds=2 min=3 max=5 delay=1ms loss=0 wire=false history=5m0s seed=7
//	join            one more node, which knows the seeds
//	leave 3         a node leaves with a goodbye
//	crash 3         its process dies
//	silence 3       its machine dies: no peer gets a reset
//	restart 3       a node that ended starts again with a new id
//	return 3        a node that ended starts again with its old id
//	cut 2           splits the network: only nodes with equal numbers modulo 2 reach each other
//	oneway 3 4      nothing that 3 sends reaches 4
//	heal            ends all cuts
//	stall 3 7s      its processor stops for 7 s
//	emit 3 5        5 events at one instant
//	run 10s         time passes
type schedule struct {
	nodes, seeds int
	min, max     int
	delay        time.Duration
	loss         float64
	wire         bool
	history      time.Duration
	seed         uint64 // of the network
	steps        []step
}

type step struct {
	verb string
	node int // for cut: the number of parts
	more int // for emit: the number of events; for oneway: the second node
	time time.Duration
}

func (s step) String() string {
	switch s.verb {
	case "join", "heal":
		return s.verb
	case "run":
		return fmt.Sprint(s.verb, " ", s.time)
	case "stall":
		return fmt.Sprint(s.verb, " ", s.node, " ", s.time)
	case "oneway", "emit":
		return fmt.Sprint(s.verb, " ", s.node, " ", s.more)
	}
	return fmt.Sprint(s.verb, " ", s.node)
}

func (s schedule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "net nodes=%d seeds=%d min=%d max=%d delay=%v loss=%v wire=%v history=%v seed=%d\n",
		s.nodes, s.seeds, s.min, s.max, s.delay, s.loss, s.wire, s.history, s.seed)
	for _, st := range s.steps {
		fmt.Fprintln(&b, st)
	}
	return b.String()
}

// parseSchedule parses the text that String returns. It skips empty lines, and ignores
// everything after a #.
func parseSchedule(text string) (s schedule, err error) {
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		st := step{verb: words[0]}
		switch line = strings.Join(words, " "); st.verb {
		case "net":
			_, err = fmt.Sscanf(line, "net nodes=%d seeds=%d min=%d max=%d delay=%s loss=%g wire=%t history=%s seed=%d",
				&s.nodes, &s.seeds, &s.min, &s.max, (*span)(&s.delay), &s.loss, &s.wire, (*span)(&s.history), &s.seed)
		case "join", "heal":
		case "run":
			_, err = fmt.Sscanf(line, "run %s", (*span)(&st.time))
		case "stall":
			_, err = fmt.Sscanf(line, "stall %d %s", &st.node, (*span)(&st.time))
		case "oneway", "emit":
			_, err = fmt.Sscanf(line, st.verb+" %d %d", &st.node, &st.more)
		case "leave", "crash", "silence", "restart", "return", "cut":
			if len(words) == 2 {
				st.node, err = strconv.Atoi(words[1])
			} else {
				err = fmt.Errorf("it takes one number")
			}
		default:
			err = fmt.Errorf("unknown word")
		}
		if err != nil {
			return s, fmt.Errorf("line %d, %q: %w", i+1, line, err)
		}
		if st.verb != "net" {
			s.steps = append(s.steps, st)
		}
	}
	return s, nil
}

// span scans a time.Duration.
type span time.Duration

func (s *span) Scan(state fmt.ScanState, _ rune) error {
	word, err := state.Token(true, nil)
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(string(word))
	*s = span(d)
	return err
}

// tidy makes every step possible. Numbers beyond the last node wrap. Steps that can't
// happen, such as the crash of a node that is down, are removed.
func (s schedule) tidy() schedule {
	alive := make([]bool, s.nodes)
	for i := range alive {
		alive[i] = true
	}
	cut := false
	steps := s.steps
	s.steps = nil
	for _, st := range steps {
		switch st.verb {
		case "leave", "crash", "silence", "restart", "return", "stall", "emit":
			st.node %= len(alive)
			back := st.verb == "restart" || st.verb == "return"
			if alive[st.node] == back {
				continue
			}
			if st.verb != "stall" && st.verb != "emit" {
				alive[st.node] = back
			}
		case "join":
			alive = append(alive, true)
		case "oneway":
			st.node, st.more = st.node%len(alive), st.more%len(alive)
			if st.node == st.more {
				continue
			}
			cut = true
		case "cut":
			cut = true
		case "heal":
			if !cut {
				continue
			}
			cut = false
		}
		s.steps = append(s.steps, st)
	}
	return s
}

const (
	// settleWithin is how long the network may take to settle after the last fault.
	// Bytes held up by a cut may take half a minute, and a node that has not reached its
	// seeds for a while tries them less often.
	settleWithin = 5 * time.Minute
	// reachWithin is how long events may take after that.
	reachWithin = time.Minute
)

// run runs the schedule. Then it ends every fault and starts the seeds that are down,
// since nodes that never met can't find each other without one. It returns the first
// promise that was broken.
func (s schedule) run(tune func(cfg *overlay.Config), trace func(string)) error {
	cfg := sim.Config{
		Seed: s.seed, Delay: s.delay, Loss: s.loss, Wire: s.wire, Trace: trace,
		Overlay: overlay.Config{
			Membership: hyparview.Config{MinPeers: s.min, MaxPeers: s.max},
			Tree:       plumtree.Config{HistoryAge: s.history},
		},
	}
	if tune != nil {
		tune(&cfg.Overlay)
	}
	net := sim.New(cfg)
	ledger := sim.NewLedger(net)
	birth := ledger.Mark()
	var seeds []string
	for i := range s.seeds {
		seeds = append(seeds, sim.Addr(i))
	}
	for range s.nodes {
		ledger.Begin(net.Add(seeds...), false)
	}
	var born time.Duration // when the last node was started by a step; zero: none was
	begin := func(node *sim.Node, same bool) {
		born = net.Now()
		ledger.Begin(node, same)
	}
	var guard func()
	guard = func() {
		net.CheckBounds(s.max, 64, 512, 17<<20)
		net.After(100*time.Millisecond, guard)
	}
	guard()

	var stalled time.Duration // the end of the last stall
	for _, st := range s.steps {
		if st.verb == "join" || st.verb == "run" || st.verb == "heal" || st.verb == "cut" {
			switch st.verb {
			case "join":
				begin(net.Add(seeds...), false)
			case "run":
				net.Run(st.time)
			case "heal":
				net.Heal()
			case "cut":
				net.Cut(func(i int) int { return i % st.node })
			}
			continue
		}
		node := net.Nodes[st.node]
		switch st.verb {
		case "leave":
			if node.IsStalled() {
				net.Crash(node, true) // while it is stalled, it can't say goodbye
			} else {
				net.Leave(node)
			}
		case "crash":
			net.Crash(node, true)
		case "silence":
			net.Crash(node, false)
		case "restart":
			begin(node, false)
		case "return":
			begin(node, true)
		case "oneway":
			net.CutOneWay(node, net.Nodes[st.more])
		case "stall":
			net.Stall(node, st.time)
			stalled = max(stalled, net.Now()+st.time)
		case "emit":
			for range st.more {
				if !node.IsStalled() {
					ledger.Emit(node, 16)
				}
			}
		}
	}

	net.Heal()
	net.Run(max(stalled-net.Now(), 0) + time.Millisecond)
	for _, node := range net.Nodes[:s.seeds] {
		if !node.Alive {
			begin(node, false)
		}
	}
	enough := s.min
	if s.min == s.max {
		enough-- // the last two nodes with a free place may already be neighbours
	}
	parts := 0
	if !net.RunUntil(settleWithin, func() bool {
		parts, _ = net.Parts()
		return parts == 1 && net.Unsettled(enough) == ""
	}) {
		return broken(net, fmt.Errorf("not settled: %d components; %s", parts, net.Unsettled(enough)))
	}

	// First without further events, then with one. A later event reveals the gap before it,
	// but must not be necessary.
	net.RunUntil(reachWithin, func() bool { return !ledger.IsShort(birth) })
	if short := ledger.Shortfall(birth); short.Lacking > 0 {
		return broken(net, fmt.Errorf("of the events emitted before the network settled, %s", short.Example))
	}
	late := ledger.Mark()
	for _, node := range net.Living() {
		ledger.Emit(node, 16)
		ledger.Emit(node, 16)
	}
	net.RunUntil(reachWithin, func() bool { return !ledger.IsShort(late) })
	if short := ledger.Shortfall(late); short.Lacking > 0 {
		return broken(net, fmt.Errorf("of the events emitted after the network settled, %s", short.Example))
	}
	// A node that starts between two components gets no events from before its start, so
	// it can't forward them from one to the other. Such events may be reported as lost.
	if short := ledger.Shortfall(birth); short.Told > 0 && born == 0 && net.Now() < s.history {
		return broken(net, fmt.Errorf("%d events were reported as lost, though a node has them", short.Told))
	}
	return broken(net, nil)
}

// broken returns the promise that was broken while the network ran, or else err.
func broken(net *sim.Net, err error) error {
	if net.Err() != nil {
		return net.Err()
	}
	return err
}
