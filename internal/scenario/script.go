package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// step is one parsed line of a script.
type step struct {
	line  int
	text  string
	verb  string
	words []string // without the verb
	body  []step   // the steps inside repeat
}

// verbs lists the first words of a line, with syntax and effect.
var verbs = []struct{ name, usage, does string }{
	{"set", "set NAME=VALUE ...", "change the network, before form: nodes, seeds, min-peers, max-peers, max-guests, payload, latency, loss, wire, public (addresses), no-limits"},
	{"hide", "hide SHARE", "before form: this share of the nodes, without the seeds, can dial and can't be dialled"},
	{"form", "form", "start all nodes at one instant"},
	{"run", "run DURATION", "let time pass"},
	{"talk", "talk RATE/s [from N]", "from now on nodes emit: all at random, or N of them"},
	{"mark", "mark", "measure from now on, as after a talk"},
	{"quiet", "quiet", "nodes stop emitting"},
	{"cut", "cut K [seeds]", "split the network into K random parts; seeds: all seeds in the first"},
	{"oneway", "oneway N", "N links between neighbours stop carrying data in one direction"},
	{"heal", "heal", "end all cuts"},
	{"crash", "crash SHARE|seeds [silent] [spare seeds]", "nodes end without a goodbye; silent: without a reset"},
	{"restart", "restart [same] [moved] [anchors]", "start all crashed nodes; same: with their old id; moved: at another address; anchors: with the addresses of two neighbours"},
	{"join", "join N", "start N more nodes"},
	{"churn", "churn RATE/s | churn off", "this many nodes a second join, and as many leave, half of them without a goodbye"},
	{"stall", "stall SHARE FROM-TO", "processors stop, each for a time in that range"},
	{"repeat", "repeat N ... end", "run the lines between N times"},
	{"sybils", "sybils N GROUPS [relay] [keep]", "an attacker starts N nodes with addresses in that many groups; see docs/proof.md"},
	{"want", "want WHAT [within DURATION]", "measure, and compare with a pass mark"},
	{"dial", "dial ROUNDS", "pairs of nodes dial each other at once, in networks of their own"},
	{"glomers", "glomers RATE/s DURATION [3d|3e|partitions]", "the broadcast workload of Gossip Glomers: operations, half of them reads, and its checker with the limits of that challenge"},
}

// wants lists the conditions that a want line can check.
var wants = []struct{ name, does string }{
	{"whole", "all living nodes are one component"},
	{"settled", "whole, each node within its bounds, and both ends agree on every link"},
	{"reached", "an event emitted now by each of 20 nodes reaches every node"},
	{"linked", "every living node has a neighbour"},
	{"joined", "every node that joined or restarted last has a neighbour"},
	{"delivered", "every event that living nodes emitted since the last talk has reached every node that was alive then"},
	{"lossless", "and no node has reported one of these events as lost"},
	{"dropped", "no end counts a link that is cut one way"},
	{"kept", "since the last stall, no link between two nodes that were not stalled has ended"},
	{"kept-in", "each node has a neighbour, and has never been without one since the last talk"},
	{"guests", "no node has more guests than it may"},
	{"no-netsplit", "no program has got a netsplit since the last fault"},
	{"told-once", "each program has got the netsplit once and its end once; or no program has got one"},
	{"rmr", "NUMBER: copies of an event after the first, for each node, since the last talk"},
	{"downs", "NUMBER: links that ended, for each node, since the last talk"},
	{"hops", "NUMBER: the most hops of a delivery since the last talk"},
	{"last", "within DURATION: the last delivery of the slowest event since the last talk"},
	{"traffic", "frames that a node sends in a second since the last talk or form, and with wire=true bytes"},
	{"main", "SHARE: of the living nodes in the largest component, at the worst moment since the last form"},
	{"slower", "NUMBER: the 99th percentile of deliveries since the last talk, divided by its value at the last 'want last'"},
	{"honest", "every node has a neighbour that is not a Sybil"},
	{"books", "how many addresses in the books are Sybils'"},
	{"coverage", "SHARE: of the pairs of a node and an event that were delivered, since the last talk"},
}

// Help returns the list of the steps of a script.
func Help() string {
	var b strings.Builder
	for _, v := range verbs {
		fmt.Fprintf(&b, "  %-44s %s\n", v.usage, v.does)
	}
	b.WriteString("the conditions of want:\n")
	for _, w := range wants {
		fmt.Fprintf(&b, "  %-44s %s\n", w.name, w.does)
	}
	return b.String()
}

// parse parses a script, one step a line. It skips empty lines and ignores everything after
// a #. Settings change the spec.
func (s *Spec) parse() ([]step, error) {
	name := s.File
	if name == "" {
		name = "script"
	}
	lines := strings.Split(s.Script, "\n")
	steps, rest, err := s.block(name, lines, 0)
	if err == nil && rest < len(lines) {
		err = &InputError{fmt.Sprintf("%s, line %d", name, rest+1), "end", "end belongs to repeat"}
	}
	return steps, err
}

