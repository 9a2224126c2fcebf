package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/smokesignal-go/smokesignal/internal/files"
	"github.com/smokesignal-go/smokesignal/internal/scenario"
)

// listed finds the commands of a page, which are in backticks.
var listed = regexp.MustCompile("`(smoke sim [^`]+)`")

func proofCommand() *cobra.Command {
	only := ""
	cmd := &cobra.Command{
		Use:     "proof PAGE",
		Short:   "run all measurements that a page lists",
		Long:    "Run every `smoke sim …` in backticks on the page (docs/proof.md), one after another, and\nprint the results.",
		Example: "  smoke proof docs/proof.md --only crash",
		Args:    argsOf(cobra.ExactArgs(1)),
		RunE:    func(cmd *cobra.Command, args []string) error { return prove(cmd, args[0], only) },
	}
	cmd.Flags().StringVar(&only, "only", "", "run only commands that contain this text")
	return cmd
}

// prove runs the commands of the page. If one fails, the others still run.
func prove(cmd *cobra.Command, page, only string) error {
	text, err := files.Read(page, mostPage)
	if err != nil {
		return &scenario.InputError{Field: "PAGE", Value: page, Allowed: fmt.Sprintf("a file that can be read (%v)", err)}
	}
	var commands []string
	for _, match := range listed.FindAllStringSubmatch(string(text), -1) {
		if !slices.Contains(commands, match[1]) && strings.Contains(match[1], only) {
			commands = append(commands, match[1])
		}
	}
	if len(commands) == 0 {
		return &scenario.InputError{Field: "PAGE", Value: page, Allowed: "a page with `smoke sim …` in backticks"}
	}
	failed := 0
	for i, command := range commands {
		fmt.Fprintf(cmd.OutOrStdout(), "\n[%d of %d] %s\n", i+1, len(commands), command)
		var out bytes.Buffer
		args := append(strings.Fields(command)[1:], "--json")
		code := run(args, &out, cmd.ErrOrStderr())
		if code == 2 {
			return fmt.Errorf("%s lists an invalid command: %s", page, command)
		}
		var r report
		if err := json.Unmarshal(out.Bytes(), &r); err != nil {
			return fmt.Errorf("read what %q printed: %w", command, err)
		}
		if err := printTable(cmd.OutOrStdout(), &r); err != nil {
			return err
		}
		if code != 0 {
			failed++
		}
	}
	fmt.Fprintf(cmd.OutOrStdout(), "\n%d of %d passed\n", len(commands)-failed, len(commands))
	if failed > 0 {
		return errFailed
	}
	return nil
}
