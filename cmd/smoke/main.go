// Smoke is the command of Smokesignal. docs/command.md shows each of these at work.
//
//	smoke node     run a node and report what happens to it
//	smoke sub      print events as they arrive
//	smoke emit     emit an event, or one for each line of input
//	smoke chat     chat, line by line
//
//	smoke status   show the state of the network and any problems
//	smoke nodes    list all nodes of the network
//	smoke peers    list the links of a node
//	smoke path     show the path of events from one node to another
//	smoke top      show the network live in the terminal
//
//	smoke ping     identify the node at an address
//	smoke probe    check whether a node lives and is ready, for service managers
//	smoke doctor   check whether a node would work here, and say what to change
//
//	smoke key      make and show the keys of nodes, and make secrets
//	smoke cert     make test certificates
//
//	smoke bench    measure what a network of real nodes carries
//	smoke sim      run failures on a simulated network and measure the results
//	smoke proof    run all measurements that a page lists
//
//	smoke version  print the version
//
// Results go to stdout, everything else to stderr. There is no colour.
//
// It ends with
//
//	0  on success,
//	1  if something is wrong: a check or a pass mark failed, events were lost,
//	   a file can't be read, the peer that answered is not a compatible node,
//	2  for wrong usage: a flag or an environment variable is invalid,
//	3  if no node answered in time.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/smokesignal-go/smokesignal/internal/loadtest"
	"github.com/smokesignal-go/smokesignal/internal/redact"
	"github.com/smokesignal-go/smokesignal/internal/scenario"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// Errors of a command that has already printed what is wrong.
var (
	errFailed = errors.New("not good enough")
	errNobody = errors.New("nobody was found")
)

// usageError is a command line that cannot be understood.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// toldError is an error that has already been printed.
type toldError struct{ error }

func (e *toldError) Unwrap() error { return e.error }

// run runs the command and returns the exit code. It is separate from main so that tests
// can call it.
func run(args []string, stdout, stderr io.Writer) (code int) {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	var told *toldError
	if err != nil && !errors.Is(err, errFailed) && !errors.Is(err, errNobody) && !errors.As(err, &told) {
		fmt.Fprintf(stderr, "smoke: %s\n", redact.TextWithIDs(printable(err.Error())))
	}
	return exitCode(err)
}

// exitCode returns the exit code for an error.
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

// newRoot makes the command with all subcommands.
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

// argsOf turns an error about arguments into a usageError.
func argsOf(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}
