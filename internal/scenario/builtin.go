package scenario

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// scenario is a named failure. Its script depends on the fields of a Spec.
type scenario struct {
	name, does string
	fields     string        // the fields that it uses in addition to those of the network
	defaults   func(s *Spec) // sets the fields that are zero
	script     func(s Spec) string
}

var scenarios = []scenario{
	{"form", "all nodes start at one instant and find each other through the seeds", "",
		func(*Spec) {},
		func(Spec) string { return "form\nwant settled within 10s" }},

	{"idle", "no node emits, and nothing fails: the cost of the overlay alone", "for",
		func(s *Spec) { zero(&s.For, 10*time.Minute) },
		func(s Spec) string {
			return lines("form", "want settled within 10s", fmt.Sprint("run ", s.For), "want traffic", "want settled within 0s")
		}},

	{"steady", "nodes emit, and nothing fails: redundancy, hops, delivery times", "rate, senders, for",
		func(s *Spec) { zero(&s.Rate, 10); zero(&s.For, 30*time.Second) },
		func(s Spec) string {
			rmr := "0.2" // the limit with rotating senders; iroh-gossip's own test has the same at 100 nodes
			if s.Senders == 1 {
				rmr = "0.02"
			}
			return lines(
				"form", "want settled within 10s", "run 20s # views mix",
				"talk "+s.talk(), "run 10s # the node that emits most becomes the root of the tree",
				"mark", fmt.Sprint("run ", s.For), "quiet",
				"want delivered within 10s", "want lossless",
				"want rmr "+rmr, "want hops 10", "want last within 1s",
			)
		}},

	{"split", "the network is cut into parts, which heal when the cut ends", "parts, for, rate, senders",
		func(s *Spec) { zero(&s.Parts, 2); zero(&s.For, 10*time.Minute) },
		func(s Spec) string {
			within := "10s"
			if s.Parts > 2 {
				within = "15s"
			}
			list := []string{"form", "want settled within 10s", "run 15s # younger components merge without a report"}
			if s.Rate > 0 {
				list = append(list, "talk "+s.talk())
			}
			list = append(list, fmt.Sprintf("cut %d seeds", s.Parts), fmt.Sprint("run ", s.For), "heal",
				"want whole within "+within)
			if s.Rate > 0 {
				list = append(list, "quiet", "want delivered within 30s")
				if s.For < 5*time.Minute { // the age of the history
					list = append(list, "want lossless")
				}
			}
			return lines(append(list, "want reached within 5s", "run 20s", "want told-once", "want settled within 1m")...)
		}},

	{"crash", "a share of the nodes dies at one instant", "fraction, silent, seedless, rate, senders",
		func(s *Spec) { zero(&s.Fraction, 0.5) },
		func(s Spec) string {
			crash := fmt.Sprint("crash ", s.Fraction)
			within := "2s"
			switch {
			case s.Fraction > 0.95:
				within = "2m"
			case s.Silent && s.Fraction > 0.9:
				within = "45s"
			case s.Silent:
				within = "20s"
			case s.Fraction > 0.9:
				within = "5s"
			}
			if s.Silent {
				crash += " silent"
			}
			if !s.Seedless {
				crash += " spare seeds"
			}
			list := []string{"form", "want settled within 10s", "run 60s # until the address books are full"}
			if s.Rate > 0 {
				list = append(list, "talk "+s.talk(), "run 2s")
			}
			list = append(list, crash, "want whole within "+within)
			if s.Rate > 0 {
				list = append(list, "run 1s", "quiet", "want delivered within 10s", "want lossless")
			}
			return lines(append(list, "want reached within 10s", "want settled within 1m", "want no-netsplit")...)
		}},

	{"churn", "nodes join and leave, half of them without a goodbye", "rate (of joins and of leaves), for",
		func(s *Spec) { zero(&s.Rate, 1); zero(&s.For, time.Hour) },
		func(s Spec) string {
			return lines("form", "want settled within 10s", "run 15s",
				fmt.Sprintf("churn %g/s", s.Rate), "talk 10/s", fmt.Sprint("run ", s.For), "churn off", "quiet",
				"want delivered within 30s", "want coverage 0.99999", "want lossless", "want main 0.999",
				"want settled within 1m")
		}},

	{"seeds", "all seeds die, and restart at their addresses", "for, rate, senders",
		func(s *Spec) { zero(&s.Rate, 10); zero(&s.For, 5*time.Minute) },
		func(s Spec) string {
			return lines("form", "want settled within 10s", "run 60s",
				"crash seeds", "talk "+s.talk(), "run 10s", "join 5", fmt.Sprint("run ", s.For),
				"want no-netsplit", "restart", "want joined within 5s", "quiet",
				"want delivered within 10s", "want lossless", "want settled within 1m", "want no-netsplit")
		}},

	{"flap", "every three seconds a cut begins or ends", "rounds, rate, senders",
		func(s *Spec) { zero(&s.Rate, 10); zero(&s.Rounds, 50) },
		func(s Spec) string {
			return lines("form", "want settled within 10s", "run 15s", "talk "+s.talk(),
				fmt.Sprintf("repeat %d", s.Rounds), "cut 2", "run 3s", "heal", "run 3s", "end",
				"want whole within 10s", fmt.Sprintf("want downs %d", s.Rounds), "quiet",
				"want delivered within 20s", "want lossless", "want settled within 1m")
		}},

	{"stall", "the processors of some nodes stop for 5 to 30 s", "fraction, rate, senders",
		func(s *Spec) { zero(&s.Fraction, 0.25); zero(&s.Rate, 10) },
		func(s Spec) string {
			return lines("form", "want settled within 10s", "run 15s", "talk "+s.talk(),
				fmt.Sprintf("stall %g 5s-30s", s.Fraction), "run 35s", "want kept", "want whole within 10s", "quiet",
				"want delivered within 20s", "want lossless", "want settled within 1m")
		}},

	{"suspend", "the processors of some nodes stop for minutes, like a laptop with a closed lid", "fraction, for, rate, senders",
		func(s *Spec) { zero(&s.Fraction, 0.1); zero(&s.For, 10*time.Minute); zero(&s.Rate, 1) },
		func(s Spec) string {
			return lines("form", "want settled within 10s", "run 15s", "talk "+s.talk(),
				fmt.Sprintf("stall %g %v-%v", s.Fraction, s.For, s.For), fmt.Sprint("run ", s.For), "want whole within 10s",
				"run 30s # events that no history holds any more are reported as gaps",
				"talk "+s.talk(), "run 20s", "quiet", "want delivered within 10s", "want lossless", "want settled within 1m", "want no-netsplit")
		}},

	{"oneway", "some links stop carrying data in one direction", "rounds (links), rate, senders",
		func(s *Spec) { zero(&s.Rounds, 1+s.Nodes/20); zero(&s.Rate, 10) },
		func(s Spec) string {
			return lines("form", "want settled within 10s", "run 15s", "talk "+s.talk(),
				fmt.Sprintf("oneway %d", s.Rounds), "want dropped within 6s", "run 5s", "quiet",
				"want delivered within 10s", "want lossless", "want whole within 1s")
		}},

	{"nat", "some nodes can dial, and can't be dialled", "fraction, max-guests, rate, senders",
		func(s *Spec) { zero(&s.Fraction, 0.5); zero(&s.Rate, 10) },
		func(s Spec) string {
			return lines(fmt.Sprint("hide ", s.Fraction), "form", "want whole within 1m", "want settled within 2m", "run 15s",
				"talk "+s.talk(), "run 20s", "join 5", "want joined within 10s", "run 10s", "quiet",
				"want delivered within 10s", "want lossless", "want kept-in", "want guests")
		}},

	{"restart", "some nodes die and restart at once, with the same id at another address", "fraction, rate, senders",
		func(s *Spec) { zero(&s.Fraction, 0.1); zero(&s.Rate, 10) },
		func(s Spec) string {
			return lines("form", "want settled within 10s", "run 15s",
				fmt.Sprintf("crash %g silent spare seeds", s.Fraction), "run 1s", "restart same moved",
				"want joined within 3s", "talk "+s.talk(), "run 20s", "quiet",
				"want delivered within 10s", "want lossless", "want settled within 1m", "want no-netsplit")
		}},

	{"eclipse", "an attacker's nodes flood the network, and some nodes restart among them", "sybils, groups, relay, keep, no-limits, fraction, for, rate, senders",
		func(s *Spec) {
			zero(&s.Sybils, 4*s.Nodes)
			zero(&s.Groups, 16)
			zero(&s.Fraction, 0.02)
			zero(&s.For, 3*time.Minute)
			zero(&s.Rate, 10)
		},
		func(s Spec) string {
			relay, limits := "", ""
			if s.NoLimits {
				limits = " no-limits=true"
			}
			if s.Relays {
				relay = " relay"
			}
			if s.Keeps {
				relay += " keep"
			}
			victims := fmt.Sprintf("crash %g spare seeds", s.Fraction)
			return lines("set public=true"+limits, "form", "want settled within 10s", "run 1m",
				"talk "+s.talk(), "run 10s", "mark", "run 20s", "want last within 1s", "mark",
				fmt.Sprintf("sybils %d %d%s", s.Sybils, s.Groups, relay),
				fmt.Sprint("run ", s.For), "want delivered within 10s", "want lossless",
				victims, "restart anchors", victims, "restart # without anchors", "run 1m",
				"want whole within 10s", "mark", "run 30s", "want slower 2", "quiet", "want delivered within 10s", "want lossless",
				"want honest", "want books", "want main 0.5")
		}},

	{"dial", "pairs of nodes dial each other at once", "rounds",
		func(s *Spec) { zero(&s.Rounds, 10_000) },
		func(s Spec) string { return fmt.Sprintf("dial %d", s.Rounds) }},

	{"glomers", "the broadcast workload of Gossip Glomers, counted from a cold start; pass marks: challenge 3d if max-peers has room for all nodes, otherwise 3e; with parts: partitions, and no pass marks", "rate, for, parts",
		func(s *Spec) { zero(&s.Rate, 100); zero(&s.For, 20*time.Second) },
		func(s Spec) string {
			kind := "3e"
			switch {
			case s.Parts > 0:
				kind = "partitions"
			case s.MaxPeers >= s.Nodes-1:
				kind = "3d"
			}
			return lines("form", "want linked within 5s # the nodes answer init",
				fmt.Sprintf("glomers %g/s %v %s", s.Rate, s.For, kind))
		}},
}

