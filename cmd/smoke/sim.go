package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/smokesignal-go/smokesignal/internal/files"
	"github.com/smokesignal-go/smokesignal/internal/progress"
	"github.com/smokesignal-go/smokesignal/internal/scenario"
)

// simulation is one call of smoke sim.
type simulation struct {
	spec   scenario.Spec
	file   string
	runs   int
	asJSON bool
	plot   string
	script bool
	help   bool // with scripts
	play   playing
	speed  float64 // pass mark; 0: none
	memory int     // pass mark in MiB; 0: none
}

// report is the output with --json.
type report struct {
	Command string             `json:"command"` // the command line that repeats the run
	Good    bool               `json:"good"`
	Summary []scenario.Summary `json:"summary"`
	Runs    []*scenario.Result `json:"runs"`
	Replay  []string           `json:"replay,omitempty"` // a command line for each failed run
	Real    float64            `json:"realSeconds"`
	Memory  float64            `json:"memoryMiB"`
}

func simCommand() *cobra.Command {
	s := &simulation{spec: scenario.Defaults()}
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "run failures on a simulated network and measure the results",
		Long: "Run a scenario, or a script of your own (--file), on a simulated network of the same\n" +
			"machines that run on TCP. One seed gives one run. `smoke sim --help-script` lists the lines\n" +
			"of a script.\n\nScenarios:\n" + scenario.Describe(),
		Example: "  smoke sim --scenario crash --nodes 10000 --seed 7 --fraction 0.9 --silent\n" +
			"  smoke sim --scenario split --parts 4 --for 10m --runs 20 --json\n" +
			"  smoke sim --file my.script --plot out.svg\n" +
			"  smoke sim --open --nodes 40",
		Args: argsOf(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if s.help {
				_, err := fmt.Fprint(cmd.OutOrStdout(), "Lines of a script:\n", scenario.Help())
				return err
			}
			if s.play.open {
				return s.play.run(cmd, s.spec)
			}
			r, err := s.run(cmd)
			if err != nil || r == nil {
				return err
			}
			if err := s.print(cmd, r); err != nil {
				return err
			}
			if !r.Good {
				return errFailed
			}
			return nil
		},
	}
	s.flags(cmd.Flags())
	return cmd
}

