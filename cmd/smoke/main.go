// Smoke is the command of Smokesignal. docs/command.md shows each of these at work.
//
//	smoke node     run a node, and say what befalls it
//	smoke sub      print events as they come
//	smoke emit     emit an event, or a line of input each
//	smoke chat     talk with others, line by line
//
//	smoke status   say how the network is, and what is wrong
//	smoke nodes    list all nodes of the network
//	smoke peers    list the links of a node
//	smoke path     show the way on which events go from one node to another
//	smoke top      show the network live in the terminal
//
//	smoke ping     greet the node at an address
//	smoke probe    say whether a node lives and is ready, for those who start it again
//	smoke doctor   check whether a node would work here, and say what to change
//
//	smoke key      make and show the keys of nodes, and make secrets
//	smoke cert     make certificates for trying out
//
//	smoke bench    measure what a network of real nodes carries
//	smoke sim      run failures on a simulated network and measure what comes of them
//	smoke proof    run all the measurements that a page lists
//
//	smoke version  say what this is
//
// Results go to stdout, everything else to stderr. There is no colour.
//
// It ends with
//
//	0  if all went well,
//	1  if something is wrong: a check or a pass mark failed, events were lost,
//	   a file can't be read, somebody answered and is no node for us,
//	2  if it was called wrongly, by its flags or by the environment,
//	3  if nobody was found: no node answered, or none in time.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/smokesignal-go/smokesignal/internal/loadtest"
	"github.com/smokesignal-go/smokesignal/internal/scenario"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// What a command ends with when it has printed already what is wrong.
var (
	errFailed = errors.New("not good enough")
	errNobody = errors.New("nobody was found")
)

// usageError is a command line that cannot be understood.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// toldError is an error that has been printed already.
type toldError struct{ error }

func (e *toldError) Unwrap() error { return e.error }

// run is the command as a function, for tests.
func run(args []string, stdout, stderr io.Writer) (code int) {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	var told *toldError
	if err != nil && !errors.Is(err, errFailed) && !errors.Is(err, errNobody) && !errors.As(err, &told) {
		fmt.Fprintf(stderr, "smoke: %s\n", printable(err.Error()))
	}
	return exitCode(err)
}

// exitCode is what the command ends with.
func exitCode(err error) int {
	var input *scenario.InputError
	var usage usageError
	var alone *loadtest.AloneError
	var nobody *nobodyThere
	switch {
	case err == nil:
		return 0
	case errors.As(err, &input), errors.As(err, &usage):
		return 2
	case errors.As(err, &alone), errors.As(err, &nobody), errors.Is(err, errNobody):
		return 3
	}
	return 1
}

// newRoot makes the command with all its commands.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "smoke",
		Short:         "the command of Smokesignal",
		Example:       "  smoke node --port 8495\n  smoke sub --seeds 127.0.0.1:8495\n  smoke emit chat hello --seeds 127.0.0.1:8495",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          argsOf(cobra.NoArgs),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(
		nodeCommand(), subCommand(), emitCommand(), chatCommand(),
		statusCommand(), nodesCommand(), peersCommand(), pathCommand(), topCommand(),
		pingCommand(), probeCommand(), doctorCommand(),
		keyCommand(), certCommand(),
		benchCommand(), simCommand(), proofCommand(),
		versionCommand(),
	)
	return root
}

// argsOf makes a usageError of what is wrong with arguments.
func argsOf(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}
