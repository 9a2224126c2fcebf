package netlab

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
)

// ip runs one ip command.
func ip(args ...string) error { return run(exec.Command("ip", args...), "") }

// ipBatch runs many ip commands, one per line, in a namespace, with one process.
func ipBatch(namespace, lines string) error {
	return run(exec.Command("ip", "-n", namespace, "-batch", "-"), lines)
}

// run executes a command without output.
func run(cmd *exec.Cmd, input string) error {
	cmd.Stdin = strings.NewReader(input)
	_, err := output(cmd)
	return err
}

// output executes a command and returns its output. The error contains the command's error
// output.
func output(cmd *exec.Cmd) ([]byte, error) {
	var said, complained bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &complained
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, bytes.TrimSpace(complained.Bytes()))
	}
	return said.Bytes(), nil
}
