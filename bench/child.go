package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/spf13/cobra"

	"github.com/smokesignal-go/smokesignal/bench/internal/load"
)

// order is the request that a child reads from its standard input.
type order struct {
	load.Spec
	CPUProfile, MemProfile, MutexProfile string
}

// childCommand returns the command of a child process, which runs one measurement.
func childCommand() *cobra.Command {
	return &cobra.Command{
		Use: "child", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var o order
			if err := json.NewDecoder(cmd.InOrStdin()).Decode(&o); err != nil {
				return fmt.Errorf("read what to measure: %w", err)
			}
			o.Spec.CPUProfile, o.Spec.MemProfile, o.Spec.MutexProfile = o.CPUProfile, o.MemProfile, o.MutexProfile
			c, err := contestant(o.Contestant)
			if err != nil {
				return err
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(load.Measure(cmd.Context(), c, o.Spec))
		},
	}
}

// childWithin limits the time of a child in addition to the measured time. The child needs
// it to form the network, to drain it and to close it.
const childWithin = 2 * time.Minute

// measureApart runs one measurement in its own process. If the process fails, the error is
// in the result.
func measureApart(ctx context.Context, o order, stderr io.Writer) *load.Result {
	self, err := os.Executable()
	if err != nil {
		return &load.Result{Spec: o.Spec, Error: err.Error()}
	}
	return measureBy(ctx, self, o, stderr)
}

// measureBy does what measureApart does, with the given program.
func measureBy(ctx context.Context, program string, o order, stderr io.Writer) *load.Result {
	ctx, cancel := context.WithTimeout(ctx, childWithin+o.Warm+o.For)
	defer cancel()
	failed := func(err error) *load.Result { return &load.Result{Spec: o.Spec, Error: err.Error()} }
	in, err := json.Marshal(o)
	if err != nil {
		return failed(err)
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, program, "child")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, stderr
	if err := cmd.Run(); err != nil {
		return failed(fmt.Errorf("measure %s: %w", o.Contestant, err))
	}
	r := new(load.Result)
	if err := json.Unmarshal(out.Bytes(), r); err != nil {
		return failed(fmt.Errorf("read the result of %s: %w", o.Contestant, err))
	}
	return r
}
