// Package scenario applies failures to a simulated network and measures the results: the
// failures that Smokesignal must survive, as scripts of a few lines.
//
// A [Spec] sets the size of the network and the failure, by the name of a scenario or by a
// script. [Run] runs it and returns a [Result] with figures, some of which have a pass
// mark. The invariants of sim.Ledger are checked all the time. Two runs of the same Spec
// have equal Results, including the hash of all events.
package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/sim"
)

// Spec describes a run. [Defaults] returns one to start from.
type Spec struct {
	Scenario string // a name of [Names], or "" for a Script
	Script   string // lines; see [Parse]
	File     string // where Script came from, for messages

	Nodes     int    // at the start
	Seeds     int    // number of nodes that are seeds of all nodes
	Seed      uint64 // for all random numbers
	MinPeers  int
	MaxPeers  int
	MaxGuests int // neighbours beyond MaxPeers that can't be dialled; 0: 64, negative: none

	Latency string  // in one direction: "5ms", "1ms-2ms", or "world"
	Loss    float64 // share of frames that need a retransmission
	Wire    bool    // every frame crosses its link as bytes
	Public  bool    // addresses are in many groups, as on the Internet; otherwise all are in a private range

	NoLimits bool // as hyparview.Config.NoLimits: a node may flood the address books

	// Fields of the scenarios. Zero means the scenario's own default.
	Fraction float64       // share of the affected nodes
	Silent   bool          // crashes without a reset
	Seedless bool          // the seeds are among those that crash
	Parts    int           // how many parts a split has
	For      time.Duration // duration of the failure
	Rate     float64       // events (or joins and leaves, or operations) a second
	Senders  int           // how many nodes emit; 0: all, at random
	Payload  int           // bytes of an event, with its name
	Rounds   int           // repetitions, in scenarios that repeat
	Sybils   int           // nodes of an attacker; see sim.Attack
	Groups   int           // how many groups their addresses are spread over
	Keeps    bool          // they claim that their programs asked for their links
	Relays   bool          // they forward everything; otherwise they forward nothing

	Progress func(now, of time.Duration) `json:"-"` // called at intervals; may be nil
}

// InputError reports an invalid field of a Spec, or an invalid line of a script.
type InputError struct {
	Field   string // its name on the command line
	Value   string
	Allowed string
}

// Error implements error.
func (e *InputError) Error() string {
	return fmt.Sprintf("%s: %q is not allowed; allowed: %s", e.Field, e.Value, e.Allowed)
}

// Defaults returns a small network to start from. The bounds on neighbours are those of
// package smoke.
func Defaults() Spec {
	return Spec{Nodes: 100, Seeds: 3, Seed: 1, MinPeers: 3, MaxPeers: 5, Latency: "1ms-2ms", Payload: 16}
}

// latency parses the Latency field.
func (s Spec) latency() (sim.Latency, error) {
	bad := &InputError{"latency", s.Latency, `a duration ("5ms"), a range ("1ms-2ms"), or "world"`}
	if s.Latency == "world" {
		return sim.Regions(sim.World()), nil
	}
	low, high, isRange := strings.Cut(s.Latency, "-")
	a, err := time.ParseDuration(low)
	if err != nil || a <= 0 {
		return nil, bad
	}
	if !isRange {
		return sim.Constant(a), nil
	}
	b, err := time.ParseDuration(high)
	if err != nil || b < a {
		return nil, bad
	}
	return sim.Uniform(a, b), nil
}

// maxNodes is the number of addresses that the simulator can assign.
const maxNodes = 1_000_000

// maxSybils is how many addresses one group has.
const maxSybils = 65_000

// Validate returns an *InputError for each invalid field of a Spec.
func (s Spec) Validate() (errs []error) {
	bad := func(field string, value any, format string, args ...any) {
		errs = append(errs, &InputError{field, fmt.Sprint(value), fmt.Sprintf(format, args...)})
	}
	if s.Nodes < 1 || s.Nodes > maxNodes {
		bad("nodes", s.Nodes, "1 to %d", maxNodes)
	}
	if s.Seeds < 0 || s.Seeds > s.Nodes {
		bad("seeds", s.Seeds, "0 to the number of nodes, %d", s.Nodes)
	}
	if s.MinPeers < 1 {
		bad("min-peers", s.MinPeers, "1 or more")
	}
	if s.MaxPeers < s.MinPeers {
		bad("max-peers", s.MaxPeers, "min-peers, %d, or more", s.MinPeers)
	}
	if _, err := s.latency(); err != nil {
		errs = append(errs, err)
	}
	if !(s.Loss >= 0 && s.Loss <= 0.5) { // also true of NaN
		bad("loss", s.Loss, "0 to 0.5")
	}
	if !(s.Fraction >= 0 && s.Fraction <= 1) {
		bad("fraction", s.Fraction, "0 to 1")
	}
	if s.Parts < 0 || s.Parts == 1 || s.Parts > s.Nodes {
		bad("parts", s.Parts, "2 to the number of nodes, %d", s.Nodes)
	}
	if s.For < 0 {
		bad("for", s.For, "a duration, not negative")
	}
	if !(s.Rate >= 0 && s.Rate <= 1e6) {
		bad("rate", s.Rate, "0 to 1000000 a second")
	}
	if s.Senders < 0 || s.Senders > s.Nodes {
		bad("senders", s.Senders, "0 (all) to the number of nodes, %d", s.Nodes)
	}
	if s.Payload < 6 || s.Payload > 1<<20 {
		bad("payload", s.Payload, "6 to %d bytes", 1<<20)
	}
	if s.Rounds < 0 {
		bad("rounds", s.Rounds, "0 or more")
	}
	if s.Sybils < 0 || s.Sybils > maxSybils {
		bad("sybils", s.Sybils, "0 to %d", maxSybils)
	}
	if s.Groups < 0 || s.Groups > 256 {
		bad("groups", s.Groups, "1 to 256")
	}
	if s.Scenario != "" && !slices.Contains(Names(), s.Scenario) {
		bad("scenario", s.Scenario, "%s", strings.Join(Names(), ", "))
	}
	if s.Scenario == "" && s.Script == "" {
		bad("scenario", "", "%s; or a file", strings.Join(Names(), ", "))
	}
	return errs
}

// set sets the field that a line of a script names. The names are those of the command-line
// flags.
func (s *Spec) set(name, value string) (err error) {
	integer := func(to *int) { *to, err = strconv.Atoi(value) }
	float := func(to *float64) { *to, err = strconv.ParseFloat(value, 64) }
	switch name {
	case "nodes":
		integer(&s.Nodes)
	case "seeds":
		integer(&s.Seeds)
	case "min-peers":
		integer(&s.MinPeers)
	case "max-peers":
		integer(&s.MaxPeers)
	case "max-guests":
		integer(&s.MaxGuests)
	case "payload":
		integer(&s.Payload)
	case "latency":
		s.Latency = value
	case "loss":
		float(&s.Loss)
	case "wire":
		s.Wire, err = strconv.ParseBool(value)
	case "public":
		s.Public, err = strconv.ParseBool(value)
	case "no-limits":
		s.NoLimits, err = strconv.ParseBool(value)
	default:
		return &InputError{"setting", name, "nodes, seeds, min-peers, max-peers, max-guests, payload, latency, loss, wire, public, no-limits"}
	}
	if err != nil {
		return &InputError{name, value, "a number (wire, public, no-limits: true or false)"}
	}
	return nil
}