func (s *simulation) flags(f *pflag.FlagSet) {
	f.SortFlags = false
	p := &s.spec
	f.StringVar(&p.Scenario, "scenario", p.Scenario, "what happens: "+strings.Join(scenario.Names(), ", "))
	f.StringVar(&s.file, "file", "", "a script instead of a scenario")
	f.IntVar(&p.Nodes, "nodes", p.Nodes, "nodes at the start; 24 with --open")
	f.IntVar(&p.Seeds, "seeds", p.Seeds, "number of nodes that are seeds of all nodes")
	f.Uint64Var(&p.Seed, "seed", p.Seed, "of all that is random")
	f.IntVar(&s.runs, "runs", 1, "runs, each with the next seed")
	f.IntVar(&p.MinPeers, "min-peers", p.MinPeers, "smoke.Options.MinPeers")
	f.IntVar(&p.MaxPeers, "max-peers", p.MaxPeers, "smoke.Options.MaxPeers")
	f.IntVar(&p.MaxGuests, "max-guests", p.MaxGuests, "smoke.Options.MaxGuests: 0 means 64, negative none")
	f.StringVar(&p.Latency, "latency", p.Latency, `one way, drawn for each link: "5ms", "1ms-2ms" or "world"`)
	f.Float64Var(&p.Loss, "loss", p.Loss, "share of frames that need a retransmission, 0 to 0.5")
	f.BoolVar(&p.Wire, "wire", p.Wire, "encode every frame to bytes and decode it")
	f.Float64Var(&p.Fraction, "fraction", 0, "share of the affected nodes, 0 to 1")
	f.BoolVar(&p.Silent, "silent", false, "crashes without a reset, so peers get no sign of them")
	f.BoolVar(&p.Seedless, "seedless", false, "seeds crash too")
	f.IntVar(&p.Parts, "parts", 0, "number of parts of a partition")
	f.DurationVar(&p.For, "for", 0, "duration of the failure")
	f.Float64Var(&p.Rate, "rate", 0, "events, joins or operations a second")
	f.IntVar(&p.Senders, "senders", 0, "nodes that emit; 0: all, at random")
	f.IntVar(&p.Payload, "payload", p.Payload, "bytes of an event")
	f.IntVar(&p.Rounds, "rounds", 0, "repetitions, in scenarios that repeat")
	f.IntVar(&p.Sybils, "sybils", 0, "nodes of an attacker")
	f.IntVar(&p.Groups, "groups", 0, "address groups (/16) of these nodes, 1 to 256")
	f.BoolVar(&p.Keeps, "keep", false, "they claim that their programs asked for their links")
	f.BoolVar(&p.Relays, "relay", false, "they relay everything; otherwise nothing")
	f.BoolVar(&p.NoLimits, "no-limits", false, "hyparview.Config.NoLimits: switch the protection against them off")
	f.BoolVar(&s.asJSON, "json", false, "print JSON")
	f.StringVar(&s.plot, "plot", "", "plot the first run to this SVG file")
	f.BoolVar(&s.script, "script", false, "print the scenario as a script, and run nothing")
	f.BoolVar(&s.help, "help-script", false, "list the steps of scripts, and run nothing")
	f.BoolVar(&s.play.open, "open", false, "instead of a scenario, show the network live on the dashboard, with buttons, until Ctrl-C")
	f.StringVar(&s.play.http, "http", defaultHTTP, "`host:port` of that dashboard")
	f.Float64Var(&s.speed, "speed", 0, "pass mark: virtual seconds per second")
	f.IntVar(&s.memory, "memory", 0, "pass mark: MiB of memory")
}

// In a large network, most memory stays in use to the end. So garbage may grow to a fifth
// of the live memory, where Go's default is the same amount again. This costs a few more
// collections. In a small network, most memory is garbage, and the lower limit would cost
// far too many collections. If a memory limit is given, the limit has the same effect with
// fewer collections.
const (
	manyNodes = 2000
	thrift    = 20 // per cent
)

// run executes all runs. If it returns neither an error nor a report, there was nothing to
// run.
func (s *simulation) run(cmd *cobra.Command) (*report, error) {
	if err := s.read(); err != nil {
		return nil, err
	}
	if s.runs < 1 || s.runs > 10_000 {
		return nil, &scenario.InputError{Field: "runs", Value: fmt.Sprint(s.runs), Allowed: "1 to 10000"}
	}
	if s.script {
		text, err := scenario.Script(s.spec)
		if err == nil {
			fmt.Fprint(cmd.OutOrStdout(), text)
		}
		return nil, err
	}
	switch {
	case s.memory > 0:
		debug.SetMemoryLimit(int64(s.memory) << 20 * 9 / 10)
	case s.spec.Nodes >= manyNodes:
		defer debug.SetGCPercent(debug.SetGCPercent(thrift))
	}
	line := progress.On(cmd.ErrOrStderr())
	defer line.Clear()
	r := &report{Command: s.command(cmd, s.spec.Seed, s.runs), Good: true}
	for i := range s.runs {
		spec := s.spec
		spec.Seed += uint64(i)
		spec.Progress = s.progress(line, i)
		start := time.Now()
		result, err := scenario.Run(spec)
		if err != nil {
			return nil, err
		}
		real := time.Since(start).Seconds()
		r.Real += real
		result.Figures = append(result.Figures, s.cost(result, real)...)
		if !result.IsGood() {
			r.Good = false
			r.Replay = append(r.Replay, s.command(cmd, spec.Seed, 1))
		}
		if i > 0 || s.plot == "" {
			result.Samples = nil // the samples are too many to keep for all runs
		}
		r.Runs = append(r.Runs, result)
		runtime.GC() // the next run starts with an empty heap
	}
	r.Summary = scenario.Summarize(r.Runs)
	r.Memory = memory()
	return r, s.draw(r)
}