func (s *Spec) block(name string, lines []string, at int) (steps []step, rest int, err error) {
	for ; at < len(lines); at++ {
		text, _, _ := strings.Cut(lines[at], "#")
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		where := fmt.Sprintf("%s, line %d", name, at+1)
		st := step{line: at + 1, text: strings.Join(words, " "), verb: words[0], words: words[1:]}
		if st.verb == "end" {
			return steps, at, nil
		}
		v := slices.IndexFunc(verbs, func(v struct{ name, usage, does string }) bool { return v.name == st.verb })
		if v < 0 {
			var names []string
			for _, v := range verbs {
				names = append(names, v.name)
			}
			return nil, 0, &InputError{where, st.verb, strings.Join(names, ", ")}
		}
		if st.verb == "set" {
			for _, pair := range st.words {
				key, value, _ := strings.Cut(pair, "=")
				if err := s.set(key, value); err != nil {
					return nil, 0, fmt.Errorf("%s: %w", where, err)
				}
			}
			continue
		}
		if !st.isWellFormed() {
			allowed := verbs[v].usage
			if st.verb == "want" {
				var names []string
				for _, w := range wants {
					names = append(names, w.name)
				}
				allowed += "; WHAT is one of " + strings.Join(names, ", ")
			}
			return nil, 0, &InputError{where, st.text, allowed}
		}
		if st.verb == "repeat" {
			body, end, err := s.block(name, lines, at+1)
			if err != nil {
				return nil, 0, err
			}
			if end == len(lines) {
				return nil, 0, &InputError{where, st.text, verbs[v].usage}
			}
			st.body, at = body, end
		}
		steps = append(steps, st)
	}
	return steps, at, nil
}

// isWellFormed reports whether the words of a step are valid.
func (st step) isWellFormed() bool {
	w := st.words
	arg := func(i int) string {
		if i < len(w) {
			return w[i]
		}
		return ""
	}
	only := func(from int, allowed ...string) bool {
		for _, word := range w[min(from, len(w)):] {
			if !slices.Contains(allowed, word) {
				return false
			}
		}
		return true
	}
	switch st.verb {
	case "form", "quiet", "heal", "mark":
		return len(w) == 0
	case "run":
		return len(w) == 1 && isDuration(arg(0))
	case "hide":
		return len(w) == 1 && isShare(arg(0))
	case "talk":
		return (len(w) == 1 || len(w) == 3 && arg(1) == "from" && isCount(arg(2))) && isRate(arg(0))
	case "cut":
		return len(w) >= 1 && isCount(arg(0)) && count(arg(0)) >= 2 && only(1, "seeds")
	case "oneway", "join", "repeat", "dial":
		return len(w) == 1 && isCount(arg(0))
	case "crash":
		return len(w) >= 1 && (arg(0) == "seeds" || isShare(arg(0))) && only(1, "silent", "spare", "seeds")
	case "restart":
		return only(0, "same", "moved", "anchors")
	case "sybils":
		return len(w) >= 2 && isCount(arg(0)) && isCount(arg(1)) && 1 <= count(arg(1)) && count(arg(1)) <= 256 && only(2, "relay", "keep")
	case "churn":
		return len(w) == 1 && (arg(0) == "off" || isRate(arg(0)))
	case "stall":
		low, high, ok := strings.Cut(arg(1), "-")
		return len(w) == 2 && ok && isShare(arg(0)) && isDuration(low) && isDuration(high) && duration(low) <= duration(high)
	case "glomers":
		return len(w) >= 2 && isRate(arg(0)) && isDuration(arg(1)) && len(w) <= 3 && only(2, "3d", "3e", "partitions")
	case "want":
		return st.isWellFormedWant()
	}
	return false
}

func (st step) isWellFormedWant() bool {
	w := st.words
	if len(w) == 0 {
		return false
	}
	within := len(w) == 3 && w[1] == "within" && isDuration(w[2])
	switch w[0] {
	case "whole", "settled", "reached", "linked", "joined", "delivered", "dropped":
		return len(w) == 1 || within
	case "last":
		return within
	case "lossless", "traffic", "kept", "kept-in", "guests", "no-netsplit", "told-once", "honest", "books":
		return len(w) == 1
	case "rmr", "hops", "downs", "slower":
		_, err := strconv.ParseFloat(w[len(w)-1], 64)
		return len(w) == 2 && err == nil
	case "main", "coverage":
		return len(w) == 2 && isShare(w[1])
	}
	return false
}

func isDuration(word string) bool {
	d, err := time.ParseDuration(word)
	return err == nil && d >= 0
}

func duration(word string) time.Duration {
	d, _ := time.ParseDuration(word) // isWellFormed has checked the word
	return d
}

func isShare(word string) bool {
	f, err := strconv.ParseFloat(word, 64)
	return err == nil && f >= 0 && f <= 1
}

func share(word string) float64 {
	f, _ := strconv.ParseFloat(word, 64)
	return f
}

func isCount(word string) bool {
	n, err := strconv.Atoi(word)
	return err == nil && n >= 0
}

func count(word string) int {
	n, _ := strconv.Atoi(word)
	return n
}

func isRate(word string) bool {
	f, err := strconv.ParseFloat(strings.TrimSuffix(word, "/s"), 64)
	return err == nil && strings.HasSuffix(word, "/s") && f > 0 && f <= 1e6
}

func rate(word string) float64 {
	f, _ := strconv.ParseFloat(strings.TrimSuffix(word, "/s"), 64)
	return f
}
