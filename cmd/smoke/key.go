package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/smokesignal-go/smokesignal/trust"
)

// keyCommand makes and shows the keys of nodes, and makes secrets.
func keyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "key",
		Short:   "make and show the keys of nodes, and make secrets",
		Example: "  smoke key new ann.key\n  smoke key secret > secret",
		Args:    argsOf(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(keyNewCommand(), keyShowCommand(), keySecretCommand())
	return c
}

const defaultKeyFile = "node.key"

// fileOf returns the file argument of a command, or the default.
func fileOf(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return defaultKeyFile
}

func keyNewCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "new [FILE]",
		Short:   "make a key in a new file (default " + defaultKeyFile + ") and print its id",
		Example: "  smoke key new ann.key\n  SMOKE_KEY_FILE=ann.key go run ./example_chat",
		Args:    argsOf(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := fileOf(args)
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				if err == nil {
					err = fmt.Errorf("%s exists already: `smoke key show %[1]s` prints its id", path)
				}
				return err
			}
			key, err := trust.LoadOrCreateKey(path)
			if err != nil {
				return err
			}
			return printKey(cmd, path, key, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func keyShowCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "show [FILE]",
		Short:   "print the id of the node that has the key in a file",
		Example: "  smoke key show ann.key",
		Args:    argsOf(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := fileOf(args)
			key, err := trust.LoadKey(path)
			if err != nil {
				return err
			}
			return printKey(cmd, path, key, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func printKey(cmd *cobra.Command, path string, key *trust.Key, asJSON bool) error {
	var err error
	if asJSON {
		err = json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]string{"file": path, "id": key.ID().String()})
	} else {
		_, err = fmt.Fprintln(cmd.OutOrStdout(), key.ID())
	}
	return err
}

func keySecretCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "secret",
		Short:   "print a new secret for Options.Secret or SMOKE_SECRET",
		Example: "  export SMOKE_SECRET=$(smoke key secret)",
		Args:    argsOf(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), trust.NewSecret())
			return err
		},
	}
}