// progress returns the progress function of the i-th run, or nil without a terminal.
func (s *simulation) progress(line *progress.Line, i int) func(now, of time.Duration) {
	if !line.IsLive() {
		return nil
	}
	note := "  "
	if s.runs > 1 {
		note = fmt.Sprintf("  run %d of %d  ", i+1, s.runs)
	}
	return func(now, of time.Duration) {
		if of > 0 {
			line.Bar((float64(i)+float64(now)/float64(of))/float64(s.runs), note)
		}
	}
}

// mostPage is the size limit of a script or a page, in bytes. A guess.
const mostPage = 16 << 20

// read takes the script from its file.
func (s *simulation) read() error {
	if s.file == "" {
		return nil
	}
	if s.spec.Scenario != "" {
		return &scenario.InputError{Field: "file", Value: s.file, Allowed: "a file or a scenario, not both"}
	}
	text, err := files.Read(s.file, mostPage)
	if err != nil {
		return &scenario.InputError{Field: "file", Value: s.file, Allowed: fmt.Sprintf("a file that can be read (%v)", err)}
	}
	if len(strings.TrimSpace(string(text))) == 0 {
		return &scenario.InputError{Field: "file", Value: s.file, Allowed: "a script; this file is empty"}
	}
	s.spec.File, s.spec.Script = s.file, string(text)
	return nil
}

func (s *simulation) draw(r *report) error {
	if s.plot == "" {
		return nil
	}
	if err := drawPlot(s.plot, r.Runs[0]); err != nil {
		return fmt.Errorf("draw %s: %w", s.plot, err)
	}
	return nil
}

// cost returns the time and memory that a run took.
func (s *simulation) cost(result *scenario.Result, real float64) []scenario.Figure {
	speed := scenario.Figure{Name: "virtual seconds a second", Is: scenario.Number(result.Virtual / real), More: true, Good: true, Mark: scenario.None}
	if s.speed > 0 {
		speed.Mark, speed.Good = scenario.Number(s.speed), result.Virtual/real >= s.speed
	}
	mib := memory()
	memory := scenario.Figure{Name: "memory", Is: scenario.Number(mib), Unit: "MiB", Good: true, Mark: scenario.None}
	if s.memory > 0 {
		memory.Mark, memory.Good = scenario.Number(s.memory), mib <= float64(s.memory)
	}
	return []scenario.Figure{speed, memory}
}

// memory returns the memory that the Go runtime has from the system, in MiB.
func memory() float64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.Sys-m.HeapReleased) / (1 << 20)
}

// command returns the command line that repeats the run.
func (s *simulation) command(cmd *cobra.Command, seed uint64, runs int) string {
	words := []string{"smoke sim"}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		switch {
		case f.Name == "seed", f.Name == "runs", f.Name == "json", f.Name == "plot":
		case f.Value.Type() == "bool" && f.Value.String() == "true":
			words = append(words, "--"+f.Name)
		default:
			words = append(words, "--"+f.Name+" "+quote(f.Value.String()))
		}
	})
	words = append(words, fmt.Sprintf("--seed %d", seed))
	if runs > 1 {
		words = append(words, fmt.Sprintf("--runs %d", runs))
	}
	return strings.Join(words, " ")
}

// quote quotes a value for a shell.
func quote(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t\n'\"\\$`*?[]{}()<>|&;~#!") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func (s *simulation) print(cmd *cobra.Command, r *report) error {
	if s.asJSON {
		enc := json.NewEncoder(cmd.OutOrStdout())
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	return printTable(cmd.OutOrStdout(), r)
}