func zero[T comparable](field *T, value T) {
	var nothing T
	if *field == nothing {
		*field = value
	}
}

func lines(list ...string) string { return strings.Join(list, "\n") + "\n" }

// talk returns the arguments of a talk step.
func (s Spec) talk() string {
	words := fmt.Sprintf("%g/s", s.Rate)
	if s.Senders > 0 {
		words += fmt.Sprint(" from ", s.Senders)
	}
	return words
}

// script returns the script of the scenario that the Spec names.
func (s Spec) script() string {
	for _, sc := range scenarios {
		if sc.name == s.Scenario {
			sc.defaults(&s)
			return sc.script(s)
		}
	}
	return ""
}

// Script returns the script of a Spec.
func Script(s Spec) (string, error) {
	if errs := s.Validate(); len(errs) > 0 {
		return "", errors.Join(errs...)
	}
	if s.Scenario != "" {
		return s.script(), nil
	}
	return s.Script, nil
}

// Names returns the names of all scenarios.
func Names() (names []string) {
	for _, sc := range scenarios {
		names = append(names, sc.name)
	}
	return names
}

// Describe lists the scenarios with the fields that each uses.
func Describe() string {
	var b strings.Builder
	for _, sc := range scenarios {
		fmt.Fprintf(&b, "  %-9s %s\n", sc.name, sc.does)
		if sc.fields != "" {
			fmt.Fprintf(&b, "  %-9s uses %s\n", "", sc.fields)
		}
	}
	return b.String()
}
