// Smoke is the command of Smokesignal.
//
//	smoke sim      run failures on a simulated network and measure what comes of them
//	smoke proof    run all the measurements that a page lists
//	smoke bench    measure what a network of real nodes carries
//	smoke key      make and show the keys of nodes, and make secrets
//	smoke cert     make certificates for trying out
//
// It ends with 0 if all went well, with 1 if a promise was broken or a pass mark
// missed, and with 2 if it was called wrongly.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/smokesignal-go/smokesignal/internal/scenario"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// errFailed says that the measurements were made and were not good enough. What
// was wrong has been printed.
var errFailed = errors.New("not good enough")

// usageError is a command line that cannot be understood.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// run is the command as a function, for tests.
func run(args []string, stdout, stderr io.Writer) (code int) {
	root := &cobra.Command{
		Use:           "smoke",
		Short:         "the command of Smokesignal",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          argsOf(cobra.NoArgs),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(simCommand(), proofCommand(), benchCommand(), keyCommand(), certCommand())
	err := root.Execute()
	var input *scenario.InputError
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errFailed):
		return 1
	case errors.As(err, &input), errors.As(err, &usage):
		fmt.Fprintf(stderr, "smoke: %v\n", err)
		return 2
	}
	fmt.Fprintf(stderr, "smoke: %v\n", err)
	return 1
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
